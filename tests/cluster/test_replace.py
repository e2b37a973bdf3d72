"""Disks and nodes that are replaced, under writers, and healed."""

from collections.abc import Iterator

import pytest

from tests.cluster.bed import CLIENT, SERVERS, Bed, Workspace, wait_until
from tests.cluster.load import Load, refute_errors, two_writers

S3 = SERVERS[:3]
SUMS = "find . -path ./.glusterfs -prune -o -type f -print | sort | xargs sha256sum"


def fill(bed: Bed, mount: str) -> None:
    bed.sh(
        CLIENT,
        f"cd {mount} && for d in a a/b a/b/c d; do mkdir -p $d; for i in $(seq 8); do "
        "head -c $((i * 3000)) /dev/urandom >$d/f$i; done; done",
    )


def alike(bed: Bed, mount: str, *units: tuple[str, str]) -> bool:
    """Whether every unit has the very files that the mount shows."""
    wanted = bed.sh(CLIENT, f"cd {mount} && {SUMS}")
    return all(bed.sh(node, f"cd {path} && {SUMS}") == wanted for node, path in units)


def brick_of(bed: Bed, node: str, path: str) -> str:
    """The service of a storage unit."""
    found = bed.sh(node, f"grep -l ' {path} ' /etc/systemd/system/kadalu-brick-*")
    return found.strip().rpartition("/")[2]


@pytest.fixture
def data(shared: Workspace, clean: Bed) -> Iterator[Workspace]:
    shared.ok("volume", "create", "v", "replica", "3", *(f"{s}:/data1/v" for s in S3))
    shared.ok("mount", "v", f"{CLIENT}:/mnt/v")
    fill(clean, "/mnt/v")
    yield shared
    shared.ok("umount", f"{CLIENT}:/mnt/v")
    shared.ok("volume", "stop", "v", "-y")
    shared.ok("volume", "delete", "v", "--wipe", "-y")
    clean.on_all(SERVERS, "rm -rf /data1/v /data2/v")


def test_a_unit_that_serves_goes_elsewhere_under_two_writers(data: Workspace, clean: Bed) -> None:
    loads = two_writers(clean, "/mnt/v")
    name = clean.xattr("server1", "/data1/v/.glusterfs", "trusted.kadalu.unit")
    shown = data.ok("volume", "replace-unit", "v", "server2:/data1/v", "server4:/data1/v",
                    "--dry-run")  # fmt: skip
    assert "make storage unit" in shown and not clean.ok("server4", "ls /data1/v")
    data.ok("volume", "replace-unit", "v", "server2:/data1/v", "server4:/data1/v")
    for load in loads:
        load.more(40)
    refute_errors(loads)
    data.ok("heal", "info", "v", "--watch")
    units = [(s, "/data1/v") for s in ("server1", "server3", "server4")]
    wait_until(lambda: alike(clean, "/mnt/v", *units), why="all copies are the same")
    assert clean.units("server2") == [] and "v-client-1" in clean.sh(
        CLIENT, "cat /var/lib/kadalu/*/volfiles/client-*"
    )
    assert clean.xattr("server1", "/data1/v/.glusterfs", "trusted.kadalu.unit") == name
    told = data.refused("volume", "replace-unit", "v", "server2:/data1/v", "server4:/data1/v")
    assert "its units: server1:/data1/v, server4:/data1/v, server3:/data1/v" in told
    data.ok("reconcile", "--check")


def test_a_dead_node_is_replaced_and_comes_back(data: Workspace, clean: Bed) -> None:
    clean.kill("server3")
    clean.sh(CLIENT, "echo missed >/mnt/v/missed")
    loads = two_writers(clean, "/mnt/v", pause=0.05)
    run = data.run("volume", "replace-unit", "v", "server3:/data1/v", "server5:/data1/v",
                   "--wait", "--timeout", "3")  # fmt: skip
    assert run.code == 3 and "pending on: server3" in run.err, run.out + run.err
    refute_errors(loads)
    data.ok("heal", "info", "v", "--watch")
    units = [(s, "/data1/v") for s in ("server1", "server2", "server5")]
    assert alike(clean, "/mnt/v", *units)
    clean.start("server3")
    data.inventory([*SERVERS, CLIENT])
    data.ok("reconcile")
    assert clean.units("server3") == []
    assert alike(clean, "/mnt/v", *units)
    data.ok("reconcile", "--check")


