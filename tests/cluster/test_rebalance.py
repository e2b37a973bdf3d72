"""Rebalances: under load, through deaths of whatever takes part, and what is told of them."""

import json
from collections.abc import Iterator

import pytest

from tests.cluster.bed import CLIENT, SERVERS, Bed, Workspace, wait_until
from tests.cluster.load import refute_errors, two_writers

FILES = "find /data1/v -not -path '*/.glusterfs/*' -type f -size +0"
CRAWLS = "systemctl list-units --plain --no-legend 'kadalu-crawl-*' | cut -d' ' -f1"


@pytest.fixture
def data(shared: Workspace, clean: Bed) -> Iterator[Workspace]:
    """Two copies in two groups, of which the second is empty, with files that take a while."""
    words = ["replica", "2", "arbiter", "1"]
    first = [f"{s}:/data1/v" for s in SERVERS[:3]]
    shared.ok("volume", "create", "v", *words, *first)
    shared.ok("mount", "v", f"{CLIENT}:/mnt/v")
    clean.sh(
        CLIENT,
        "cd /mnt/v && for d in a a/b a/b/c d e; do mkdir -p $d; for i in $(seq 60); do "
        "head -c $((i * 2000)) /dev/urandom >$d/f$i; done; done; ln a/f1 a/hard; "
        'truncate -s 5000000 d/sparse; o=$(printf \'e/\\377 $(id)\\n\\047"odd\'); mkdir "$o"; '
        "for i in $(seq 20); do echo $i >\"$o/$(printf '\\377')`echo` $i;\"; done; "
        "find . -type f -print0 | sort -z | xargs -0 sha256sum >/root/sums",
    )
    shared.ok("volume", "expand", "v", *(f"{s}:/data1/v" for s in SERVERS[3:]))
    shared.ok("rebalance", "status", "v", "--watch")
    yield shared
    shared.run("umount", f"{CLIENT}:/mnt/v")
    shared.ok("volume", "stop", "v", "-y")
    shared.ok("volume", "delete", "v", "--wipe", "-y")


def unchanged(bed: Bed) -> bool:
    return bed.ok(CLIENT, "cd /mnt/v && sha256sum -c --quiet /root/sums")


def rows(workspace: Workspace) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(
        workspace.run("rebalance", "status", "v", "--json").out
    )["groups"]
    return found


def counts(bed: Bed, first: str = "server1") -> tuple[int, int]:
    """Files with data in a unit of each group."""
    one, two = (len(bed.sh(s, f"{FILES} -printf .")) for s in (first, "server4"))
    return one, two


def test_files_move_while_they_are_used(data: Workspace, clean: Bed) -> None:
    loads = two_writers(clean, "/mnt/v")
    before = sum(counts(clean))
    data.ok("rebalance", "start", "v", "--throttle", "aggressive")
    told = data.refused("rebalance", "start", "v")
    assert "a rebalance of it is running" in told and "rebalance stop v" in told
    assert "is running" in data.refused("volume", "shrink", "v", "--group", "1", "-y")
    data.ok("rebalance", "status", "v", "--watch")
    for load in loads:
        load.more(20)
    refute_errors(loads)
    assert unchanged(clean)
    one, two = counts(clean)
    assert one + two >= before and abs(one - two) < 0.3 * (one + two), "spread evenly"
    found = data.run("rebalance", "status", "v", "--json").json
    assert [row["state"] for row in found["groups"]] == ["complete", "complete"]
    assert found["total"]["percent"] == 100 and found["total"]["files_failed"] == 0
    assert found["groups"][0]["skipped"].get("hard links", 0) <= 2
    assert found["groups"][0]["files_total"] >= 322
    assert clean.sh(CLIENT, "stat -c %h /mnt/v/a/hard").strip() == "2"
    assert clean.sh("server1", "grep crawl /proc/mounts; true") == "", "nothing stays mounted"
    data.ok("reconcile", "--check")


