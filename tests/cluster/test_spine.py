"""Several controllers, and controllers that die: the document and the nodes stay whole."""

import json
import signal
from pathlib import Path

import pytest

from tests.cluster.bed import CLIENT, SERVERS, Bed, Workspace, wait_until

S3 = SERVERS[:3]
HANG = """
[ -e /usr/sbin/glusterfsd.away ] || mv /usr/sbin/glusterfsd /usr/sbin/glusterfsd.away
printf '#!/bin/sh\nexec sleep 600\n' > /usr/sbin/glusterfsd
chmod 755 /usr/sbin/glusterfsd
"""
MEND = """
mv -f /usr/sbin/glusterfsd.away /usr/sbin/glusterfsd 2>/dev/null
pkill -x sleep
true
"""


@pytest.fixture
def laptop(clean: Bed, tmp_path: Path) -> Workspace:
    clean.on_all(SERVERS, MEND)
    clean.wipe()
    made = Workspace(tmp_path / "one", clean)
    made.inventory([*SERVERS, CLIENT])
    made.ok("cluster", "init", "prod", f"--nodes={','.join(S3)}")
    return made


def create(name: str, disk: str = "/data1") -> list[str]:
    return ["volume", "create", name, "replica", "3", *(f"{s}:{disk}/{name}" for s in S3)]


def replicas(bed: Bed) -> list[dict[str, object]]:
    """The document as every meta server has it on its disk."""
    texts = bed.on_all(S3, "cat /var/lib/kadalu/*/meta/document.json")
    return [json.loads(text) for text in texts.values()]


def hang_in_create(laptop: Workspace, bed: Bed, name: str):  # type: ignore[no-untyped-def]
    """A create that waits for ever on server3, its intent durable, the other units running."""
    bed.sh("server3", HANG)
    process = laptop.spawn(*create(name))
    wait_until(lambda: bed.ok("server3", "pgrep -x sleep"), why="the create hangs on server3")
    for server in S3[:2]:
        wait_until(lambda node=server: len(bed.units(node)) == 2, why=f"{server} serves")
    return process


def test_two_controllers_race(laptop: Workspace, clean: Bed, tmp_path: Path) -> None:
    """Both create volumes at once, round after round; ports and documents never collide."""
    other = laptop.copy(tmp_path / "two")
    made: set[str] = set()
    for number in range(6):
        racers = [
            (w, f"{tag}{number}", w.spawn(*create(f"{tag}{number}"), "--lock-timeout", "60"))
            for w, tag in ((laptop, "a"), (other, "b"))
        ]
        for workspace, name, process in racers:
            out, err = process.communicate(timeout=120)
            if process.returncode:
                assert "kadalu state pull" in err, (out, err)
                workspace.ok("state", "pull")
                workspace.ok(*create(name))
            made.add(name)
        for workspace in (laptop, other):
            workspace.ok("state", "pull")
    documents = replicas(clean)
    assert documents[0] == documents[1] == documents[2]
    volumes = documents[0]["volumes"]
    assert {v["name"] for v in volumes} == made  # type: ignore[union-attr,index]
    for server in S3:
        ports = clean.sh(server, "ss -ltnH | awk '{print $4}' | grep -o '240[0-9]*$' | sort -u")
        assert len(ports.split()) == len(made)
    assert len(list((laptop.path / "state").glob("*/history/*.json"))) >= len(made) // 2


def test_a_second_controller_is_told_who_holds_the_lock(
    laptop: Workspace, clean: Bed, tmp_path: Path
) -> None:
    other = laptop.copy(tmp_path / "two")
    process = hang_in_create(laptop, clean, "slow")
    told = other.refused(*create("second", "/data2"), "--lock-timeout", "1", code=6)
    assert "kadalu volume create slow" in told
    clean.sh("server3", MEND)
    clean.sh("server3", "systemctl stop 'kadalu-brick-*'", check=False)
    process.communicate(timeout=200)
    assert process.returncode in (1, 5)