def test_a_disk_that_was_changed_is_filled_anew(data: Workspace, clean: Bed) -> None:
    place = "server2:/data1/v"
    told = data.refused("volume", "replace-unit", "v", place, place)
    assert "still has the marks and the data of the old unit" in told
    brick = brick_of(clean, "server2", "/data1/v")
    clean.sh("server2", f"systemctl stop {brick}; rm -rf /data1/v; mkdir /data1/v")
    port = data.json("volume", "info", "v")["volumes"][0]["groups"][0]["units"][1]["port"]
    loads = two_writers(clean, "/mnt/v", pause=0.05)
    data.ok("volume", "replace-unit", "v", place, place)
    for load in loads:
        load.more(20)
    refute_errors(loads)
    data.ok("heal", "info", "v", "--watch")
    wait_until(lambda: alike(clean, "/mnt/v", *((s, "/data1/v") for s in S3)), why="it is healed")
    assert alike(clean, "/mnt/v", *((s, "/data1/v") for s in S3))
    assert clean.ok("server2", f"ss -Hltn | grep -q ':{port} '"), "its port is the old one"
    data.ok("reconcile", "--check")


def test_the_last_good_copy_is_not_thrown_away(data: Workspace, clean: Bed) -> None:
    for node in ("server1", "server2"):
        clean.sh(node, f"systemctl stop {brick_of(clean, node, '/data1/v')}")
    told = data.refused("volume", "replace-unit", "v", "server3:/data1/v", "server4:/data1/v")
    assert "0 of its group's other data units are up, and 1 are needed" in told
    for node in ("server1", "server2"):
        clean.sh(node, f"systemctl start {brick_of(clean, node, '/data1/v')}")
    wait_until(lambda: clean.serves("server2", CLIENT))
    data.ok("heal", "info", "v", "--watch")
    told = data.refused("volume", "replace-unit", "v", "server3:/data1/v", "server1:/data2/v")
    assert "server1 has another unit of group 1 already" in told
    assert not clean.ok("server4", "ls /data1/v")


def test_arbiter_and_disperse(shared: Workspace, clean: Bed) -> None:
    shared.ok("volume", "create", "a", "replica", "2", "arbiter", "1",
              *(f"{s}:/data1/a" for s in S3))  # fmt: skip
    shared.ok("volume", "create", "e", "disperse", "3", "redundancy", "1",
              *(f"{s}:/data1/e" for s in S3))  # fmt: skip
    for name in "ae":
        shared.ok("mount", name, f"{CLIENT}:/mnt/{name}")
        fill(clean, f"/mnt/{name}")
    loads = [Load(clean, f"/mnt/{name}/load", pause=0.1) for name in "ae"]
    for number in (3, 1):  # the arbiter, then a copy
        shared.ok("volume", "replace-unit", "a", f"server{number}:/data1/a",
                  f"server{number + 3}:/data1/a", "--wait")  # fmt: skip
    refute_errors(loads[:1])
    shared.ok("heal", "info", "a", "--watch")
    assert alike(clean, "/mnt/a", ("server4", "/data1/a"), ("server2", "/data1/a"))
    assert clean.sh("server6", "find /data1/a/a /data1/a/d -name f1 | wc -l") == "4\n"
    shared.ok("volume", "replace-unit", "e", "server1:/data1/e", "server4:/data1/e")
    refute_errors(loads[1:])
    wanted = clean.sh(CLIENT, f"cd /mnt/e && {SUMS}")
    shared.ok("heal", "info", "e", "--watch")
    until_filled(shared, clean)
    clean.sh("server2", f"systemctl stop {brick_of(clean, 'server2', '/data1/e')}")
    wait_until(lambda: clean.sh(CLIENT, f"cd /mnt/e && {SUMS}", False) == wanted,
               why="the new part is one of the two that files are put together from")  # fmt: skip
    clean.sh("server2", f"systemctl start {brick_of(clean, 'server2', '/data1/e')}")
    shared.ok("volume", "create", "p", "server1:/data1/p")
    told = shared.refused("volume", "replace-unit", "p", "server1:/data1/p", "server2:/data1/p")
    assert "has no copies" in told and "kadalu volume shrink p --group 1" in told


