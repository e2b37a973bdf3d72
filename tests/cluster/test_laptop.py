"""The laptop itself: a client of what it controls, with the keys of an ssh-agent."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.bed import CLIENT, ROOT, SERVERS, Bed, Workspace, wait_until

_HOME = "/root/laptop"


@pytest.fixture(scope="module")
def laptop(clean: Bed, tmp_path_factory: pytest.TempPathFactory) -> Bed:
    """client1 with kadalu on it: a machine with systemd, FUSE and GlusterFS, unlike this one."""
    site = tmp_path_factory.mktemp("site")
    release = clean.sh(CLIENT, "python3 -c 'import sys; print(*sys.version_info[:2], sep=\".\")'")
    argv = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    argv += ["--target", str(site), "--only-binary=:all:", f"--python-version={release.strip()}"]
    subprocess.run([*argv, *runtime_packages()], check=True)
    clean.sh(CLIENT, f"mkdir -p {_HOME}/.ssh")
    for source, place in ((site, "site"), (ROOT / "kadalu_ssh", "site/"), (clean.key, ".ssh/id")):
        clean.docker("cp", str(source), f"{clean.container(CLIENT)}:{_HOME}/{place}")
    clean.sh(CLIENT, f"chown -R root: {_HOME}; chmod 600 {_HOME}/.ssh/id")
    key = f"ansible_ssh_private_key_file: {_HOME}/.ssh/id"
    hosts = "".join(f"    {s}: {{ansible_host: {clean.ips[s]}}}\n" for s in SERVERS[:3])
    text = f"all:\n  vars: {{ansible_user: root, {key}}}\n  hosts:\n{hosts}"
    text += "    laptop: {ansible_connection: local}\n"
    clean.sh(CLIENT, f"umask 077; cat > {_HOME}/inventory.yml <<'END'\n{text}\nEND")
    return clean


def runtime_packages() -> list[str]:
    """What `pip install kadalu-ssh` brings, as pyproject.toml says it."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return list(project["dependencies"])


def kadalu(bed: Bed, words: str) -> str:
    run = f"cd {_HOME} && PYTHONPATH={_HOME}/site HOME={_HOME} python3 -m kadalu_ssh {words}"
    return bed.sh(CLIENT, f"{run} 2>&1")


def test_mount_on_the_laptop_itself(laptop: Bed) -> None:
    kadalu(laptop, "cluster init prod --nodes=server1,server2,server3")
    units = " ".join(f"{s}:/data1/mine" for s in SERVERS[:3])
    kadalu(laptop, f"volume create mine replica 3 {units}")
    assert "mounted on laptop:/mnt/mine" in kadalu(laptop, "mount mine /mnt/mine --persist")
    assert "fuse.glusterfs" in laptop.sh(CLIENT, "findmnt -no FSTYPE /mnt/mine")
    laptop.sh(CLIENT, "echo written > /mnt/mine/f")
    for server in SERVERS[:3]:
        assert laptop.sh(server, "cat /data1/mine/f") == "written\n"
    assert "laptop:/mnt/mine" in kadalu(laptop, "client list")
    laptop.reboot(CLIENT)
    assert laptop.sh(CLIENT, "cat /mnt/mine/f") == "written\n"
    kadalu(laptop, "umount /mnt/mine")
    assert not laptop.ok(CLIENT, "findmnt /mnt/mine")
    kadalu(laptop, "volume stop mine -y")
    kadalu(laptop, "volume delete mine --wipe -y")


def test_a_timer_stops_what_should_not_run(laptop: Bed) -> None:
    """A volume was stopped while server3 was off; its units come up with it."""
    path = "/usr/lib/python3/dist-packages/kadalu-test.pth"
    laptop.sh(CLIENT, f"echo {_HOME}/site > {path}")  # as an installed kadalu would be found
    units = " ".join(f"{s}:/data1/late" for s in SERVERS[:3])
    kadalu(laptop, f"volume create late replica 3 {units}")
    shown = kadalu(laptop, "reconcile --install-timer --dry-run")
    assert "Nothing was changed" in shown
    assert "kadalu-unwanted-" in kadalu(laptop, "reconcile --install-timer")
    timer = laptop.sh(CLIENT, "systemctl list-timers --no-legend 'kadalu-unwanted-*'")
    assert ".timer" in timer
    laptop.kill("server3")
    assert "pending on: server3" in kadalu(laptop, "volume stop late -y --timeout 2 2>&1 || true")
    laptop.start("server3")
    wait_until(lambda: laptop.units("server3"), why="its enabled units come up")
    service = timer.split()[-1]
    laptop.sh(CLIENT, f"systemctl start {service}")
    assert laptop.units("server3") == []
    assert "late" in kadalu(laptop, "volume list")
    laptop.sh(CLIENT, f"systemctl disable --now {service.replace('.service', '.timer')}; rm {path}")
    kadalu(laptop, "volume delete late --wipe -y")


@pytest.fixture
def agent(clean: Bed) -> Iterator[str]:
    """The socket of an ssh-agent that holds the session's key."""
    said = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True).stdout
    values = dict(part.split("=", 1) for part in said.split(";") if "=" in part)
    env = {**os.environ, "SSH_AUTH_SOCK": values["SSH_AUTH_SOCK"].strip()}
    subprocess.run(["ssh-add", "-q", str(clean.key)], env=env, check=True)
    yield env["SSH_AUTH_SOCK"]
    subprocess.run(["kill", values["\nSSH_AGENT_PID"].strip()], check=True)


def test_keys_of_an_agent(agent: str, workspace: Workspace, clean: Bed, tmp_path: Path) -> None:
    workspace.inventory(["server1"], {"ansible_ssh_private_key_file": None})
    told = workspace.run("node", "check", "server1")
    assert told.code == 4 and "permission denied for root" in told.err
    run = workspace.run("node", "check", "server1", env={"SSH_AUTH_SOCK": agent})
    assert run.code == 0, run.err
