"""More groups for a volume that is in use."""

from collections.abc import Iterator

import pytest

from tests.cluster.bed import CLIENT, OLD, SERVERS, Bed, Workspace, wait_until
from tests.cluster.load import Load, refute_errors, two_writers

S3, MORE = SERVERS[:3], SERVERS[3:]


@pytest.fixture
def data(shared: Workspace, clean: Bed) -> Iterator[Workspace]:
    """A volume `v` of one group with files, mounted on the client; gone afterwards."""
    shared.ok("volume", "create", "v", "replica", "3", *(f"{s}:/data1/v" for s in S3))
    shared.ok("mount", "v", f"{CLIENT}:/mnt/v")
    fill(clean, "/mnt/v")
    yield shared
    shared.ok("umount", f"{CLIENT}:/mnt/v")
    shared.ok("volume", "stop", "v", "-y")
    shared.ok("volume", "delete", "v", "--wipe", "-y")


def fill(bed: Bed, mount: str) -> None:
    """Files in three depths, and what sha256sum says of them in /root/sums."""
    bed.sh(
        CLIENT,
        f"cd {mount} && for d in a a/b a/b/c d e; do mkdir -p $d; for i in $(seq 12); do "
        "head -c $((i * 3000)) /dev/urandom >$d/f$i; done; done; "
        "find . -type f | sort | xargs sha256sum >/root/sums",
    )


def unchanged(bed: Bed, mount: str) -> bool:
    return bed.ok(CLIENT, f"cd {mount} && sha256sum -c --quiet /root/sums")


def test_under_two_writers_nobody_sees_anything(data: Workspace, clean: Bed) -> None:
    loads: list[Load] = two_writers(clean, "/mnt/v", pause=0.03)
    data.ok("volume", "expand", "v", *(f"{s}:/data1/v" for s in MORE))
    for load in loads:
        load.more(50)
    data.ok("rebalance", "status", "v", "--watch")
    for load in loads:
        load.more(50)
    assert refute_errors(loads) > 4
    assert unchanged(clean, "/mnt/v")
    for server in MORE:
        assert clean.ok(server, "test -d /data1/v/a/b/c")
        written = "find /data1/v/of-root /data1/v/of-user -type f -size +0 | grep -q ."
        assert clean.ok(server, written), "new files go to the new group too"
    data.ok("reconcile", "--check")


def test_a_group_alone_gets_no_files_until_it_is_asked_for(data: Workspace, clean: Bed) -> None:
    data.ok("volume", "expand", "v", "replica", "3", *(f"{s}:/data2/v" for s in MORE),
            "--no-fix-layout")  # fmt: skip
    clean.sh(CLIENT, "cd /mnt/v/a && for i in $(seq 40); do echo $i >new$i; done")
    assert clean.sh("server4", "find /data2/v/a -type f -size +0") == ""
    assert not clean.ok("server1", "ls /var/lib/kadalu/*/crawl-*")
    data.ok("rebalance", "start", "v", "--fix-layout")
    data.ok("rebalance", "status", "v", "--watch")
    clean.sh(CLIENT, "cd /mnt/v/a && for i in $(seq 40); do echo $i >newer$i; done")
    assert clean.sh("server4", "find /data2/v/a -name 'newer*' -size +0") != ""
    assert unchanged(clean, "/mnt/v")


def test_what_stands_in_the_way_is_told_and_nothing_is_changed(data: Workspace, clean: Bed) -> None:
    units = [f"{s}:/data2/w" for s in MORE]
    before = clean.on_all(SERVERS, "ls /data2; cat /var/lib/kadalu/*/volfiles/* | sha256sum")
    assert "cannot be divided" in data.refused("volume", "expand", "v", *units[:2])
    told = data.refused("volume", "expand", "v", "disperse", "3", "redundancy", "1", *units)
    assert "not like those of volume v: Replicate, 3 units each" in told
    same = [f"server4:/data2/w{n}" for n in range(3)]
    assert "--same-node" in data.refused("volume", "expand", "v", *same)
    assert "already a storage unit of volume v" in data.refused(
        "volume", "expand", "v", "server1:/data1/v", *units[:2]
    )
    shown = data.ok("volume", "expand", "v", *units, "--dry-run")
    assert "make storage unit" in shown and shown.endswith("Nothing was changed.\n")
    assert clean.on_all(
        SERVERS, "ls /data2; cat /var/lib/kadalu/*/volfiles/* | sha256sum"
    ) == before  # fmt: skip
    brick = clean.sh("server3", "cd /etc/systemd/system && ls kadalu-brick-*").strip()
    clean.sh("server3", f"systemctl stop {brick}")
    assert "server3:/data1/v" in data.refused("volume", "expand", "v", *units)
    clean.sh(CLIENT, "echo late >/mnt/v/late")
    clean.sh("server3", f"chmod 000 /data1/v/.glusterfs/indices; systemctl start {brick}")
    clean.sh("server3", "chmod 600 /data1/v/.glusterfs/indices")
    data.ok("heal", "info", "v", "--watch")