def test_a_killed_controller_is_settled_from_another_laptop(
    laptop: Workspace, clean: Bed, tmp_path: Path
) -> None:
    other = laptop.copy(tmp_path / "two")
    process = hang_in_create(laptop, clean, "dead")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    clean.sh("server3", MEND)
    wait_until(
        lambda: not any(clean.ok(s, "pgrep -f '[z]lib.decompress'") for s in S3),
        why="the workers notice that their controller is gone",
    )
    assert "was interrupted" in other.refused(*create("next"))
    assert clean.units("server1") != [], "nothing was settled without a yes"
    other.ok(*create("next"), "-y")
    for server in S3:
        assert not clean.ok(server, "ls -d /data1/dead"), server
        assert len(clean.units(server)) == 2, server
        assert not clean.ok(server, "ls /var/lib/kadalu/*/meta/intent.json"), server
    assert [v["name"] for v in other.json("volume", "list")["volumes"]] == ["next"]
    assert "state pull" in laptop.refused(*create("late"))


def test_a_controller_that_slept_changes_nothing_when_it_wakes(
    laptop: Workspace, clean: Bed, tmp_path: Path
) -> None:
    other = laptop.copy(tmp_path / "two")
    process = hang_in_create(laptop, clean, "asleep")
    process.send_signal(signal.SIGSTOP)
    clean.sh("server3", MEND)
    run = wait_until(
        lambda: (r := other.run(*create("awake"), "-y", "--lock-timeout", "20")).code == 0 and r,
        120, "the lock of the sleeper is let go",
    )  # fmt: skip
    assert run.code == 0
    before = replicas(clean)
    process.send_signal(signal.SIGCONT)
    _, err = process.communicate(timeout=120)
    assert process.returncode in (1, 5, 6), err
    assert replicas(clean) == before
    for server in S3:
        assert not clean.ok(server, "ls -d /data1/asleep"), server
        assert len(clean.units(server)) == 2, server
    status = other.json("volume", "status", "awake")["volumes"][0]
    assert status["health"] == "Up"


def test_no_majority_no_change(laptop: Workspace, clean: Bed) -> None:
    for server in ("server2", "server3"):
        clean.docker("pause", clean.container(server))
    try:
        told = laptop.refused("cluster", "rename", "prod", "other", "--timeout", "2", code=6)
    finally:
        for server in ("server2", "server3"):
            clean.docker("unpause", clean.container(server))
    assert "only 1 of 3 meta servers answer; 2 are needed" in told
    assert laptop.json("cluster", "list")["clusters"][0]["name"] == "prod"


def test_a_node_of_another_cluster_is_refused(
    laptop: Workspace, clean: Bed, tmp_path: Path
) -> None:
    foreign = Workspace(tmp_path / "foreign", clean)
    foreign.inventory(SERVERS)
    told = foreign.refused("cluster", "init", "theirs", "--nodes=server1,server4")
    assert "server1: it is a node of cluster" in told
    assert not clean.ok("server4", "ls /var/lib/kadalu/*/identity.json")


def test_meta_servers_come_and_go(laptop: Workspace, clean: Bed) -> None:
    laptop.ok("node", "add", "server4")
    laptop.ok("cluster", "meta", "add", "server4")
    assert clean.ok("server4", "ls /var/lib/kadalu/*/meta/document.json")
    laptop.ok("cluster", "meta", "remove", "server4", "-y")
    names = [m["name"] for m in laptop.json("cluster", "meta", "list")["meta_servers"]]
    assert names == S3
    laptop.ok("node", "remove", "server4", "-y")
    assert not clean.ok("server4", "ls /var/lib/kadalu/*/identity.json")
    laptop.ok("cluster", "rename", "prod", "renamed")
    laptop.ok("cluster", "use", "renamed")
    laptop.ok("cluster", "delete", "renamed", "-y")
    for server in SERVERS:
        assert not clean.ok(server, "ls /var/lib/kadalu/*/identity.json"), server
    assert laptop.json("cluster", "list")["clusters"] == []
