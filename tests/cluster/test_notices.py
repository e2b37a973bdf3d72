"""What a user is told before it hurts: a mount in use, an old copy, a host that is another."""

import json
from pathlib import Path

import pytest

from tests.cluster.bed import CLIENT, SERVERS, Bed, Workspace, wait_until

S3 = SERVERS[:3]
MNT = f"{CLIENT}:/mnt/made/v"


@pytest.fixture(scope="module")
def volume(shared: Workspace) -> Workspace:
    shared.ok("volume", "create", "v", "replica", "3", *(f"{s}:/data1/v" for s in S3))
    return shared


def test_a_mount_in_use_is_left_alone_and_blocks_nothing(volume: Workspace, clean: Bed) -> None:
    volume.ok("mount", "v", MNT)
    clean.docker("exec", "-d", "-w", "/mnt/made/v", clean.container(CLIENT), "sleep", "1000")
    assert wait_until(lambda: clean.sh(CLIENT, "pgrep -x sleep", check=False), why="it runs")
    told = volume.refused("umount", MNT)
    assert f"{MNT} is in use by sleep (pid " in told
    assert clean.ok(CLIENT, "touch /mnt/made/v/still-mounted")
    assert volume.json("client", "list")["clients"][0]["state"] == "Mounted"
    volume.ok("volume", "stop", "v", "-y")
    volume.ok("volume", "start", "v")
    clean.sh(CLIENT, "pkill -x sleep")
    volume.ok("umount", MNT)
    assert not clean.ok(CLIENT, "test -e /mnt/made/v"), "the directory was made for the mount"
    volume.ok("mount", "v", MNT)
    volume.ok("umount", MNT)


def test_a_mount_that_fails_says_why_and_can_be_tried_again(volume: Workspace, clean: Bed) -> None:
    clean.sh(CLIENT, "mv /usr/sbin/glusterfs /usr/sbin/glusterfs.away")
    clean.sh(
        CLIENT, "printf '#!/bin/sh\\nexit 3\\n' >/usr/sbin/glusterfs; chmod +x /usr/sbin/glusterfs"
    )
    try:
        told = volume.run("mount", "v", MNT)
    finally:
        clean.sh(CLIENT, "mv /usr/sbin/glusterfs.away /usr/sbin/glusterfs")
    assert told.code in (1, 2), told.out + told.err
    assert CLIENT in told.err and "it was undone" in told.err, told.err
    assert "client.mount" not in told.err
    assert not clean.ok(CLIENT, "test -e /mnt/made/v")
    assert clean.sh(CLIENT, "ls /var/lib/kadalu") == ""
    volume.ok("mount", "v", MNT)
    volume.ok("umount", MNT)


def test_heals_are_started_where_they_can_be(volume: Workspace, clean: Bed) -> None:
    clean.kill("server3")
    run = volume.run("heal", "start", "v", "--timeout", "2")
    assert run.code == 3, run.out + run.err
    assert "pending on: server3 (" in run.err and "server1" not in run.err, run.err
    listed = volume.run("volume", "list", "--status", "--json", "--timeout", "2")
    (row,) = listed.json["volumes"]
    assert row["health"] == "Partial" and row["used"] > 0 and row["inodes_used"] > 0
    clean.start("server3")
    volume.inventory([*SERVERS, CLIENT])


def test_an_old_copy_is_told_by_commands_that_only_look(volume: Workspace, tmp_path: Path) -> None:
    other = volume.copy(tmp_path / "other")
    other.ok("volume", "rename", "v", "w")
    other.ok("volume", "stop", "w", "-y")
    run = volume.run("cluster", "status")
    assert run.code == 0 and "kadalu state pull" in run.err, run.err
    looked = volume.run("volume", "status", "--json")
    assert looked.code == 3, "it was stopped elsewhere"
    assert "kadalu state pull" in json.dumps(looked.json["warnings"])
    volume.ok("state", "pull")
    volume.ok("volume", "start", "w")
    assert volume.run("cluster", "status").err == ""
    volume.ok("volume", "rename", "w", "v")


