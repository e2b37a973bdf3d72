"""facts, storage units, status, heal and clients on a real host."""

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from kadalu_ssh.model.channel import CallFailed
from tests.cluster.bed import Bed, wait_until
from tests.cluster.module_host import Json, Lab, ModuleHost


@pytest.fixture(params=["server1", pytest.param("old1", marks=pytest.mark.release10)])
def lab(request: pytest.FixtureRequest, bed: Bed, tmp_path: Path) -> Iterator[Lab]:
    host = ModuleHost.of(bed, request.param, tmp_path)
    host.clean()
    yield Lab(host)
    host.clean()


@pytest.fixture
def mounted(lab: Lab) -> Lab:
    """A started replica 3 volume, mounted at /mnt/gv."""
    lab.with_volume("/data1/b1", "/data2/b2", "/data1/b3")
    lab.init_units()
    lab.with_mount("/mnt/gv")
    assert lab.converge()["converged"]
    return lab


def facts(lab: Lab, *paths: str, **more: object) -> Json:
    return lab.host.call("facts", {"cluster_id": lab.cluster_id, "paths": list(paths), **more})


def test_facts_agree_with_what_the_hosts_own_programs_say(lab: Lab) -> None:
    found = facts(lab, "/data1", "/data2/new/b", "/data1/x", resolve=["localhost", "no.such.host"])
    sh = lab.host.sh
    assert found["glusterfs"] == sh("glusterfsd --version | awk 'NR==1 {print $2}'")
    assert str(found["systemd"]) == sh("systemctl --version | awk 'NR==1 {print $2}'")
    assert found["hostname"] == sh("hostname")
    assert found["kernel"] == sh("uname -r")
    listening = sh("ss -Hltn | awk '{print $4}'").splitlines()
    assert set(found["listening"]) == {int(line.rpartition(":")[2]) for line in listening}
    assert found["glfsheal"] == sh("find /usr -name glfsheal -type f")
    assert ("features/simple-quota" in found["xlators"]) == found["glusterfs"].startswith("11")
    assert found["resolve"]["localhost"]
    assert found["resolve"]["no.such.host"] is None
    assert not found["glusterd_running"]
    assert set(found["writable"].values()) == {None}
    data = found["paths"]["/data1"]
    assert data["fs_type"] == sh("findmnt -no FSTYPE /data1")
    assert data["size_bytes"] == int(sh("df -B1 --output=size /data1 | tail -1"))
    assert data["is_mount_point"]
    assert not data["is_rootfs"]
    new = found["paths"]["/data2/new/b"]
    assert (new["exists"], new["parent_exists"], new["mount_point"]) == (False, False, "/data2")
    # Both volumes of the engine are directories of one file system.
    assert (new["fsid"] == data["fsid"]) == (sh("stat -c %d /data1") == sh("stat -c %d /data2"))
    assert sh("ls -A /data1 /data2") == "/data1:\n\n/data2:"


def test_facts_are_quick_and_see_a_running_glusterd(lab: Lab) -> None:
    lab.host.sh("systemctl start glusterd")
    try:
        found = facts(lab)
        assert found["glusterd_running"]
        assert 24007 in found["listening"]
    finally:
        lab.host.sh("systemctl stop glusterd; rm -rf /var/lib/glusterd/glusterd.info")


def test_facts_of_a_place_that_takes_no_units(lab: Lab) -> None:
    lab.host.sh("mkdir -p /mnt/ro && mount -t tmpfs -o ro none /mnt/ro")
    found = facts(lab, "/mnt/ro/b", "/proc/b")["paths"]
    assert found["/mnt/ro/b"]["read_only"]
    assert "Read-only" in found["/mnt/ro/b"]["xattr"]
    assert found["/proc/b"]["xattr"]


def test_units_are_marked_as_glusterfs_wants_them(lab: Lab) -> None:
    lab.with_volume("/data1/b1", "/data2/deep/b2", "/data1/b3")
    with pytest.raises(CallFailed, match="/data2/deep does not exist"):
        lab.init_units()
    assert lab.host.sh("ls -A /data1 /data2") == "/data1:\n\n/data2:"
    made = lab.init_units(create_parents=True)
    assert made["units"][1]["made_dirs"] == ["/data2/deep/b2", "/data2/deep"]
    shown = lab.host.sh("getfattr -n trusted.glusterfs.volume-id -e hex /data2/deep/b2")
    assert lab.volume.id.replace("-", "") in shown
    assert lab.init_units() == made
    assert lab.drop_units(undo=True) == ["undone"] * 3
    assert lab.host.sh("ls -A /data1 /data2") == "/data1:\n\n/data2:"


