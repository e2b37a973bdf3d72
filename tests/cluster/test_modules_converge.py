"""converge on a real host. Looked at with systemctl, ss, findmnt, getfattr and find."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kadalu_ssh.model.channel import CallFailed
from tests.cluster.bed import Bed
from tests.cluster.module_host import Json, Lab, ModuleHost, by_kind, statuses

# Inside a unit, its own processes write as they please.
TREE = (
    "find /etc/systemd/system /var/lib/kadalu /run/kadalu -printf '%p %m %T@ %s\\n';"
    "ls -A /data1 /data2 /mnt"
)


@pytest.fixture(params=["server1", pytest.param("old1", marks=pytest.mark.release10)])
def lab(request: pytest.FixtureRequest, bed: Bed, tmp_path: Path) -> Iterator[Lab]:
    host = ModuleHost.of(bed, request.param, tmp_path)
    host.clean()
    yield Lab(host)
    host.clean()


@pytest.fixture
def served(lab: Lab) -> Lab:
    """A started replica 3 volume."""
    lab.with_volume("/data1/b1", "/data2/b2", "/data1/b3")
    lab.init_units()
    answer = lab.converge()
    assert statuses(answer) == {"ok", "changed"}, answer
    return lab


def ports(lab: Lab) -> set[str]:
    listening = lab.host.sh("ss -Hltn 'sport >= :24010 and sport < :25000' | awk '{print $4}'")
    return {line.rpartition(":")[2] for line in listening.splitlines()}


def active(lab: Lab) -> list[bool]:
    return [lab.host.sh(f"systemctl is-active {s}", check=False) == "active" for s in lab.services]


def pids(lab: Lab) -> str:
    return lab.host.sh("systemctl show -p MainPID " + " ".join(lab.services))


def reason(answer: Json) -> str:
    return "\n".join(item.get("reason", "") for item in answer["items"])


def test_starts_a_volume_and_a_second_run_changes_nothing(served: Lab) -> None:
    assert active(served) == [True] * 4
    assert ports(served) == {"24010", "24011", "24012"}
    enabled = served.host.sh("systemctl is-enabled " + " ".join(served.services))
    assert enabled.split() == ["enabled"] * 4
    home = f"/var/lib/kadalu/{served.cluster_id}"
    assert served.host.sh(f"stat -c %a {home} {home}/volfiles").split() == ["700", "700"]
    assert set(served.host.sh(f"stat -c %a {home}/volfiles/*").split()) == {"600"}
    before, running = served.host.sh(TREE), pids(served)
    again = served.converge()
    assert statuses(again) == {"ok"}
    assert again["converged"]
    assert (served.host.sh(TREE), pids(served)) == (before, running)


def test_check_mode_changes_nothing(lab: Lab) -> None:
    lab.with_volume("/data1/b1", "/data2/b2", "/data1/b3")
    before = lab.host.sh(TREE)
    answer = lab.converge(check=True)
    assert statuses(answer) == {"ok", "would_change", "skipped"}
    assert "secret-word" not in str(answer)
    assert lab.host.sh(TREE) == before


def test_serves_files_and_a_mount_comes_and_goes(served: Lab) -> None:
    served.with_mount("/mnt/gv")
    assert by_kind(served.converge(), "mount")[0]["change"] == "start"
    assert served.host.sh("findmnt -no FSTYPE /mnt/gv") == "fuse.glusterfs"
    served.host.sh("echo hello > /mnt/gv/f")
    assert served.host.sh("cat /data1/b1/f /data2/b2/f /data1/b3/f").split() == ["hello"] * 3
    client = f"client:{served.document.clients[0].id}"
    served.change(clients=())
    assert statuses(served.converge(owners=["node", client])) == {"ok", "removed"}
    assert served.host.sh("findmnt -no FSTYPE /mnt/gv", check=False) == ""
    assert served.host.sh("ls /run/systemd/system | grep mnt", check=False) == ""
    assert served.host.sh("cat /data1/b1/f") == "hello"


def test_a_busy_mount_stays_and_names_who_uses_it(served: Lab) -> None:
    served.with_mount("/mnt/gv")
    served.converge()
    served.host.sh("cd /mnt/gv && setsid sleep 300 >/dev/null 2>&1 & ")
    served.change(clients=())
    answer = served.converge()
    assert "/mnt/gv is in use by sleep (pid" in reason(answer)
    assert served.host.sh("findmnt -no FSTYPE /mnt/gv") == "fuse.glusterfs"
    served.host.sh("pkill -x sleep")
    assert statuses(served.converge()) == {"ok", "removed"}


def test_an_unmounted_disk_does_not_become_an_empty_brick(lab: Lab) -> None:
    lab.host.sh("mkdir -p /mnt/disk && mount -t tmpfs none /mnt/disk && mkdir /mnt/disk/x")
    lab.with_volume("/mnt/disk/b1", "/data2/b2", "/data1/b3")
    lab.init_units()
    lab.converge()
    lab.host.sh(f"systemctl stop {lab.bricks[0]} && umount /mnt/disk && mkdir /mnt/disk/b1")
    answer = lab.converge()
    assert "carries no volume id: is its disk mounted?" in reason(answer)
    assert [item["status"] for item in by_kind(answer, "service")] == ["blocked", "ok", "ok", "ok"]
    assert active(lab) == [False, True, True, True]
    assert lab.host.sh("find /mnt/disk/b1") == "/mnt/disk/b1"
    assert lab.host.sh("getfattr -d -m - /mnt/disk/b1") == ""


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("setfattr -n trusted.glusterfs.volume-id -v 0x{0:032d} /data2/b2", "another volume"),
        ("setfattr -x trusted.kadalu.unit /data2/b2/.glusterfs", "no record"),
        ("mv /data2/b2 /data2/moved", "does not exist"),
        ("mv /data2/b2 /data2/x; ln -s x /data2/b2", "symbolic link"),
    ],
)
def test_a_wrong_unit_is_blocked_and_left_alone(served: Lab, damage: str, said: str) -> None:
    served.host.sh(f"systemctl stop {served.bricks[1]}; " + damage.format(0))
    answer = served.converge()
    assert said in reason(answer)
    assert active(served) == [True, False, True, True]
    assert sorted(answer["blocked"]) == sorted(
        [f"unit:{served.volume.slots[1].unit.id}", f"service:{served.bricks[1]}"]
    )


def test_a_service_that_does_not_start_says_why_from_its_log(served: Lab) -> None:
    served.host.sh(f"systemctl stop {served.bricks[0]}")
    served.host.sh(
        "systemd-run -q --unit kadalu-blocker python3 -c 'import socket,time;"
        's=socket.create_server(("", 24010)); time.sleep(300)\''
    )
    served.host.until("ss -Hltn sport = :24010 | grep -q .")
    answer = served.converge()
    failed = [item for item in answer["items"] if item["status"] == "failed"]
    assert [item["id"] for item in failed] == [f"service:{served.bricks[0]}"]
    assert "did not start: " in failed[0]["reason"]
    assert "ddress already in use" in failed[0]["reason"]
    assert not answer["converged"]
    served.host.sh("systemctl stop kadalu-blocker")
    assert statuses(served.converge()) == {"ok", "changed"}
    assert active(served) == [True] * 4


def test_a_running_brick_keeps_its_process_when_its_volfile_changes(served: Lab) -> None:
    """GlusterFS 11 reads the volfile again; before, a restart is needed, and is not made."""
    running = pids(served)
    served.change_volume(options={**served.volume.options, "storage.reserve": "3"})
    answer = served.converge()
    assert pids(served) == running
    if served.node.capabilities.release >= 11:
        changes = {item["id"]: item["change"] for item in by_kind(answer, "service")}
        assert {changes[f"service:{name}"] for name in served.bricks} == {"reload"}
        assert answer["restart_needed"] == []
        return
    assert answer["restart_needed"] == sorted(served.bricks)
    one = served.converge(may_restart=served.bricks[:1])
    assert one["restart_needed"] == sorted(served.bricks[1:])
    assert pids(served) != running
    served.host.sh("systemctl restart " + " ".join(served.bricks[1:]))
    assert served.converge()["restart_needed"] == []


def test_stop_and_delete_remove_what_was_made_and_no_data(served: Lab) -> None:
    owner = f"volume:{served.volume.id}"
    services = served.services
    served.change_volume(state="stopped")
    assert {i["status"] for i in by_kind(served.converge(), "service")} == {"blocked"}
    assert active(served) == [True] * 4
    served.converge(may_stop=services)
    assert not any(active(served))
    assert ports(served) == set()
    kept = served.volume
    with pytest.raises(CallFailed, match="not given up"):
        served.converge(served.change(volumes=()))
    assert statuses(served.converge(tombstones=[owner], may_stop=services)) == {"ok", "removed"}
    assert served.host.sh("ls /etc/systemd/system | grep kadalu", check=False) == ""
    assert served.host.sh("systemctl list-units --all -q 'kadalu-*'") == ""
    assert served.host.sh(f"ls /var/lib/kadalu/{served.cluster_id}/volfiles") == ""
    for slot in kept.slots:
        mark = f"getfattr -n trusted.glusterfs.volume-id -e hex {slot.unit.path}"
        assert kept.id.replace("-", "") in served.host.sh(mark)


def test_a_full_disk_is_reported_and_nothing_is_left_half_done(lab: Lab) -> None:
    lab.with_volume("/data1/b1", "/data2/b2", "/data1/b3")
    lab.init_units()
    home = f"/var/lib/kadalu/{lab.cluster_id}"
    lab.host.sh(
        f"cp -a {home} /tmp/home && mount -t tmpfs -o size=24k,mode=700 none {home}"
        f" && cp -a /tmp/home/. {home} && rm -r /tmp/home"
    )
    try:
        try:
            answer = lab.converge()
            assert "No space left on device" in reason(answer)
        except CallFailed as error:
            assert (error.kind, "No space left" in error.reason) == ("os", True), error
        assert lab.host.sh(f"find {home} -name '*.kadalu-*'") == ""
        assert lab.host.sh(f"cat {home}/intended.json | python3 -m json.tool >/dev/null; echo $?")
        lab.host.sh(f"mount -o remount,size=10m {home}")
        assert lab.converge()["converged"]
        assert active(lab) == [True] * 4
    finally:
        lab.host.sh("systemctl stop 'kadalu-*'", check=False)
        lab.host.sh(f"umount {home}")


def test_a_read_only_unit_directory_is_reported_and_others_go_on(lab: Lab) -> None:
    lab.with_volume("/data1/b1", "/data2/b2", "/data1/b3")
    lab.init_units()
    units = "/etc/systemd/system"
    lab.host.sh(f"mount --bind {units} {units} && mount -o remount,ro,bind {units}")
    try:
        answer = lab.converge()
    finally:
        lab.host.sh(f"umount {units}")
    assert f"Read-only file system: {units}/kadalu-brick" in reason(answer)
    assert {item["status"] for item in by_kind(answer, "service")} == {"blocked"}
    assert any(
        item["status"] == "changed" and item["id"].endswith(".vol")
        for item in by_kind(answer, "file")
    )
    assert lab.converge()["converged"]


def test_a_host_that_is_another_node_is_refused(served: Lab) -> None:
    before = served.host.sh(TREE)
    served.node_id = "99999999-0000-4000-8000-000000000001"
    with pytest.raises(CallFailed, match="this host is n1") as caught:
        served.converge(served.change(nodes=()))
    assert caught.value.kind == "not_ours"
    assert served.host.sh(TREE) == before


def test_older_work_is_fenced_off(served: Lab) -> None:
    old = served.document
    served.converge(served.change())
    before = served.host.sh(TREE)
    with pytest.raises(CallFailed) as caught:
        served.converge(old)
    assert caught.value.kind == "fenced"
    with pytest.raises(CallFailed) as caught:
        served.host.call("drop_unit", {"fence": served.fence(old), "units": []})
    assert caught.value.kind == "fenced"
    assert served.host.sh(TREE) == before


def test_the_hosts_lock_keeps_a_second_controller_out(served: Lab) -> None:
    lock = f"/run/kadalu/{served.cluster_id}/node.lock"
    served.host.sh(f"setsid flock {lock} sleep 300 >/dev/null 2>&1 &")
    served.host.until(f"! flock -n {lock} true")
    with pytest.raises(CallFailed) as caught:
        served.converge()
    assert caught.value.kind == "locked"
    assert statuses(served.converge(check=True)) == {"ok"}
    served.host.sh("pkill -x sleep")
    assert statuses(served.converge()) == {"ok"}


def test_a_unit_that_met_its_start_limit_is_started_again(served: Lab) -> None:
    brick = served.bricks[0]
    served.host.sh(f"for n in 1 2 3 4 5 6 7; do systemctl restart {brick}; done", check=False)
    assert served.host.sh(f"systemctl is-failed {brick}", check=False) == "failed"
    assert served.converge()["converged"]
    assert active(served) == [True] * 4


def test_a_reboot_brings_the_bricks_back_and_forgets_the_mount(
    served: Lab, bed: Bed, tmp_path: Path
) -> None:
    served.with_mount("/mnt/gv")
    served.converge()
    name = next(node for node in bed.ips if bed.container(node) == served.host.container)
    bed.reboot(name)
    served.host = ModuleHost.of(bed, name, tmp_path)
    served.host.until("test $(systemctl list-units -q 'kadalu-*' | grep -c running) = 4")
    assert active(served) == [True] * 4
    answer = served.converge()
    assert {item["status"] for item in by_kind(answer, "mount")} == {"forgotten"}
    assert {item["status"] for item in by_kind(answer, "service")} == {"ok"}
    assert served.host.sh("ls /run/systemd/system | grep mnt-gv", check=False) == ""
    assert served.host.sh("findmnt -no FSTYPE /mnt/gv", check=False) == ""


def test_a_host_serves_one_cluster_only(served: Lab) -> None:
    with pytest.raises(CallFailed, match=f"a node of cluster {served.cluster_id}"):
        Lab(served.host)
