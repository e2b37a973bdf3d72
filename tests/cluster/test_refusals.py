"""Everything that is refused is refused with nothing touched, and all reasons at once."""

import json
from pathlib import Path

import pytest

from tests.cluster.bed import CLIENT, SERVERS, Bed, Workspace

REPLICA = ["volume", "create", "bad", "replica", "3"]


def listing(bed: Bed) -> dict[str, str]:
    """All that a create could leave on the servers. (That one was tried stays in the history.)"""
    script = (
        "find /data1 /data2 /bricks /etc/systemd/system /var/lib/kadalu -printf '%p %m\n' "
        "2>/dev/null | grep -v -e fence.json -e /meta/history/ | sort"
    )
    return bed.on_all(SERVERS[:3], script, check=False)


@pytest.fixture
def untouched(shared: Workspace, clean: Bed):  # type: ignore[no-untyped-def]
    before = listing(clean)
    yield shared
    assert listing(clean) == before
    assert shared.json("volume", "list")["volumes"] == []


def test_all_reasons_of_all_nodes_at_once(untouched: Workspace, clean: Bed) -> None:
    clean.sh("server3", "mkdir -p /data2/full && touch /data2/full/file")
    told = untouched.refused(
        *REPLICA, "server1:/bricks/b", "server2:/data1/no/parent", "server3:/data2/full"
    )
    clean.sh("server3", "rm -r /data2/full")
    assert "server1: /bricks/b: is on the root file system" in told
    assert "server2: /data1/no/parent: its parent directory does not exist" in told
    assert "server3: /data2/full: is not empty: file" in told


@pytest.mark.parametrize(
    ("units", "told"),
    [
        (["server1:/data1/a", "server1:/data1/b", "server2:/data1/a"], "--same-node"),
        (["server1:/data1/a", "server2:/data1", "server3:/data1/a"], "mount point"),
        (["server1:/data1/a", "server1:/data1/a/b", "server2:/data1/a"], "lies inside"),
        (["server1:22:/data1/a", "server2:/data1/a", "server3:/data1/a"], "port 22 is in use"),
        (["server1:/data1/a", "server2:/data1/a", "nowhere:/data1/a"], "not in cluster prod"),
        (["server1:/data1/a", "server2:/proc/a", "server3:/data1/a"], "/proc/a"),
    ],
)
def test_refused_units(untouched: Workspace, units: list[str], told: str) -> None:
    assert told in untouched.refused(*REPLICA, *units)


def test_foreign_volume_id(untouched: Workspace, clean: Bed) -> None:
    value = "0x" + "ab" * 16
    clean.sh(
        "server1", f"mkdir /data1/f; setfattr -n trusted.glusterfs.volume-id -v {value} /data1/f"
    )
    told = untouched.refused(*REPLICA, *(f"{s}:/data1/f" for s in SERVERS[:3]))
    clean.sh("server1", "rmdir /data1/f")
    assert "server1: /data1/f: is a storage unit of volume abababab" in told


def test_a_down_node(untouched: Workspace, clean: Bed) -> None:
    clean.docker("pause", clean.container("server3"))
    try:
        told = untouched.refused(
            *REPLICA, *(f"{s}:/data1/d" for s in SERVERS[:3]), "--timeout", "2"
        )
    finally:
        clean.docker("unpause", clean.container("server3"))
    assert "server3: connect timed out after 2 s" in told


def test_a_running_glusterd(untouched: Workspace, clean: Bed) -> None:
    clean.sh("server2", "systemctl start glusterd")
    told = untouched.refused(*REPLICA, *(f"{s}:/data1/d" for s in SERVERS[:3]))
    clean.sh("server2", "systemctl stop glusterd")
    assert "server2: glusterd runs here" in told


def test_two_copies_need_a_yes(untouched: Workspace) -> None:
    told = untouched.refused(
        "volume", "create", "two", "replica", "2", "server1:/data1/a", "server2:/data1/a"
    )
    assert "split-brain" in told


def test_a_failed_create_leaves_nothing(untouched: Workspace, clean: Bed) -> None:
    """The second node cannot start its unit: something else grabs the port meanwhile."""
    clean.sh("server2", "mv /usr/sbin/glusterfsd /usr/sbin/glusterfsd.away")
    try:
        run = untouched.run(*REPLICA, *(f"{s}:/data1/d" for s in SERVERS[:3]))
    finally:
        clean.sh("server2", "mv /usr/sbin/glusterfsd.away /usr/sbin/glusterfsd")
        clean.sh("server2", "systemctl reset-failed", check=False)
    assert run.code in (1, 2), run.out + run.err
    assert "server2" in run.err
    for server in SERVERS[:3]:
        assert clean.units(server) == []


