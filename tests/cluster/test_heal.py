"""Heals that need a hand, and what the daemons say of their own work."""

import pytest

from tests.cluster.bed import CLIENT, OLD, SERVERS, Bed, Workspace, wait_until

S2, S3 = SERVERS[:2], SERVERS[:3]
STOP, START = (
    "systemctl stop 'kadalu-brick-*'",
    ("systemctl start $(cd /etc/systemd/system && ls -d kadalu-brick-*)"),
)


@pytest.fixture(scope="module")
def split(shared: Workspace, clean: Bed) -> Workspace:
    """Two copies of /f and /g that blame each other: each was written while the other was away."""
    shared.ok("volume", "create", "two", "replica", "2", *(f"{s}:/data1/two" for s in S2), "-y")
    shared.ok("mount", "two", f"{CLIENT}:/mnt/two")
    clean.sh(CLIENT, "echo 0 >/mnt/two/f; echo 0 >/mnt/two/g")
    for away, there, text in (("server1", "server2", "one"), ("server2", "server1", "longer")):
        clean.sh(away, STOP)  # first: were both up, the one would heal the other
        clean.sh(there, START)
        wait_until(lambda node=there: clean.serves(node, CLIENT), why="the client is connected")
        wait_until(lambda words=text: clean.ok(CLIENT, f"echo {words} >/mnt/two/f"))
        wait_until(lambda words=text: clean.ok(CLIENT, f"echo {words} >/mnt/two/g"))
    clean.sh("server2", START)
    wait_until(lambda: clean.serves("server2", CLIENT), why="both are back")
    wait_until(lambda: _split_brains(shared) == 2, why="it is seen")
    return shared


def _split_brains(workspace: Workspace) -> int:
    run = workspace.run("heal", "info", "two", "--json")
    counts = [unit["split_brain"] or 0 for unit in run.json["units"]] if run.code == 0 else [0]
    return max(counts)


def test_a_split_brain_is_ended_by_whoever_is_right(split: Workspace, clean: Bed) -> None:
    assert not clean.ok(CLIENT, "cat /mnt/two/f"), "neither copy is given out"
    told = split.refused("heal", "resolve", "two", "/f", "--policy", "newest")
    assert "source-unit=server1:/data1/two" in told
    assert "needs a confirmation" in split.refused(
        "heal", "resolve", "two", "/f", "--policy", "bigger-file"
    )
    shown = split.ok("heal", "resolve", "two", "/f", "--policy", "bigger-file", "--dry-run")
    assert "file:/f: overwrite the copies that are not bigger" in shown
    assert _split_brains(split) == 2, "a dry run resolves nothing"
    split.ok("heal", "resolve", "two", "/f", "--policy", "bigger-file", "-y")
    split.ok("heal", "resolve", "two", "/g", "--policy", "source-unit=server2:/data1/two", "-y")
    for server in S2:
        assert clean.sh(server, "cat /data1/two/f /data1/two/g") == "longer\none\n"
    assert clean.sh(CLIENT, "cat /mnt/two/f /mnt/two/g") == "longer\none\n"
    assert _split_brains(split) == 0
    told = split.refused("heal", "resolve", "two", "/f", "--policy", "bigger-file", "-y", code=1)
    assert "/f of volume two was not resolved" in told and "not in split-brain" in told


def test_watching_a_heal_and_its_statistics(split: Workspace, clean: Bed) -> None:
    split.ok("volume", "create", "v", "replica", "3", *(f"{s}:/data2/v" for s in S3))
    split.ok("mount", "v", f"{CLIENT}:/mnt/v")
    brick = clean.sh("server3", "cd /etc/systemd/system && ls kadalu-brick-*").split()[-1]
    clean.sh("server3", f"systemctl stop {brick}")
    clean.sh(CLIENT, "for i in 1 2 3 4 5; do echo $i >/mnt/v/f$i; done")
    waiting = split.run("heal", "info", "v", "--summary", "--json")
    assert waiting.code == 3, "a unit is away"
    clean.sh("server3", f"systemctl start {brick}")
    split.ok("heal", "start", "v")
    done = split.json("heal", "info", "v", "--watch")
    assert done["total"] == 0
    assert clean.sh("server3", "cat /data2/v/f5") == "5\n"
    crawls = split.json("heal", "statistics", "v")["crawls"]
    assert sum(crawl["healed"] for crawl in crawls) >= 5
    hour = clean.sh("server1", "date -u +%Y-%m-%dT")
    assert all(crawl["began"].startswith(hour.strip()) for crawl in crawls), crawls
    assert {crawl["unit"] for crawl in crawls} <= {f"{s}:/data2/v" for s in S3}


@pytest.mark.parametrize(
    ("servers", "shape"),
    [
        (S3, ["replica", "2", "arbiter", "1"]), (S3, ["disperse", "3", "redundancy", "1"]),
        (OLD, ["replica", "3"]), (OLD, ["disperse", "3", "redundancy", "1"]),
    ],
    ids=["arbiter", "disperse", "replica on 10", "disperse on 10"],
)  # fmt: skip
def test_what_a_unit_missed(
    workspace: Workspace, clean: Bed, servers: list[str], shape: list[str]
) -> None:
    """Listed by name, and down to nothing once the unit is back, in every kind of volume."""
    clean.wipe([*servers, CLIENT])
    workspace.inventory([*servers, CLIENT])
    workspace.ok("cluster", "init", "heals", f"--nodes={','.join(servers)}")
    workspace.ok("volume", "create", "h", *shape, *(f"{s}:/data1/h" for s in servers))
    workspace.ok("mount", "h", f"{CLIENT}:/mnt/h")
    clean.sh(CLIENT, "mkdir /mnt/h/d; echo before >/mnt/h/d/f")
    clean.sh(servers[1], STOP)
    clean.sh(CLIENT, "echo later >/mnt/h/d/f; echo new >/mnt/h/d/g")
    told = workspace.run("heal", "info", "h", "--json")
    assert told.code == 3, told.out + told.err
    listed = {e["path"] for unit in told.json["units"] for e in unit["entries"]}
    assert {"/d/f", "/d/g"} <= listed and told.json["units"][1]["count"] is None
    clean.sh(servers[1], START)
    wait_until(lambda: clean.serves(servers[1], CLIENT), why="it is back")
    workspace.ok("heal", "start", "h", "--full")
    assert workspace.json("heal", "info", "h", "--watch")["total"] == 0
    # Every two of the three are enough: also those with the one that was away.
    clean.sh(servers[0], STOP)
    look = "cat /mnt/h/d/f /mnt/h/d/g"
    wait_until(lambda: clean.sh(CLIENT, look, False) == "later\nnew\n", why="it has them now")