def test_no_unit_is_made_where_one_does_not_fit(lab: Lab) -> None:
    lab.with_volume("/data1/b1", "/data2/b2", "/data1/b3")
    lab.host.sh("mkdir /data1/b3 && echo precious > /data1/b3/file")
    with pytest.raises(CallFailed, match="is not empty"):
        lab.init_units()
    assert lab.host.sh("ls -A /data1 /data2") == "/data1:\nb3\n\n/data2:"


def test_wipe_waits_until_the_unit_is_served_no_more(mounted: Lab) -> None:
    mounted.host.sh("mkdir /mnt/gv/d && echo x > /mnt/gv/d/f")
    with pytest.raises(CallFailed, match="is served by process"):
        mounted.drop_units(wipe=True)
    assert mounted.host.sh("cat /data1/b1/d/f") == "x"
    mounted.host.sh("umount /mnt/gv; systemctl stop 'kadalu-*'")
    assert mounted.drop_units(wipe=True) == ["wiped"] * 3
    assert mounted.host.sh("ls -A /data1 /data2") == "/data1:\n\n/data2:"


def test_a_unit_that_was_given_up_serves_again_with_its_data(mounted: Lab) -> None:
    mounted.host.sh("echo x > /mnt/gv/f; umount /mnt/gv; systemctl stop 'kadalu-*'")
    assert mounted.drop_units() == ["kept"] * 3
    old = mounted.units()
    for unit in old:
        unit["unit_id"] = "55" + unit["unit_id"][2:]
    params = {"fence": mounted.fence(mounted.document), "units": old}
    with pytest.raises(CallFailed, match="as another storage unit"):
        mounted.host.call("init_unit", params)
    for unit in old:
        unit["adopt"] = True
    mounted.host.call("init_unit", params)
    shown = mounted.host.sh(
        "getfattr -n trusted.kadalu.unit --only-values /data1/b1/.glusterfs 2>/dev/null"
    )
    assert old[0]["unit_id"] in shown
    assert mounted.host.sh("cat /data1/b1/f") == "x"


def status(lab: Lab) -> Json:
    units = [
        {
            "path": slot.unit.path, "unit_id": slot.unit.id, "volume_id": lab.volume.id,
            "port": slot.unit.port, "fs_uuid": slot.unit.fs_uuid,
        }
        for slot in lab.volume.slots
    ]  # fmt: skip
    params = {
        "cluster_id": lab.cluster_id, "services": lab.services, "units": units,
        "mounts": ["/mnt/gv", "/mnt/none"],
    }  # fmt: skip
    return lab.host.call("status", params)


def test_status_sees_what_runs_and_what_does_not(mounted: Lab) -> None:
    up = status(mounted)
    for name in mounted.services:
        assert up["services"][name]["active"]
        shown = mounted.host.sh(f"systemctl show -P MainPID {name}")
        assert up["services"][name]["pid"] == int(shown)
        assert 0 <= up["time"] - up["services"][name]["since"] < 60
    assert [up["mounts"][path]["mounted"] for path in ("/mnt/gv", "/mnt/none")] == [True, False]
    mounted.host.sh(f"systemctl stop {mounted.bricks[0]}")
    mounted.host.sh("setfattr -x trusted.kadalu.unit /data2/b2/.glusterfs")
    one, two, three = status(mounted)["units"].values()
    assert (one["listening"], two["listening"], three["listening"]) == (False, True, True)
    assert (one["blocked"], three["blocked"]) == (None, None)
    assert "no record" in two["blocked"]


def heal(lab: Lab, op: str) -> list[Json]:
    home = f"/var/lib/kadalu/{lab.cluster_id}"
    params = {
        "op": op, "copies": True, "volume": "gv", "glfsheal": lab.node.capabilities.glfsheal,
        "volfile": f"{home}/volfiles/trusted-{lab.volume.id}.vol",
    }  # fmt: skip
    bricks: list[Json] = lab.host.call("heal", params)["bricks"]
    return bricks


