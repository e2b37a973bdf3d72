"""A node that is off: the others go on, and it is said what it missed."""

import pytest

from tests.cluster.bed import CLIENT, SERVERS, Bed, Workspace, wait_until

S3 = SERVERS[:3]
QUICK = ("--timeout", "2")


@pytest.fixture(scope="module")
def volume(shared: Workspace) -> Workspace:
    shared.ok("volume", "create", "v", "replica", "3", *(f"{s}:/data1/v" for s in S3))
    return shared


def test_status_tells_up_from_down(volume: Workspace, clean: Bed) -> None:
    clean.docker("pause", clean.container("server6"))
    try:
        run = volume.run("cluster", "status", *QUICK)
        listed = volume.run("node", "list", "--status", "--json", *QUICK)
    finally:
        clean.docker("unpause", clean.container("server6"))
    assert run.code == listed.code == 3
    assert "* server1    Up" in run.out
    assert "  server6    Down (connect timed out after 2 s)" in run.out
    states = {node["name"]: node["state"] for node in listed.json["nodes"]}
    assert states == {**dict.fromkeys(SERVERS, "Up"), "server6": "Down"}


def test_stop_names_the_clients_before_it_asks(volume: Workspace) -> None:
    volume.ok("mount", "v", f"{CLIENT}:/mnt/v")
    told = volume.refused("volume", "stop", "v")
    assert f"{CLIENT}:/mnt/v" in told
    volume.ok("umount", f"{CLIENT}:/mnt/v")


def test_stop_goes_on_without_a_node_and_says_so(volume: Workspace, clean: Bed) -> None:
    clean.kill("server3")
    run = volume.run("volume", "stop", "v", "-y", *QUICK)
    assert run.code == 3, run.out + run.err
    assert "pending on: server3 (" in run.err
    assert clean.units("server1") == clean.units("server2") == []
    clean.start("server3")
    volume.inventory([*SERVERS, CLIENT])
    wait_until(lambda: clean.units("server3"), why="its enabled unit comes up with the node")
    units = volume.json("volume", "status", "v")["volumes"][0]["groups"][0]["units"]
    assert [unit["state"] for unit in units] == ["Down", "Down", "Unwanted"]
    volume.ok("volume", "start", "v")
    volume.ok("volume", "stop", "v", "-y")
    assert clean.units("server3") == []


def test_start_without_a_node_and_force_when_it_is_back(volume: Workspace, clean: Bed) -> None:
    clean.kill("server3")
    run = volume.run("volume", "start", "v", "--json", *QUICK)
    assert run.code == 3, run.out + run.err
    assert [node["name"] for node in run.json["pending"]] == ["server3"]
    clean.start("server3")
    volume.inventory([*SERVERS, CLIENT])
    assert clean.units("server3") == []
    volume.ok("volume", "start", "v", "--force")
    assert len(clean.units("server3")) == 2


def test_an_unmounted_disk_is_blocked_and_never_an_empty_unit(
    volume: Workspace, clean: Bed
) -> None:
    """The directory is empty: as if the disk were not there."""
    clean.sh("server2", "systemctl stop 'kadalu-brick-*'; mv /data1/v /data1/.away; mkdir /data1/v")
    run = volume.run("volume", "start", "v", "--force")
    assert run.code == 3, run.out + run.err
    assert "is its disk mounted?" in run.err
    assert clean.sh("server2", "ls -A /data1/v") == ""
    assert not clean.ok("server2", "getfattr -n trusted.glusterfs.volume-id /data1/v")
    units = volume.run("volume", "status", "v", "--json").json["volumes"][0]["groups"][0]["units"]
    assert units[1]["state"] == "Blocked"
    clean.sh("server2", "rmdir /data1/v; mv /data1/.away /data1/v")
    volume.ok("volume", "start", "v", "--force")
    assert volume.json("volume", "status", "v")["volumes"][0]["health"] == "Up"


def test_rename_touches_nothing_on_disk(volume: Workspace, clean: Bed) -> None:
    before = clean.sh("server1", "cat /var/lib/kadalu/*/volfiles/*; ls /etc/systemd/system")
    volume.ok("volume", "rename", "v", "w")
    assert clean.sh("server1", "cat /var/lib/kadalu/*/volfiles/*; ls /etc/systemd/system") == before
    assert volume.json("volume", "start", "w", "--force")["changes"] == []
    volume.ok("mount", "w", f"{CLIENT}:/mnt/w", "--persist", "-o", "log-level=WARNING")
    assert clean.ok(CLIENT, "echo x > /mnt/w/x")
    volume.ok("umount", f"{CLIENT}:/mnt/w")


def test_an_idle_second_run_changes_nothing(volume: Workspace, clean: Bed) -> None:
    look = """
    find /var/lib/kadalu/*/volfiles /etc/systemd/system -type f -printf '%p %T@\\n' | sort
    systemctl show -P MainPID 'kadalu-*'
    """
    before = clean.on_all(S3, look)
    volume.ok("volume", "start", "w", "--force")
    assert clean.on_all(S3, look) == before
