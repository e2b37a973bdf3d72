"""Nodes that rest, and a rolling upgrade, while writers go on."""

from collections.abc import Iterator

import pytest

from tests.cluster.bed import CLIENT, SERVERS, Bed, Workspace, wait_until
from tests.cluster.load import refute_errors, two_writers

S3 = SERVERS[:3]
SUMS = "cd /data1/v && find . -path ./.glusterfs -prune -o -type f -print | sort | xargs sha256sum"


@pytest.fixture(scope="module")
def volume(shared: Workspace, clean: Bed) -> Workspace:
    shared.ok("volume", "create", "v", "replica", "3", *(f"{s}:/data1/v" for s in S3))
    shared.ok("mount", "v", f"{CLIENT}:/mnt/v")
    return shared


@pytest.fixture
def awake(volume: Workspace) -> Iterator[Workspace]:
    """Whatever a test has put to rest serves again, and everything is healed."""
    yield volume
    volume.inventory([*SERVERS, CLIENT])
    for row in volume.json("node", "list")["nodes"]:
        if row["resting"]:
            volume.ok("node", "maintenance", row["name"], "off")
    volume.ok("heal", "info", "v", "--watch")


def test_a_node_rests_and_serves_again_under_two_writers(awake: Workspace, clean: Bed) -> None:
    loads = two_writers(clean, "/mnt/v", pause=0.05)
    awake.ok("node", "maintenance", "server2", "on")
    assert clean.units("server2") == [] and "Resting" in awake.ok("node", "list")
    told = awake.run("volume", "status", "v")
    assert told.code == 3 and "Resting (its node is in maintenance)" in told.out
    assert "server2    Resting" in awake.ok("cluster", "status")
    assert "in maintenance already" in awake.refused("node", "maintenance", "server2", "on")
    for load in loads:
        load.more(20)
    assert awake.run("reconcile", "--check").code == 0, "resting is no drift"
    awake.ok("node", "maintenance", "server2", "off")
    for load in loads:
        load.more(20)
    refute_errors(loads)
    awake.ok("heal", "info", "v", "--watch")
    assert "is not in maintenance" in awake.refused("node", "maintenance", "server2", "off")
    found = clean.on_all(S3, SUMS)
    assert len(set(found.values())) == 1 and "of-user" in found["server2"]


def test_it_stays_so_over_a_reboot(awake: Workspace, clean: Bed) -> None:
    awake.ok("node", "maintenance", "server3", "on")
    clean.reboot("server3")
    awake.inventory([*SERVERS, CLIENT])
    assert clean.units("server3") == []
    brick = clean.sh("server3", "cd /etc/systemd/system && ls kadalu-brick-*").strip()
    clean.sh("server3", f"systemctl start {brick}")
    assert awake.run("reconcile", "--check").code == 3
    awake.ok("reconcile", "--only=unwanted")
    assert clean.units("server3") == []


def test_one_that_is_needed_is_not_put_to_rest(awake: Workspace, clean: Bed) -> None:
    awake.ok("node", "maintenance", "server1", "on")
    told = awake.refused("node", "maintenance", "server2", "on")
    assert "volume v: group 1 would take no writes: units left in it: 1; down: " in told
    assert "server1:/data1/v" in told
    units = [f"server{n}:/data1/w" for n in (1, 4, 5)]
    assert "in maintenance" in awake.refused("volume", "create", "w", "replica", "3", *units)
    awake.ok("node", "maintenance", "server1", "off")
    awake.ok("volume", "create", "p", "server4:/data1/p")
    told = awake.refused("node", "maintenance", "server4", "on")
    assert "volume p: what is in group 1 could not be reached" in told and "--force" in told
    assert len(clean.units("server4")) == 1
    awake.ok("node", "maintenance", "server4", "on", "--force", "-y")
    assert clean.units("server4") == []
    awake.ok("node", "maintenance", "server4", "off")
    assert len(clean.units("server4")) == 1


def test_what_waits_to_be_healed_comes_first(awake: Workspace, clean: Bed) -> None:
    verb = "systemctl {} $(cd /etc/systemd/system && ls kadalu-{}-*)"
    clean.on_all(S3, verb.format("stop", "shd"))
    try:
        clean.sh("server3", verb.format("stop", "brick"))
        clean.sh(CLIENT, "for i in $(seq 30); do echo $i >/mnt/v/late$i; done")
        clean.sh("server3", verb.format("start", "brick"))
        wait_until(lambda: clean.serves("server3", CLIENT))
        told = awake.refused("node", "maintenance", "server1", "on")
        assert "entries wait to be healed" in told
    finally:
        clean.on_all(S3, verb.format("start", "shd"))
    awake.ok("heal", "info", "v", "--watch")


def test_node_by_node_and_on_after_a_failure(awake: Workspace, clean: Bed) -> None:
    clean.sh(CLIENT, "mkdir /mnt/v/one")
    loads = two_writers(clean, "/mnt/v/one", pause=0.05)
    script = "date >>/root/upgraded; test ! -e /root/refuse || { echo no room >&2; exit 4; }"
    clean.on_all(S3, "rm -f /root/upgraded /root/refuse")
    clean.sh("server2", "touch /root/refuse")
    words = ["upgrade", "--rolling", "--command", script, "--limit", ",".join(S3)]
    assert "--rolling" in awake.refused("upgrade")
    shown = awake.ok(*words, "--dry-run")
    assert "server3:" in shown and not clean.ok("server1", "test -e /root/upgraded")
    told = awake.refused(*words, code=1)
    assert "stopped at server2" in told and "no room" in told and "left in maintenance" in told
    assert "server1: done" in told and "server3: not begun" in told
    assert clean.ok("server1", "test -e /root/upgraded")
    assert not clean.ok("server3", "test -e /root/upgraded")
    assert clean.units("server2") == [] and len(clean.units("server1")) == 2
    clean.sh("server2", "rm /root/refuse")
    assert "Upgraded: server2, server1, server3." in awake.ok(*words)
    for load in loads:
        load.more(5)
    assert refute_errors(loads) > 0
    awake.ok("heal", "info", "v", "--watch")
    assert all(len(clean.units(s)) == 2 for s in S3)
    assert len(set(clean.on_all(S3, SUMS).values())) == 1


def test_packages_that_are_current_put_nobody_to_rest(awake: Workspace, clean: Bed) -> None:
    clean.on_all(S3, "printf '#!/bin/sh\\nexit 0\\n' >/usr/local/bin/apt-get; "
                 "chmod 755 /usr/local/bin/apt-get")  # fmt: skip
    try:
        before = clean.on_all(S3, "pgrep -x glusterfsd")
        told = awake.ok("upgrade", "--rolling", "--limit", ",".join(S3))
        assert "there is nothing to upgrade" in told
        assert clean.on_all(S3, "pgrep -x glusterfsd") == before
    finally:
        clean.on_all(S3, "rm /usr/local/bin/apt-get")
