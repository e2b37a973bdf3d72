"""The main job: a replicated volume, mounted, written, a node lost, healed."""

import pytest

from tests.cluster.bed import CLIENT, Bed, Workspace, wait_until

UNITS = ["server1:/data1/vol1", "server2:/data1/vol1", "server3:/data1/vol1"]


@pytest.fixture(scope="module")
def volume(shared: Workspace) -> Workspace:
    shared.ok("volume", "create", "vol1", "replica", "3", *UNITS)
    return shared


def test_units_run_under_systemd_and_are_enabled(volume: Workspace, clean: Bed) -> None:
    for node in ("server1", "server2", "server3"):
        units = clean.units(node)
        assert len(units) == 2, units
        for unit in units:
            assert clean.sh(node, f"systemctl is-enabled {unit}").strip() == "enabled"
        assert ":24010 " in clean.sh(node, "ss -ltn")
        assert clean.ok(node, "getfattr -n trusted.glusterfs.volume-id /data1/vol1")


def test_restart_policy_of_a_unit(volume: Workspace, clean: Bed) -> None:
    brick = next(unit for unit in clean.units("server1") if "brick" in unit)
    shown = clean.sh("server1", f"systemctl show {brick}")
    for line in (
        "Restart=on-failure", "LimitNOFILE=1048576", "SuccessExitStatus=15", "StartLimitBurst=6",
    ):  # fmt: skip
        assert line in shown.splitlines(), line
    assert "RequiresMountsFor=/data1/vol1" in clean.sh("server1", f"systemctl cat {brick}")
    pid = clean.sh("server1", f"systemctl show -P MainPID {brick}").strip()
    clean.sh("server1", f"kill -9 {pid}")
    wait_until(
        lambda: clean.sh("server1", f"systemctl show -P MainPID {brick}").strip() not in (pid, "0"),
        why="a killed unit comes back",
    )
    wait_until(lambda: ":24010 " in clean.sh("server1", "ss -ltn"), why="it listens again")


def test_second_create_is_refused_and_start_is_idempotent(volume: Workspace) -> None:
    assert "already" in volume.refused("volume", "create", "vol1", "replica", "3", *UNITS)
    assert "started already" in volume.refused("volume", "start", "vol1")
    forced = volume.json("volume", "start", "vol1", "--force")
    assert forced["changes"] == []


def test_write_survives_a_killed_node_and_heals(volume: Workspace, clean: Bed) -> None:
    volume.ok("mount", "vol1", f"{CLIENT}:/mnt/vol1")
    clean.sh(CLIENT, "echo before > /mnt/vol1/before")
    clean.kill("server3")
    clean.sh(CLIENT, "for i in $(seq 20); do head -c 100000 /dev/urandom > /mnt/vol1/f$i; done")
    # A metadata heal of the root copies its xattrs: each unit's own record must survive that.
    clean.sh(CLIENT, "chmod 0751 /mnt/vol1")
    sums = clean.sh(CLIENT, "cd /mnt/vol1 && sha256sum f* before")
    status = volume.run("volume", "status", "vol1", "--json", "--timeout", "2")
    assert status.code == 3
    assert status.json["volumes"][0]["health"] == "Partial"
    pending = volume.run("volume", "heal-info", "vol1", "--json", "--timeout", "2")
    assert pending.code == 3
    assert pending.json["total"] > 0

    clean.start("server3")
    healed(volume)
    for node in ("server1", "server2", "server3"):
        assert clean.sh(node, "cd /data1/vol1 && sha256sum f* before") == sums, node
        assert clean.sh(node, "stat -c %a /data1/vol1").strip() == "751"
    states = volume.json("volume", "status", "vol1")["volumes"][0]["groups"][0]["units"]
    assert [unit["state"] for unit in states] == ["Up"] * 3
    assert clean.sh(CLIENT, "cd /mnt/vol1 && sha256sum f* before") == sums


def healed(volume: Workspace) -> None:
    def nothing_left() -> bool:
        run = volume.run("volume", "heal-info", "vol1", "--summary", "--json")
        return run.code == 0 and run.json["total"] == 0

    wait_until(nothing_left, 120, "the heal count goes to zero")


def test_mount_without_persist_is_forgotten_at_reboot(volume: Workspace, clean: Bed) -> None:
    assert clean.ok(CLIENT, "mountpoint -q /mnt/vol1")
    clean.reboot(CLIENT)
    volume.inventory([*[f"server{n}" for n in range(1, 7)], CLIENT])
    assert not clean.ok(CLIENT, "mountpoint -q /mnt/vol1")
    listed = volume.json("client", "list")["clients"]
    assert [c["state"] for c in listed] == ["Forgotten (the host was rebooted)"]
    volume.ok("umount", f"{CLIENT}:/mnt/vol1")
    assert volume.json("client", "list")["clients"] == []


def test_mount_with_persist_survives_a_reboot(volume: Workspace, clean: Bed) -> None:
    volume.ok("mount", "vol1", f"{CLIENT}:/mnt/keep", "--persist")
    clean.reboot(CLIENT)
    volume.inventory([*[f"server{n}" for n in range(1, 7)], CLIENT])
    wait_until(lambda: clean.ok(CLIENT, "mountpoint -q /mnt/keep"), why="the mount comes back")
    assert clean.sh(CLIENT, "cat /mnt/keep/before") == "before\n"
    volume.ok("umount", f"{CLIENT}:/mnt/keep")
    assert not clean.ok(CLIENT, "mountpoint -q /mnt/keep")
    left = "find /var/lib/kadalu -mindepth 1; ls /etc/systemd/system/mnt-keep.mount"
    assert clean.sh(CLIENT, left, False) == ""


def test_stop_needs_a_yes_and_delete_leaves_nothing(volume: Workspace, clean: Bed) -> None:
    assert "confirmation" in volume.refused("volume", "stop", "vol1")
    volume.ok("volume", "stop", "vol1", "--mode=script")
    assert clean.units("server1") == []
    assert ":24010" not in clean.sh("server1", "ss -ltn")
    assert "is stopped" in volume.refused("volume", "stop", "vol1", "-y")
    volume.ok("volume", "delete", "vol1", "--wipe", "-y")
    for node in ("server1", "server2", "server3"):
        assert clean.leftovers(node) == "", node
    assert volume.json("volume", "list")["volumes"] == []