def test_it_is_stopped_and_begun_again(data: Workspace, clean: Bed) -> None:
    data.ok("rebalance", "start", "v", "--throttle", "lazy")
    data.ok("rebalance", "stop", "v", "-y")
    assert "no rebalance of volume v is running" in data.refused("rebalance", "stop", "v", "-y")
    assert clean.sh("server1", f"{CRAWLS}; pgrep -f '[c]rawl.py'; true") == ""
    assert {row["state"] for row in rows(data)} <= {"stopped", "complete"}
    data.ok("reconcile", "--check")
    data.ok("rebalance", "start", "v")
    data.ok("rebalance", "status", "v", "--watch")
    assert unchanged(clean) and counts(clean)[1] > 0


def test_whatever_dies_in_the_middle_nothing_is_lost(data: Workspace, clean: Bed) -> None:
    """The crawler, then a storage unit, then the crawler's node: it goes on where it was."""
    data.ok("rebalance", "start", "v", "--throttle", "lazy")
    wait_until(lambda: clean.ok("server1", "pgrep -f '[c]rawl.py'"))
    clean.sh("server1", "pkill -9 -f '[c]rawl.py'")
    brick = clean.sh("server5", "cd /etc/systemd/system && ls kadalu-brick-*").strip()
    clean.sh("server5", f"systemctl kill --signal=KILL {brick}")
    clean.sh("server5", f"systemctl restart {brick}")
    clean.reboot("server1")
    data.inventory([*SERVERS, CLIENT])
    data.ok("rebalance", "status", "v", "--watch")
    found = rows(data)
    assert [row["state"] for row in found] == ["complete", "complete"]
    assert found[0]["files_scanned"] == found[0]["files_total"], "none twice, and none left out"
    wait_until(lambda: unchanged(clean), why="all files are whole")
    data.ok("heal", "info", "v", "--watch")
    assert sum(counts(clean)) >= 321


def test_a_node_that_is_off_is_told_and_another_takes_over(data: Workspace, clean: Bed) -> None:
    """Only for that group: the others go on with what they are at."""
    hold = "until pkill -STOP -f '[c]rawl.py'; do sleep 0.02; done"
    for server in ("server1", "server4"):
        clean.sh(server, f'nohup sh -c "{hold}" >/dev/null 2>&1 &')
    begun = data.json("rebalance", "start", "v", "--throttle", "lazy")["run"]
    clean.kill("server1")
    run = data.run("rebalance", "status", "v", "--json", "--timeout", "3")
    assert [row["state"] for row in run.json["groups"]] == ["stale", "running"], run.out
    assert run.code == 3 and "group 1 waits for server1" in run.json["warnings"][0]
    again = data.run("rebalance", "start", "v", "--timeout", "3")
    assert again.code == 3 and "pending on: server1" in again.err, again.out + again.err
    assert "begins anew in group 1 on server2" in again.out
    clean.sh("server4", "pkill -CONT -f '[c]rawl.py'")
    data.ok("rebalance", "status", "v", "--watch", "--timeout", "3")
    found = data.run("rebalance", "status", "v", "--json", "--timeout", "3").json
    assert found["run"] == begun and [r["node"] for r in found["groups"]] == ["server2", "server4"]
    assert counts(clean, "server2")[1] > 0
    clean.start("server1")
    data.inventory([*SERVERS, CLIENT])
    data.ok("reconcile")
    assert clean.sh("server1", CRAWLS) == "", "the old crawl does not come back with its node"
    data.ok("heal", "info", "v", "--watch")
    assert unchanged(clean)


def test_what_cron_is_given(data: Workspace, clean: Bed) -> None:
    target = data.path / "status.json"
    told = data.json("rebalance", "cron", "v", "--file", str(target), "--exec", "touch troubled")
    script = told["crontab"].partition(" /bin/sh -c ")[2].replace(r"\%", "%")
    clean_env = data.environment()
    import subprocess

    subprocess.run(["sh", "-c", f"sh -c {script}"], env=clean_env, cwd=data.path, check=True)
    assert json.loads(target.read_text())["total"]["state"] == "complete"
    assert not (data.path / "troubled").exists()
    assert "WantedBy=timers.target" in told["units"]["kadalu-rebalance-v.timer"]


def test_one_group_has_nowhere_to_move_files_to(shared: Workspace, clean: Bed) -> None:
    shared.ok("volume", "create", "one", "server1:/data2/one")
    told = shared.refused("rebalance", "start", "one")
    assert "one distribute group only" in told and "volume expand one" in told
    assert "was not rebalanced yet" in shared.ok("rebalance", "status", "one")