def test_without_copies_and_dispersed(shared: Workspace, clean: Bed) -> None:
    shared.ok("volume", "create", "p", "server1:/data1/p", "server2:/data1/p")
    disperse = ["disperse", "3", "redundancy", "1"]
    shared.ok("volume", "create", "e", *disperse, *(f"{s}:/data1/e" for s in S3))
    for name, units in (("p", ["server3:/data1/p"]), ("e", [f"{s}:/data1/e" for s in MORE])):
        shared.ok("mount", name, f"{CLIENT}:/mnt/{name}")
        fill(clean, f"/mnt/{name}")
        shared.ok("volume", "expand", name, *units)
        shared.ok("rebalance", "start", name)
        shared.ok("rebalance", "status", name, "--watch")
        assert unchanged(clean, f"/mnt/{name}")
        node, _, path = units[0].partition(":")
        assert clean.sh(node, f"find {path} -name 'f*' -type f -size +0") != ""
    wait_until(lambda: shared.run("reconcile", "--check").code == 0)


def test_files_in_pieces(shared: Workspace, clean: Bed) -> None:
    """Sharded: the pieces are in a directory that a client with features.shard may not look at."""
    shared.ok("volume", "create", "s", "replica", "3", *(f"{s}:/data1/s" for s in S3), "--option",
              "features.shard=on", "--option", "features.shard-block-size=4MB")  # fmt: skip
    shared.ok("mount", "s", f"{CLIENT}:/mnt/s")
    big = "cd /mnt/s && for i in 1 2 3 4; do head -c 13000000 /dev/urandom >big$i; done"
    clean.sh(CLIENT, f"{big}; sha256sum big* >/root/sums")
    load = Load(clean, "/mnt/s/load", pause=0.05)
    shared.ok("volume", "expand", "s", *(f"{s}:/data1/s" for s in MORE))
    shared.ok("rebalance", "status", "s", "--watch")
    shared.ok("rebalance", "start", "s")
    shared.ok("rebalance", "status", "s", "--watch")
    load.more(20)
    refute_errors([load])
    assert unchanged(clean, "/mnt/s")
    assert clean.sh("server4", "find /data1/s/.shard -type f -size +0") != "", "pieces move, too"
    told = shared.refused("volume", "set", "s", "features.shard", "off")
    assert "they would be cut off" in told


def test_on_glusterfs_10(workspace: Workspace, clean: Bed) -> None:
    """Its daemons do not read their files again: they are restarted. A mount on 11 follows."""
    clean.wipe()
    workspace.inventory([*OLD, CLIENT])
    workspace.ok("cluster", "init", "old", f"--nodes={','.join(OLD)}")
    workspace.ok("volume", "create", "o", "replica", "3", *(f"{s}:/data1/o" for s in OLD))
    workspace.ok("mount", "o", f"{CLIENT}:/mnt/o")
    fill(clean, "/mnt/o")
    daemons = clean.on_all(OLD, "pgrep -f process-name.glustershd")
    workspace.ok("mount", "o", "old1:/mnt/p")
    run = workspace.run("volume", "expand", "o", *(f"{s}:/data2/o" for s in OLD))
    assert run.code == 3 and "pending on: old1 (" in run.err, run.out + run.err
    assert all(clean.sh(s, "pgrep -f process-name.glustershd") != daemons[s] for s in OLD)
    told = workspace.refused("rebalance", "start", "o")
    assert ": has it mounted, and does not know all groups of o" in told
    workspace.ok("umount", "old1:/mnt/p")
    workspace.ok("rebalance", "start", "o")
    workspace.ok("rebalance", "status", "o", "--watch")
    assert unchanged(clean, "/mnt/o")
    assert clean.sh("old2", "find /data2/o -name 'f*' -type f -size +0") != ""
    workspace.ok("mount", "o", "old1:/mnt/o")
    run = workspace.run("volume", "shrink", "o", "--group", "1", "-y")
    assert run.code == 3 and "unmount" in run.err, "a mount on 10 has to be made anew"
    assert unchanged(clean, "/mnt/o")
    assert clean.sh("old1", "find /data1/o -name 'f*' -type f -size +0") == ""
    workspace.ok("umount", "old1:/mnt/o")
    workspace.ok("mount", "o", "old1:/mnt/o")
    assert clean.ok("old1", "test -s /mnt/o/a/b/c/f1")
    workspace.ok("reconcile", "--check")