def until_filled(laptop: Workspace, bed: Bed) -> None:
    """Wait until the new part of the disperse volume has as many files as an old one."""
    count = "find /data1/e -path '*/.glusterfs' -prune -o -type f -print | wc -l"
    wait_until(
        lambda: bed.sh("server4", count) == bed.sh("server2", count)
        and not laptop.json("heal", "info", "e", "--summary")["total"],
        120, "it is healed",
    )  # fmt: skip


def test_an_outdated_copy_is_only_kept_if_that_is_wanted(shared: Workspace, clean: Bed) -> None:
    """The arbiter says that the copy which is left misses something: the dead one has it."""
    words = ["replica", "2", "arbiter", "1"]
    shared.ok("volume", "create", "b", *words, *(f"{s}:/data2/b" for s in S3))
    shared.ok("mount", "b", f"{CLIENT}:/mnt/b")
    clean.sh(CLIENT, "echo old >/mnt/b/f")
    second = brick_of(clean, "server2", "/data2/b")
    clean.sh("server2", f"systemctl stop {second}")
    clean.sh(CLIENT, "echo newer >/mnt/b/f")
    clean.sh("server1", f"systemctl stop {brick_of(clean, 'server1', '/data2/b')}")
    clean.sh("server2", f"systemctl start {second}")
    told = shared.refused("volume", "replace-unit", "b", "server1:/data2/b", "server4:/data2/b")
    assert "this needs a confirmation" in told and "copy are outdated" in told
    assert not clean.ok("server4", "ls /data2/b")


def test_a_whole_node_is_replaced(shared: Workspace, clean: Bed) -> None:
    for name in ("m", "n"):
        units = [f"{s}:/data2/{name}" for s in ("server1", "server2", "server6")]
        shared.ok("volume", "create", name, "replica", "3", *units)
        shared.ok("mount", name, f"{CLIENT}:/mnt/{name}")
        fill(clean, f"/mnt/{name}")
    assert "is not a node" in shared.refused("node", "replace", "server6", "server9")
    assert "cannot replace itself" in shared.refused("node", "replace", "server6", "server6")
    clean.kill("server6")
    run = shared.run("node", "replace", "server6", "server5", "--wait", "--timeout", "3")
    assert run.code == 3 and "node remove server6 --lost" in run.out, run.out + run.err
    for name in ("m", "n"):
        units = [(s, f"/data2/{name}") for s in ("server1", "server2", "server5")]
        assert alike(clean, f"/mnt/{name}", *units)  # type: ignore[arg-type]
    told = shared.refused("node", "replace", "server6", "server5", "--timeout", "3")
    assert "server6 has no storage units" in told or "server6" in told
    clean.start("server6")
    shared.inventory([*SERVERS, CLIENT])
    shared.ok("reconcile")


def test_a_node_that_serves_and_has_two_units_of_a_volume(workspace: Workspace, clean: Bed) -> None:
    """The second is replaced when the first is healed, without being asked to wait."""
    clean.wipe()
    workspace.ok("cluster", "init", "prod", f"--nodes={','.join(SERVERS[:4])}")
    paths = ("/data1/q", "/data2/q")
    units = [f"{s}:{path}" for path in paths for s in S3]
    workspace.ok("volume", "create", "q", "replica", "3", *units)
    workspace.ok("mount", "q", f"{CLIENT}:/mnt/q")
    load = Load(clean, "/mnt/q/load", pause=0.05)
    workspace.ok("node", "replace", "server3", "server4")
    load.more(20)
    refute_errors([load])
    workspace.ok("heal", "info", "q", "--watch")
    for path in paths:
        script = f"cd {path} && {SUMS}"
        wait_until(
            lambda script=script: clean.sh("server1", script) == clean.sh("server4", script),
            why=f"{path} is healed",
        )
    assert "/q " not in clean.sh("server3", "cat /etc/systemd/system/kadalu-brick-* || true", False)
