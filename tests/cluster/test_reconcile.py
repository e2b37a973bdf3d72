"""Hosts that missed something, and hosts that drifted: seen, told item by item, and repaired."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest

from tests.cluster.bed import CLIENT, SERVERS, Bed, Run, Workspace, wait_until

S3 = SERVERS[:3]
QUICK = ("--timeout", "2")


@pytest.fixture(scope="module")
def prod(shared: Workspace) -> Workspace:
    for name in ("v", "w"):
        shared.ok("volume", "create", name, "replica", "3", *(f"{s}:/data1/{name}" for s in S3))
    return shared


@contextmanager
def off(workspace: Workspace, bed: Bed, node: str) -> Iterator[None]:
    """The node is without power meanwhile."""
    bed.kill(node)
    try:
        yield
    finally:
        bed.start(node)
        workspace.inventory([*SERVERS, CLIENT])


def brick(bed: Bed, node: str, path: str) -> str:
    """The service of the storage unit at `path`."""
    return bed.sh(
        node,
        f"grep -l 'RequiresMountsFor={path}$' /etc/systemd/system/kadalu-brick-* | xargs basename",
    ).strip()


def active(bed: Bed, node: str, service: str) -> bool:
    return bed.ok(node, f"systemctl -q is-active {service}")


def drift(workspace: Workspace, code: int = 3) -> dict[str, str]:
    """`reconcile --check`: "NODE ITEM" → what would be done."""
    run = workspace.run("reconcile", "--check", "--json", *QUICK)
    assert run.code == code, run.out + run.err
    return {
        f"{node['name']} {item['item']}": item["change"] or item["status"]
        for node in run.json["nodes"]
        for item in node["items"]
    }


def test_a_stop_that_a_node_missed(prod: Workspace, clean: Bed) -> None:
    service = brick(clean, "server3", "/data1/v")
    with off(prod, clean, "server3"):
        run = prod.run("volume", "stop", "v", "-y", *QUICK)
        assert run.code == 3 and "pending on: server3" in run.err
        told = prod.run("cluster", "status", *QUICK).out
        assert "behind: volume v (stopped)" in told
    wait_until(lambda: active(clean, "server3", service), why="its enabled unit came with the boot")
    assert drift(prod)[f"server3 service:{service}"] == "disable, stop"
    assert active(clean, "server3", service), "a check changes nothing"
    nodes = {n["name"]: n for n in prod.json("cluster", "status")["nodes"]}
    assert nodes["server3"]["pending"] == 1
    out = prod.ok("reconcile")
    assert f"service:{service}: disable, stop" in out
    assert not active(clean, "server3", service)
    assert prod.json("cluster", "status")["nodes"][2]["pending"] == 0
    assert drift(prod, 0) == {}
    assert "repaired" not in prod.ok("reconcile")
    prod.ok("volume", "start", "v")


def test_the_next_contact_stops_what_should_not_run(prod: Workspace, clean: Bed) -> None:
    service = brick(clean, "server3", "/data1/v")
    with off(prod, clean, "server3"):
        prod.run("volume", "stop", "v", "-y", *QUICK)
    wait_until(lambda: active(clean, "server3", service), why="it came with the boot")
    prod.ok("volume", "start", "w", "--force")
    assert not active(clean, "server3", service)
    prod.ok("volume", "start", "v")
    assert active(clean, "server3", service)
    assert drift(prod, 0) == {}


def test_a_delete_that_a_node_missed_is_finished(prod: Workspace, clean: Bed) -> None:
    units = [f"{s}:/data2/gone" for s in S3]
    prod.ok("volume", "create", "gone", "replica", "3", *units)
    prod.ok("volume", "stop", "gone", "-y")
    with off(prod, clean, "server3"):
        run = prod.run("volume", "delete", "gone", "--wipe", "-y", *QUICK)
        assert run.code == 3, run.err
    assert clean.sh("server1", "ls /data2") == ""
    assert clean.sh("server3", "ls /data2") == "gone\n"
    told = prod.refused("volume", "create", "again", units[2])
    assert "which this node has not confirmed" in told
    prod.ok("reconcile")
    assert clean.sh("server3", "ls /data2") == ""
    assert drift(prod, 0) == {}
    prod.ok("volume", "create", "again", units[2])
    prod.ok("volume", "stop", "again", "-y")
    prod.ok("volume", "delete", "again", "--wipe", "-y")


def test_drift_is_told_item_by_item_and_repaired_under_load(prod: Workspace, clean: Bed) -> None:
    prod.ok("mount", "v", f"{CLIENT}:/mnt/v")
    services = {s: brick(clean, s, "/data1/v") for s in S3}
    clean.sh("server1", f"systemctl stop {services['server1']}")
    clean.sh("server2", f"systemctl -q disable {services['server2']}")
    lib = clean.sh("server3", "ls -d /var/lib/kadalu/*/volfiles").strip()
    volfile = f"{lib}/{services['server3'].replace('kadalu-', '').replace('.service', '.vol')}"
    clean.sh("server3", f"echo '# by hand' >> {volfile}")
    clean.sh("server2", "rm -rf /var/log/kadalu/*")
    found = drift(prod)
    assert found[f"server1 service:{services['server1']}"] == "start"
    assert found[f"server2 service:{services['server2']}"] == "enable"
    assert found[f"server3 file:{volfile}"] == "update"
    assert any(key.startswith("server2 dir:/var/log/kadalu") for key in found)
    diff = prod.run("reconcile", "--dry-run", "-v")
    assert diff.code == 0 and "-# by hand" in diff.out
    before = clean.sh("server3", f"systemctl show -P MainPID {services['server3']}")
    clean.sh(
        CLIENT,
        "touch /mnt/v/go; (while [ -e /mnt/v/go ]; do date >> /mnt/v/log || touch /root/failed;"
        " done) >/root/writer 2>&1 &",
    )
    prod.ok("reconcile")
    clean.sh(CLIENT, "rm /mnt/v/go")
    assert not clean.ok(CLIENT, "ls /root/failed"), clean.sh(CLIENT, "cat /root/writer")
    after = clean.sh("server3", f"systemctl show -P MainPID {services['server3']}")
    assert before == after, "GlusterFS 11 takes a volfile in without a restart"
    assert not clean.ok("server3", f"grep 'by hand' {volfile}")
    assert drift(prod, 0) == {}
    status = prod.json("volume", "status", "v")["volumes"][0]
    assert status["health"] == "Up"
    prod.ok("umount", f"{CLIENT}:/mnt/v")


def last_restart(bed: Bed, node: str, service: str) -> tuple[int, int]:
    """(went down, came up) of the last restart, microseconds of the clock that all nodes share."""
    names = ("InactiveEnterTimestampMonotonic", "ActiveEnterTimestampMonotonic")
    down, up = (bed.sh(node, f"systemctl show -P {name} {service}") for name in names)
    return int(down), int(up)


def dirty(bed: Bed, nodes: list[str], path: str) -> dict[str, str]:
    """Service files edited by hand under running units: all of them need a restart."""
    services = {node: brick(bed, node, path) for node in nodes}
    for node, service in services.items():
        bed.sh(node, f"echo '# x' >>/etc/systemd/system/{service}")
    return services


def test_two_units_of_a_group_are_never_down_at_once(prod: Workspace, clean: Bed) -> None:
    services = dirty(clean, S3, "/data1/w")
    prod.ok("reconcile")
    spans = sorted(last_restart(clean, node, service) for node, service in services.items())
    assert all(down < up for down, up in spans)
    assert all(up < following for (_, up), (following, _) in pairwise(spans))

    services = dirty(clean, S3[:1], "/data1/w")
    pid = clean.sh("server1", f"systemctl show -P MainPID {services['server1']}")
    clean.sh("server2", f"systemctl stop {brick(clean, 'server2', '/data1/w')}")
    clean.sh("server2", "mv /data1/w /data1/.away; mkdir /data1/w")
    run: Run = prod.run("reconcile")
    assert run.code == 3, run.out
    assert "is its disk mounted?" in run.out
    assert "restart needed (1 of the other units of its group is up: writes would fail)" in run.out
    assert clean.sh("server1", f"systemctl show -P MainPID {services['server1']}") == pid
    clean.sh("server2", "rmdir /data1/w; mv /data1/.away /data1/w")
    prod.ok("reconcile")
    assert clean.sh("server1", f"systemctl show -P MainPID {services['server1']}") != pid
    assert drift(prod, 0) == {}


def test_only_unwanted_does_nothing_else(prod: Workspace, clean: Bed) -> None:
    service = brick(clean, "server3", "/data1/v")
    with off(prod, clean, "server3"):
        prod.run("volume", "stop", "v", "-y", *QUICK)
    wait_until(lambda: active(clean, "server3", service), why="it came with the boot")
    stopped = brick(clean, "server1", "/data1/w")
    clean.sh("server1", f"systemctl stop {stopped}")
    volfile = clean.sh("server2", "ls /var/lib/kadalu/*/volfiles/brick-* | head -1").strip()
    clean.sh("server2", f"echo '# x' >> {volfile}")
    prod.ok("reconcile", "--only=unwanted")
    assert not active(clean, "server3", service)
    assert not active(clean, "server1", stopped)
    assert clean.ok("server2", f"grep '# x' {volfile}")
    prod.ok("volume", "start", "v")
    prod.ok("reconcile")
    assert drift(prod, 0) == {}


def test_only_unwanted_keeps_quiet_when_locked(prod: Workspace, clean: Bed) -> None:
    locks = clean.on_all(S3[:2], "ls /run/kadalu/*/cluster.lock")
    holders = [
        subprocess.Popen(
            ["docker", "exec", clean.container(node), "flock", path.strip(), "sleep", "8"]
        )
        for node, path in locks.items()
    ]
    for node, path in locks.items():
        wait_until(lambda n=node, p=path: not clean.ok(n, f"flock -n {p.strip()} true"))
    run = prod.run("reconcile", "--only=unwanted", "--lock-timeout", "0")
    assert (run.code, run.out.strip(), run.err) == (6, "", "")
    assert prod.run("reconcile", "--lock-timeout", "0").code == 6
    for holder in holders:
        holder.wait()


def test_an_unmount_that_a_client_missed(prod: Workspace, clean: Bed) -> None:
    prod.ok("mount", "v", f"{CLIENT}:/mnt/v", "--persist")
    clean.kill(CLIENT)
    try:
        run = prod.run("umount", f"{CLIENT}:/mnt/v", *QUICK)
        assert run.code == 3 and f"pending on: {CLIENT}" in run.err
    finally:
        clean.start(CLIENT)
        prod.inventory([*SERVERS, CLIENT])
    wait_until(lambda: clean.ok(CLIENT, "findmnt /mnt/v"), why="the boot mounts it again")
    prod.ok("reconcile")
    assert not clean.ok(CLIENT, "findmnt /mnt/v")
    assert clean.sh(CLIENT, "find /var/lib/kadalu -type f") == ""
    assert prod.json("client", "list")["clients"] == []
    assert drift(prod, 0) == {}


def test_what_reconcile_refuses(prod: Workspace) -> None:
    assert "cannot be combined" in prod.refused("reconcile", "--check", "--upgrade-files")
    assert "nobody: not in cluster prod" in prod.refused("reconcile", "--limit", "nobody")
    assert prod.json("reconcile", "--limit", "server1,server2")["nodes"][1]["name"] == "server2"
