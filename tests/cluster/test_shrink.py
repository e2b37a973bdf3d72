"""A group is emptied while its volume is in use, and taken out."""

from collections.abc import Iterator

import pytest

from tests.cluster.bed import CLIENT, SERVERS, Bed, Workspace, wait_until
from tests.cluster.load import refute_errors, two_writers

S3, MORE = SERVERS[:3], SERVERS[3:]
DATA = "find /data1/v -not -path '*/.glusterfs/*' -not -type d -not -perm 1000"


@pytest.fixture
def data(shared: Workspace, clean: Bed) -> Iterator[Workspace]:
    """Two groups of three copies, with files, links and names of one file on both."""
    units = [f"{s}:/data1/v" for s in SERVERS]
    shared.ok("volume", "create", "v", "replica", "3", *units)
    shared.ok("mount", "v", f"{CLIENT}:/mnt/v")
    clean.sh(
        CLIENT,
        "cd /mnt/v && for d in a a/b d; do mkdir -p $d; for i in $(seq 40); do "
        "head -c $((i * 2000)) /dev/urandom >$d/f$i; done; ln $d/f1 $d/hard; ln -s f2 $d/soft; "
        "done; find . -type f | sort | xargs sha256sum >/root/sums",
    )
    yield shared
    shared.ok("umount", f"{CLIENT}:/mnt/v")
    shared.ok("volume", "stop", "v", "-y")
    shared.ok("volume", "delete", "v", "--wipe", "-y")
    clean.on_all(SERVERS, "rm -rf /data1/v")


def unchanged(bed: Bed) -> bool:
    return bed.ok(CLIENT, "cd /mnt/v && sha256sum -c --quiet /root/sums")


def test_under_two_writers_no_file_is_lost(data: Workspace, clean: Bed) -> None:
    loads = two_writers(clean, "/mnt/v")
    assert "needs a confirmation" in data.refused("volume", "shrink", "v", "--group", "1")
    assert "it has: 1, 2" in data.refused("volume", "shrink", "v", "--group", "3", "-y")
    data.ok("volume", "shrink", "v", "--group", "1", "-y")
    for load in loads:
        load.more(50)
    refute_errors(loads)
    assert unchanged(clean)
    assert clean.sh(CLIENT, "cd /mnt/v && cat a/soft | cmp - a/f2; stat -c %h d/hard") == "2\n"
    for server in S3:
        assert clean.sh(server, DATA) == ""
        assert clean.units(server) == []
    assert "2: server4" not in data.ok("volume", "info", "v")
    assert "has no group 1" in data.refused("volume", "shrink", "v", "--group", "1", "-y")
    assert "it is the only one" in data.refused("volume", "shrink", "v", "--group", "2", "-y")
    data.ok("reconcile", "--check")


def test_cut_off_it_goes_on_or_is_given_up(data: Workspace, clean: Bed) -> None:
    process = data.spawn("volume", "shrink", "v", "--group", "2", "-y")
    wait_until(lambda: "(leaving)" in data.ok("volume", "info", "v"), why="it has begun")
    process.terminate()
    process.wait()
    told = data.refused("volume", "expand", "v", *(f"{s}:/data2/v" for s in S3))
    assert "group 2 is leaving it" in told and "--cancel" in told
    data.ok("volume", "shrink", "v", "--group", "2", "--cancel")
    assert "is not leaving" in data.refused("volume", "shrink", "v", "--group", "2", "--cancel")
    data.ok("rebalance", "status", "v", "--watch")
    assert unchanged(clean)
    assert "decommissioned" not in clean.sh(CLIENT, "cat /var/lib/kadalu/*/volfiles/client-*")
    data.ok("volume", "shrink", "v", "--group", "2", "-y")
    assert unchanged(clean)
    for server in MORE:
        assert clean.sh(server, DATA) == ""


def test_a_crawl_that_was_stopped_is_begun_anew(data: Workspace, clean: Bed) -> None:
    process = data.spawn("volume", "shrink", "v", "--group", "1", "-y")
    wait_until(lambda: clean.ok("server1", "pgrep -f '[c]rawl.py'"), why="its crawl runs")
    clean.sh("server1", "systemctl stop 'kadalu-crawl-*'")
    out, err = process.communicate()
    if process.returncode:
        assert process.returncode == 1 and "was not emptied" in err, out + err
        data.ok("volume", "shrink", "v", "--group", "1", "-y")
    assert unchanged(clean)
    assert clean.sh("server1", DATA) == "" and clean.units("server1") == []


def test_another_unit_goes_on_when_the_crawls_node_has_died(data: Workspace, clean: Bed) -> None:
    process = data.spawn("volume", "shrink", "v", "--group", "1", "-y")
    wait_until(lambda: clean.ok("server1", "pgrep -f '[c]rawl.py'"), why="its crawl runs")
    clean.kill("server1")
    process.terminate()
    process.wait()
    shrink = ("volume", "shrink", "v", "--group", "1", "-y", "--timeout", "3")
    told = data.refused(*shrink, code=3)
    assert "is not taken out yet" in told and "when server1 is back" in told, told
    for server in ("server2", "server3"):
        assert clean.sh(server, DATA) == "", "their files are elsewhere"
    assert unchanged(clean)
    clean.start("server1")
    data.inventory([*SERVERS, CLIENT])
    data.ok("heal", "info", "v", "--watch")
    data.ok(*shrink)
    assert unchanged(clean)
    assert clean.sh("server1", DATA) == "" and clean.units("server1") == []
    data.ok("reconcile", "--check")