def test_dry_run_changes_nothing(untouched: Workspace) -> None:
    words = [*REPLICA, *(f"{s}:/data1/d" for s in SERVERS[:3])]
    shown = untouched.ok(*words, "--dry-run")
    assert "+    option remote-port 24010" in shown
    assert shown.endswith("Nothing was changed.\n")
    assert "password ***" in shown
    changes = json.loads(untouched.ok(*words, "--dry-run", "--json"))
    assert {c["node"] for c in changes["changes"]} == set(SERVERS[:3])


HOSTILE = [
    "a b",
    "a'b",
    'a"b',
    "a`id`",
    "$(id)",
    "a\nb",
    "../x",
    "ü",
    "x" * 300,
    "-rf",
    "a;id",
    "a|b",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_refused_by_name(untouched: Workspace, text: str) -> None:
    good = [f"{s}:/data1/h" for s in SERVERS[:3]]
    for words in (
        ["volume", "create", text, "replica", "3", *good],
        [*REPLICA, f"server1:/data1/{text}", *good[1:]],
        [*REPLICA, f"{text}:/data1/h", *good[1:]],
        ["volume", "start", text],
        ["volume", "info", text],
        ["mount", text, f"{CLIENT}:/mnt/x"],
        ["mount", "bad", f"{CLIENT}:/mnt/{text}"],
        ["volume", "expand", text, *good],
        ["volume", "expand", "bad", f"server1:/data1/{text}"],
        ["volume", "shrink", text, "--group", "1", "-y"],
        ["volume", "replace-unit", text, *good[:2]],
        ["volume", "replace-unit", "bad", f"server1:/data1/{text}", good[1]],
        ["volume", "replace-unit", "bad", good[0], f"{text}:/data1/h"],
        ["rebalance", "start", text],
        ["rebalance", "start", "bad", "--throttle", text],
        ["rebalance", "status", text],
        ["rebalance", "cron", text],
        ["rebalance", "cron", "bad", "--minutes", text],
        ["node", "replace", text, "server1"],
        ["node", "replace", "server1", text],
        ["node", "maintenance", text, "on"],
        ["upgrade", "--rolling", "--limit", text],
        ["cluster", "init", text],
        ["node", "add", text],
        ["node", "info", text],
        ["node", "remove", text, "-y"],
        ["cluster", "meta", "add", text],
        ["task", "show", text],
        ["task", "rollback", text, "-y"],
        ["reconcile", "--limit", text],
        ["state", "diff", text],
        ["state", "recover", "--from", text],
        ["volume", "create", "bad", *good, "--option", f"{text}=1"],
    ):
        run = untouched.run(*words)
        assert run.code == 2, (words, run.out, run.err)
        assert "Traceback" not in run.err


@pytest.mark.parametrize("value", ["a b", "a`id`", 'a"b', "a\nb", ""])
def test_option_values_that_no_volfile_holds(untouched: Workspace, value: str) -> None:
    create = ("volume", "create", "bad", "server1:/data1/h", "--option")
    told = untouched.refused(*create, f"auth.allow={value}")
    assert "'auth.allow': " in told and "it takes" in told
    if value.isprintable() and value:  # an option of any text
        told = untouched.refused(*create, f"cluster.rsync-hash-regex={value}")
        assert f"cannot be {value!r}" in told
        assert "a volfile takes no blanks, quotes" in told


def test_a_mount_on_a_used_directory_is_refused(shared: Workspace, clean: Bed) -> None:
    shared.ok("volume", "create", "m1", "server1:/data1/m1")
    clean.sh(CLIENT, "mkdir -p /mnt/used && touch /mnt/used/file")
    assert "is not empty" in shared.refused("mount", "m1", f"{CLIENT}:/mnt/used")
    assert "is not a directory" in shared.refused("mount", "m1", f"{CLIENT}:/etc/passwd")
    assert "mount option" in shared.refused("mount", "m1", f"{CLIENT}:/mnt/m", "-o", "a b")
    shared.ok("volume", "stop", "m1", "-y")
    assert "not started" in shared.refused("mount", "m1", f"{CLIENT}:/mnt/m1")
    shared.ok("volume", "delete", "m1", "--wipe", "-y")
    clean.sh(CLIENT, "rm -r /mnt/used")


def test_workspace_without_anything(tmp_path: Path, clean: Bed) -> None:
    empty = Workspace(tmp_path / "none", clean)
    empty.path.mkdir()
    assert "there is no cluster" in empty.refused("volume", "list")
    assert "there is no inventory" in empty.refused("cluster", "init", "x", "--nodes=a")
