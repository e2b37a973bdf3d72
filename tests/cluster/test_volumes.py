"""Volumes of every type and spelling: created, mounted, written, read back from a client."""

import pytest

from tests.cluster.bed import CLIENT, OLD, SERVERS, Bed, Workspace, wait_until


def units(hosts: list[str], name: str, disk: str = "/data1") -> list[str]:
    return [f"{host}:{disk}/{name}" for host in hosts]


S3, S6 = SERVERS[:3], SERVERS
CASES = {
    "dist1": (units(S3[:1], "dist1"), "Distribute"),
    "dist3": (units(S3, "dist3"), "Distribute"),
    "rep3": (["replica", "3", *units(S3, "rep3")], "Replicate"),
    "rep2x3": (["replica", "3", *units(S6, "rep2x3")], "Distributed Replicate"),
    "repkey": (["replica", *units(S3, "repkey"), "replica", *units(S6[3:], "repkey")],
               "Distributed Replicate"),
    "mir3": (["mirror", *units(S3, "mir3")], "Mirror"),
    "arb": (["replica", "2", "arbiter", "1", *units(S3, "arb")], "Arbiter"),
    "arbkey": (["mirror", *units(S3[:2], "arbkey"), "arbiter", *units(S3[2:], "arbkey")],
               "Arbiter"),
    "arb2": (["replica", "3", "arbiter", "1", *units(S6, "arb2")], "Distributed Arbiter"),
    "ec3": (["disperse", "3", "redundancy", "1", *units(S3, "ec3")], "Disperse"),
    "eckey": (["disperse", ",".join(units(S3[:2], "eckey")), "redundancy", *units(S3[2:], "eckey")],
              "Disperse"),
    "ec2x3": (["data", "2", "redundancy", "1", *units(S6, "ec2x3")], "Distributed Disperse"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_create_mount_write_read(name: str, shared: Workspace, clean: Bed) -> None:
    words, kind = CASES[name]
    shared.ok("volume", "create", f"prod/{name}", *words)
    listed = {v["name"]: v for v in shared.json("volume", "list", "--status")["volumes"]}
    assert (listed[name]["type"], listed[name]["health"]) == (kind, "Up")
    check_data(shared, clean, name, CLIENT)
    if name.startswith("arb"):
        arbiter = clean.sh("server3", f"find /data1/{name} -name f1 -type f -size 0 | wc -l")
        assert arbiter.strip() in ("0", "1")
        whole = clean.sh(
            "server3", f"find /data1/{name} -maxdepth 2 -type f -name 'f*' -size +0 | wc -l"
        )
        assert whole.strip() == "0", "an arbiter holds no data"
    shared.ok("umount", f"{CLIENT}:/mnt/{name}")
    shared.ok("volume", "stop", name, "-y")
    shared.ok("volume", "delete", name, "--wipe", "-y")
    for server in SERVERS:
        assert clean.leftovers(server) == "", server


def check_data(workspace: Workspace, bed: Bed, name: str, client: str) -> None:
    """Mount, write files as root and as a user, and read them back after a remount."""
    place = f"/mnt/{name}"
    workspace.ok("mount", name, f"{client}:{place}")
    script = f"cd {place} && for i in 1 2 3 4 5 6 7 8; do head -c 70000 /dev/urandom > f$i; done"
    bed.sh(client, f"{script}; mkdir home; chown admin home; su admin -c 'echo x > home/f'")
    sums = bed.sh(client, f"cd {place} && sha256sum f* home/f")
    workspace.ok("umount", f"{client}:{place}")
    workspace.ok("mount", name, f"{client}:{place}")
    assert bed.sh(client, f"cd {place} && sha256sum f* home/f") == sums
    assert bed.sh(client, f"stat -c %U {place}/home/f").strip() == "admin"


@pytest.mark.parametrize("name", ["arb", "ec3"])
def test_other_types_heal_too(name: str, shared: Workspace, clean: Bed) -> None:
    words, _ = CASES[name]
    shared.ok("volume", "create", name, *words)
    shared.ok("mount", name, f"{CLIENT}:/mnt/{name}")
    clean.kill("server2")
    clean.sh(CLIENT, f"cd /mnt/{name} && for i in 1 2 3; do head -c 90000 /dev/urandom > f$i; done")
    sums = clean.sh(CLIENT, f"cd /mnt/{name} && sha256sum f*")
    clean.start("server2")
    shared.inventory([*SERVERS, CLIENT])

    def healed() -> bool:
        # A directory is done one crawl after what is in it.
        shared.ok("heal", "start", name)
        run = shared.run("heal", "info", name, "--summary", "--json")
        return run.code == 0 and run.json["total"] == 0

    wait_until(healed, 120, "healed")
    # The daemons have healed; the client itself may still be waiting to connect again.
    wait_until(lambda: clean.serves("server2", CLIENT), 60, "the client is back on server2")
    # Without the third unit, what was healed onto the second one has to be right.
    clean.kill("server1")
    clean.sh(CLIENT, "echo 3 > /proc/sys/vm/drop_caches", check=False)
    assert clean.sh(CLIENT, f"cd /mnt/{name} && sha256sum f*") == sums
    clean.start("server1")
    shared.inventory([*SERVERS, CLIENT])
    shared.ok("umount", f"{CLIENT}:/mnt/{name}")
    shared.ok("volume", "stop", name, "-y")
    shared.ok("volume", "delete", name, "--wipe", "-y")


def test_fixed_port_and_no_start(shared: Workspace, clean: Bed) -> None:
    shared.ok("volume", "create", "ports", "--no-start", "server1:24555:/data2/ports")
    assert clean.units("server1") == []
    assert shared.json("volume", "list")["volumes"][0]["state"] == "Created"
    shared.ok("volume", "start", "ports")
    assert ":24555 " in clean.sh("server1", "ss -ltn")
    shared.ok("volume", "stop", "ports", "-y")
    shared.ok("volume", "delete", "ports", "-y")


def test_units_of_a_deleted_volume_serve_again(shared: Workspace, clean: Bed) -> None:
    words = ["replica", "3", *units(S3, "again")]
    shared.ok("volume", "create", "again", *words)
    volume_id = shared.json("volume", "info", "again")["volumes"][0]["id"]
    shared.ok("mount", "again", f"{CLIENT}:/mnt/again")
    clean.sh(CLIENT, "echo kept > /mnt/again/f")
    shared.ok("umount", f"{CLIENT}:/mnt/again")
    shared.ok("volume", "stop", "again", "-y")
    shared.ok("volume", "delete", "again", "-y")
    assert clean.sh("server1", "cat /data1/again/f") == "kept\n"
    assert "--volume-id" in shared.refused("volume", "create", "other", *words)
    swapped = ["replica", "3", *units(list(reversed(S3)), "again")]
    told = shared.refused("volume", "create", "again", *swapped, "--volume-id", volume_id)
    assert "was unit 2 of group 0" in told
    shared.ok("volume", "create", "again", *words, "--volume-id", volume_id)
    shared.ok("mount", "again", f"{CLIENT}:/mnt/again")
    assert clean.sh(CLIENT, "cat /mnt/again/f") == "kept\n"
    shared.ok("umount", f"{CLIENT}:/mnt/again")
    shared.ok("volume", "stop", "again", "-y")
    shared.ok("volume", "delete", "again", "--wipe", "-y")


@pytest.mark.release10
def test_glusterfs_10_does_the_main_job(workspace: Workspace, clean: Bed) -> None:
    workspace.inventory([*OLD, CLIENT])
    workspace.ok("cluster", "init", "old", f"--nodes={','.join(OLD)}")
    workspace.ok("volume", "create", "v10", "replica", "3", *units(OLD, "v10"))
    check_data(workspace, clean, "v10", CLIENT)
    clean.kill("old3")
    clean.sh(CLIENT, "cd /mnt/v10 && for i in 1 2 3; do head -c 90000 /dev/urandom > g$i; done")
    sums = clean.sh(CLIENT, "cd /mnt/v10 && sha256sum g*")
    clean.start("old3")
    workspace.inventory([*OLD, CLIENT])

    def healed() -> bool:
        run = workspace.run("heal", "info", "v10", "--summary", "--json")
        return run.code == 0 and run.json["total"] == 0

    wait_until(healed, 120, "healed")
    assert clean.sh("old3", "cd /data1/v10 && sha256sum g*") == sums