def test_a_host_that_is_another_does_not_count_as_up(volume: Workspace, clean: Bed) -> None:
    clean.sh("server5", "mv /var/lib/kadalu /var/lib/kadalu.away")
    clean.sh("server6", "mv /var/lib/kadalu /var/lib/kadalu.away")
    clean.sh("server6", "mkdir -m 700 /var/lib/kadalu")
    try:
        run = volume.run("cluster", "status", "--json")
        listed = volume.run("node", "list", "--status")
    finally:
        clean.sh("server6", "rmdir /var/lib/kadalu")
        clean.on_all(["server5", "server6"], "mv /var/lib/kadalu.away /var/lib/kadalu")
    assert run.code == listed.code == 3
    states = {node["name"]: node["state"] for node in run.json["nodes"]}
    assert [name for name, state in states.items() if state == "Foreign"] == ["server5", "server6"]
    assert "Foreign (it holds nothing of this cluster" in listed.out
    ips = {**clean.ips, "server5": clean.ips["server6"]}
    Workspace(volume.path, Bed(clean.project, clean.key, ips)).inventory([*SERVERS, CLIENT])
    crossed = volume.run("cluster", "status")
    volume.inventory([*SERVERS, CLIENT])
    assert crossed.code == 3 and "the host that answers is server6" in crossed.out


def test_a_host_of_the_users_own_known_hosts_is_compared_with_that(
    volume: Workspace, clean: Bed, tmp_path: Path
) -> None:
    """Its ECDSA key is known there: that kind is asked for, and that fingerprint is shown."""
    clean.sh("server4", "ssh-keygen -A; systemctl restart ssh")
    clean.wipe(["server4"])
    mine = Workspace(tmp_path / "mine", clean)
    mine.inventory(["server4"])
    ssh = tmp_path / "mine" / "home" / ".ssh"
    ssh.mkdir(parents=True)
    wrong = "ecdsa-sha2-nistp256 " + clean.sh(
        "server4",
        "rm -f /tmp/k*; ssh-keygen -q -t ecdsa -N '' -f /tmp/k; cut -d' ' -f2 /tmp/k.pub",
    )
    (ssh / "known_hosts").write_text(f"{clean.ips['server4']} {wrong}")
    told = mine.refused("cluster", "init", "other", "--nodes=server4", code=4)
    real = clean.sh("server4", "ssh-keygen -lf /etc/ssh/ssh_host_ecdsa_key.pub").split()[1]
    assert f"offered {real}" in told and "kadalu node accept-key server4" in told
    assert list((mine.path / "state").glob("*-*")) == [], "nothing is left of it"
    right = clean.sh("server4", "cut -d' ' -f1,2 /etc/ssh/ssh_host_ecdsa_key.pub")
    (ssh / "known_hosts").write_text(f"{clean.ips['server4']} {right}")
    mine.ok("cluster", "init", "other", "--nodes=server4", "--host-key-checking=strict")
    (ssh / "known_hosts").write_text(f"{clean.ips['server4']} {wrong}")
    assert real in mine.refused("node", "accept-key", "server4")
    mine.ok("node", "accept-key", "server4", "-y")
    mine.ok("cluster", "delete", "other", "-y")


def test_a_host_is_written_into_the_inventory_when_all_is_well(clean: Bed, tmp_path: Path) -> None:
    clean.wipe(["server4"])
    laptop = Workspace(tmp_path / "laptop", clean)
    laptop.path.mkdir()
    laptop.ok("cluster", "create", "small")
    host = clean.ips["server4"]
    add = ("node", "add", host, "--key", str(clean.key))
    wrong = laptop.run(*add, "--user", "nobody-such")
    assert wrong.code == 4, wrong.out + wrong.err
    assert not (laptop.path / "inventory.yml").exists()
    laptop.ok(*add, "--user", "root", "--dry-run")
    assert not (laptop.path / "inventory.yml").exists()
    assert "Meta servers from now on" in laptop.ok(*add, "--user", "root")
    assert host in (laptop.path / "inventory.yml").read_text()
    assert "is not in the inventory" in laptop.refused("node", "check", "nowhere")
    laptop.ok("cluster", "delete", "small", "-y")
