"""Options of volumes that serve: live on GlusterFS 11, one unit at a time on 10."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.cluster.bed import CLIENT, OLD, SERVERS, Bed, Workspace, wait_until
from tests.cluster.load import refute_errors, two_writers

S3 = SERVERS[:3]
WRITER = """
i=0
while :; do
    i=$((i+1))
    echo $i > /mnt/v/w$((i % 50)) && cat /mnt/v/w$((i % 50)) >/dev/null || echo "failed at $i" >&2
    echo $i > /root/writer-count
done
"""


@pytest.fixture(scope="module")
def volume(shared: Workspace) -> Workspace:
    shared.ok("volume", "create", "v", "replica", "3", *(f"{s}:/data1/v" for s in S3))
    shared.ok("mount", "v", f"{CLIENT}:/mnt/v")
    return shared


@pytest.fixture
def writer(volume: Workspace, clean: Bed) -> Iterator[subprocess.Popen[str]]:
    """Something that writes and reads all the time; what fails is on its stderr."""
    process = subprocess.Popen(
        ["docker", "exec", clean.container(CLIENT), "sh", "-c", WRITER],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_until(lambda: clean.ok(CLIENT, "test -s /root/writer-count"), why="it writes")
    yield process
    process.kill()
    clean.sh(CLIENT, "pkill -f writer-count", check=False)


def test_live_on_bricks_daemons_and_mounts(
    volume: Workspace, clean: Bed, writer: "subprocess.Popen[str]"
) -> None:
    """The processes stay the same ones, and have the new values."""
    loads = two_writers(clean, "/mnt/v")  # and whoever became a daemon has left its parent
    pids = clean.on_all(S3, "pgrep -x glusterfsd; pgrep -x glusterfs; true")
    volume.ok(
        "volume", "set", "v", "network.ping-timeout", "17", "performance.write-behind", "off",
        "server.event-threads", "3", "diagnostics.latency-measurement", "on",
        "cluster.self-heal-window-size", "16",
    )  # fmt: skip
    told = volume.json("volume", "get", "v")["options"]
    assert {"key": "network.ping-timeout", "value": "17", "set": True, "default": "42"} in told
    graph = "grep -q 'switch.* to .*graph' /var/log/kadalu/*/mount-*.log"
    wait_until(lambda: clean.ok(CLIENT, graph), why="the mount has a new graph")
    assert clean.on_all(S3, "pgrep -x glusterfsd; pgrep -x glusterfs; true") == pids
    before = int(clean.sh(CLIENT, "cat /root/writer-count"))
    wait_until(lambda: int(clean.sh(CLIENT, "cat /root/writer-count") or 0) > before + 20)
    assert writer.poll() is None
    writer.kill()
    assert writer.communicate()[1] == "", "no read or write failed"
    refute_errors(loads)
    assert "ping-timeout 17" in clean.sh(CLIENT, "cat /var/lib/kadalu/*/volfiles/client-*")
    volume.ok("reconcile", "--check")


def test_a_changed_allowance_is_enforced_at_once(volume: Workspace, clean: Bed) -> None:
    """auth.allow: bricks turn away who is not in it, also who is connected already."""
    volume.ok("umount", f"{CLIENT}:/mnt/v")
    volume.ok("volume", "set", "v", "auth.allow", "192.0.2.1")
    told = volume.run("mount", "v", f"{CLIENT}:/mnt/second")
    assert told.code == 1, told.out + told.err
    volume.ok("volume", "reset", "v", "auth.allow")
    volume.ok("mount", "v", f"{CLIENT}:/mnt/v")


def test_all_that_is_wrong_is_told_and_nothing_is_changed(volume: Workspace, clean: Bed) -> None:
    look = "cat /var/lib/kadalu/*/volfiles/*"
    before = clean.on_all(S3, look)
    told = volume.refused(
        "volume", "set", "v", "performance.cache-size", "banana", "nfs.disable", "off",
        "performance.cachesize", "1MB", "cluster.read-hash-mode", "2",
    )  # fmt: skip
    assert "performance.cache-size: 'banana' is none of what it takes" in told
    assert "nfs.disable: kadalu serves no NFS" in told
    assert "did you mean performance.cache-size?" in told
    assert "1 to 3" in volume.refused("volume", "set", "v", "cluster.quorum-count", "4")
    assert "has no value" in volume.refused("volume", "set", "v", "network.ping-timeout")
    assert "--force" in volume.refused("volume", "set", "v", "cluster/replicate.x", "1")
    assert "did you mean" in volume.refused("volume", "reset", "v", "cluster.read-hash-mod")
    assert "nothing had to be" in volume.ok("volume", "reset", "v", "cluster.read-hash-mode")
    assert "short for several" in volume.refused("volume", "set", "v", "event-threads", "2")
    shown = volume.ok("volume", "set", "v", "ping-timeout", "33", "--dry-run")
    assert "+    option ping-timeout 33" in shown and shown.endswith("Nothing was changed.\n")
    assert clean.on_all(S3, look) == before


def test_sharding_is_not_turned_off_under_files(volume: Workspace, clean: Bed) -> None:
    volume.ok("volume", "set", "v", "features.shard", "on")
    clean.sh(CLIENT, "rm -rf /mnt/v/*")
    volume.ok("volume", "set", "v", "features.shard", "off")
    volume.ok("volume", "set", "v", "features.shard", "on")
    clean.sh(CLIENT, "echo x > /mnt/v/file")
    told = volume.refused("volume", "set", "v", "features.shard", "off")
    assert "without features.shard they would be cut off" in told
    assert "has files" in volume.refused("volume", "reset", "v", "--all")


def test_profiles_raw_options_and_reset(shared: Workspace, clean: Bed) -> None:
    shared.ok("volume", "create", "p", *(f"{s}:/data1/p" for s in S3))
    shared.ok("volume", "set", "p", "group", "metadata-cache")
    got = {o["key"]: o["value"] for o in shared.json("volume", "get", "p")["options"]}
    assert got["performance.md-cache-timeout"] == "600"
    shared.ok("volume", "set", "p", "storage/posix.update-link-count-parent", "on", "--force")
    volfile = clean.sh("server1", "cat /var/lib/kadalu/*/volfiles/brick-*")
    assert "option update-link-count-parent on" in volfile
    warned = shared.run("volume", "set", "p", "disperse.eager-lock", "off")
    assert warned.code == 0 and "has no effect on a distribute volume" in warned.err
    shared.ok("volume", "reset", "p", "--all")
    left = {o["key"] for o in shared.json("volume", "get", "p")["options"]}
    assert left == {"storage.fips-mode-rchecksum", "transport.address-family"}
    rows = shared.json("volume", "options", "ping-timeout")["options"]
    assert [row["key"] for row in rows] == ["network.ping-timeout"]


def test_a_node_that_is_off_gets_it_later(volume: Workspace, clean: Bed) -> None:
    clean.kill("server3")
    run = volume.run("volume", "set", "v", "network.ping-timeout", "21", "--timeout", "2")
    assert run.code == 3 and "pending on: server3" in run.err, run.out + run.err
    clean.start("server3")
    volume.inventory([*SERVERS, CLIENT])
    assert "ping-timeout 21" not in clean.sh("server3", "cat /var/lib/kadalu/*/volfiles/shd-*")
    volume.ok("reconcile")
    assert "ping-timeout 21" in clean.sh("server3", "cat /var/lib/kadalu/*/volfiles/shd-*")
    volume.ok("reconcile", "--check")


def test_on_glusterfs_10_units_are_restarted_one_after_the_other(
    workspace: Workspace, clean: Bed
) -> None:
    clean.wipe()
    workspace.inventory([*OLD, CLIENT])
    workspace.ok("cluster", "init", "old", f"--nodes={','.join(OLD)}")
    workspace.ok("volume", "create", "o", "replica", "3", *(f"{s}:/data1/o" for s in OLD))
    workspace.ok("mount", "o", f"{CLIENT}:/mnt/o")
    clean.sh(CLIENT, "echo data > /mnt/o/f")
    loads = two_writers(clean, "/mnt/o", pause=0.1)
    pids = clean.on_all(OLD, "pgrep -x glusterfsd")
    left = workspace.run("volume", "set", "o", "server.event-threads", "4", "--no-restart")
    assert left.code == 0 and "at its next start" in left.err, left.out + left.err
    assert clean.on_all(OLD, "pgrep -x glusterfsd") == pids
    workspace.ok("volume", "set", "o", "storage.reserve", "3")
    after = clean.on_all(OLD, "pgrep -x glusterfsd")
    assert all(after[node] != pids[node] for node in OLD), "every unit was restarted"
    assert clean.sh(CLIENT, "cat /mnt/o/f") == "data\n"
    assert refute_errors(loads) > 0, "no read or write failed meanwhile, and all of it is there"
    told = workspace.refused("volume", "set", "o", "cluster.rmdir-optimize", "on")
    assert "GlusterFS 10.3 does not have it" in told