def test_heals_are_seen_started_and_over(mounted: Lab) -> None:
    assert [brick["count"] for brick in heal(mounted, "info")] == [0, 0, 0]
    mounted.host.sh(f"systemctl stop {mounted.bricks[1]} {mounted.services[-1]}")
    mounted.host.sh("mkdir /mnt/gv/d; for n in 1 2 3; do echo $n > /mnt/gv/d/f$n; done")
    for op in ("info", "summary"):
        one, two, three = heal(mounted, op)
        assert (two["status"], two["count"]) == ("disconnected", None)
        assert one["count"] == three["count"] == 5  # the files, their directory, the root
    assert "/d/f2" in [entry["path"] for entry in heal(mounted, "info")[0]["entries"]]
    pending = status(mounted)["units"].values()
    assert [unit["heal_pending"] for unit in pending] == [5, 0, 5]
    mounted.host.sh(f"systemctl start {mounted.bricks[1]} {mounted.services[-1]}")
    short = mounted.volume.id.replace("-", "")[:13]
    sock = f"/run/kadalu/{mounted.cluster_id}/s-{short}.sock"
    daemon = {"sock": sock, "xlators": ["gv-replicate-0"]}

    def healed() -> bool:
        params = {"op": "start", "sockets": [daemon]}
        answer = mounted.host.call("heal", params)["daemons"][0]
        assert answer["reason"] is None
        return [brick["count"] for brick in heal(mounted, "info")] == [0, 0, 0]

    wait_until(healed, limit=90)
    assert mounted.host.sh("cat /data2/b2/d/f*").split() == ["1", "2", "3"]


def test_clients_of_each_unit_are_known(mounted: Lab) -> None:
    sockets = [
        {
            "unit_id": slot.unit.id, "path": slot.unit.path, "volname": "gv",
            "sock": f"/run/kadalu/{mounted.cluster_id}/b-"
            + slot.unit.id.replace("-", "")[:13] + ".sock",
        }
        for slot in mounted.volume.slots
    ]  # fmt: skip
    mounted.host.sh(f"systemctl stop {mounted.bricks[2]}")
    one, _, gone = mounted.host.call("clients", {"sockets": sockets})["units"]
    established = mounted.host.sh("ss -Htn state established sport = :24010 | awk '{print $4}'")
    assert sorted(client["address"] for client in one["clients"]) == sorted(established.split())
    assert "does not run" in gone["reason"]


def test_install_leaves_an_installed_glusterfs_alone(lab: Lab) -> None:
    answer = lab.host.call("install", {})
    assert answer == {
        "changed": False, "glusterfs": lab.facts["glusterfs"], "manager": None
    }  # fmt: skip


def test_a_lock_lasts_as_long_as_its_worker(lab: Lab) -> None:
    base = {"cluster_id": lab.cluster_id}
    holder = {"who": "ann"}
    took, held, other = lab.host.calls(
        ("meta", {"op": "lock", "holder": holder, **base}),
        ("meta", {"op": "holds", **base}),
        ("meta", {"op": "peek", **base}),
    )
    assert took["locked"]
    assert held["locked"]
    assert other == {"locked": True, "holder": holder}
    after = lab.host.call("meta", {"op": "peek", **base})
    assert after == {"locked": False, "holder": None}


def test_release_leaves_nothing_of_ours(lab: Lab) -> None:
    lab.converge()
    with pytest.raises(CallFailed, match="not the one that was meant"):
        lab.host.call("identity", {"op": "release", "cluster_id": lab.cluster_id, "node_id": "x"})
    lab.identity("release")
    assert lab.host.sh(f"ls -d /var/lib/kadalu/{lab.cluster_id}", check=False) == ""


def test_volume_ids_are_sixteen_raw_bytes(lab: Lab) -> None:
    lab.with_volume("/data1/b1")
    lab.init_units()
    shown = lab.host.sh("getfattr -n trusted.glusterfs.volume-id -e hex /data1/b1 2>/dev/null")
    value = bytes.fromhex(shown.rpartition("0x")[2])
    assert struct.unpack("<16s", value)[0].hex() == lab.volume.id.replace("-", "")
