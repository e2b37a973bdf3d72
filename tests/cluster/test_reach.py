"""Ways into real hosts, and what is said of hosts that cannot be used."""

import fcntl
import os
import pty
import subprocess
import termios
from contextlib import suppress

import pytest

from tests.cluster.bed import SERVERS, Bed, Workspace

GLUSTERFS = "/usr/lib/x86_64-linux-gnu/glusterfs"


def check(workspace: Workspace, host: str = "server1", code: int = 0) -> dict[str, tuple[str, str]]:
    """`node check` of a host: check → (state, detail)."""
    run = workspace.run("node", "check", host, "--json")
    assert run.code == code, run.out + run.err
    rows = run.json["nodes"][0]["checks"]
    return {row["check"]: (row["state"], row["detail"]) for row in rows}


def unreachable(workspace: Workspace, *more: str) -> str:
    run = workspace.run("node", "check", "server1", "--json", *more)
    assert run.code == 4, run.out + run.err
    return str(run.json["nodes"][0]["error"])


@pytest.mark.parametrize(
    "variables",
    [
        {"ansible_user": "admin"},
        {"ansible_user": "ops", "ansible_become_password": "ops-password"},
        {"ansible_user": "admin", "ansible_become": True},
        {"ansible_python_interpreter": "/usr/bin/python3"},
    ],
    ids=["sudo", "sudo-password", "become", "python"],
)
def test_users_with_sudo(workspace: Workspace, variables: dict[str, object]) -> None:
    workspace.inventory(SERVERS, variables)
    found = check(workspace)
    assert found["glusterfs"] == ("ok", "11.1")
    assert {state for state, _ in found.values()} <= {"ok", "fixed"}, found


def test_a_sudo_password_from_the_environment_or_a_prompt(workspace: Workspace) -> None:
    workspace.inventory(SERVERS, {"ansible_user": "ops"})
    words = ("node", "check", "server1")
    run = workspace.run(*words, env={"KADALU_BECOME_PASSWORD": "ops-password"})
    assert run.code == 0, run.out + run.err
    run = workspace.run(*words, env={"KADALU_BECOME_PASSWORD": "wrong"})
    assert run.code == 4 and "sudo refused the password" in run.err
    told = workspace.refused(*words, "--ask-become-pass")
    assert "no terminal to ask on" in told and "KADALU_BECOME_PASSWORD" in told
    assert typed(workspace, "ops-password", *words, "--ask-become-pass") == 0


def typed(workspace: Workspace, answer: str, *words: str) -> int:
    """Run kadalu on a terminal, and answer its first question; the answer must not show."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        workspace.command(*words), env=workspace.environment(), cwd=workspace.path,
        stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(slave)
    shown = b""
    with suppress(OSError):  # the terminal is gone when kadalu ends
        while b"sudo password: " not in shown:
            shown += os.read(master, 1024)
        os.write(master, answer.encode() + b"\n")
        while more := os.read(master, 1024):
            shown += more
    os.close(master)
    assert answer.encode() not in shown
    return process.wait(60)


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"ansible_user": "ops"}, "set ansible_become_password"),
        ({"ansible_user": "ops", "ansible_become_password": "wrong"}, "sudo refused the password"),
        ({"ansible_user": "guest"}, "sudo"),
        ({"ansible_user": "admin", "ansible_become": False}, "is not root there"),
        ({"ansible_python_interpreter": "/nonexistent/python3"}, "no Python 3 at"),
        ({"ansible_user": "nobody-such"}, "permission denied for nobody-such"),
        ({"ansible_port": 2222}, "connection refused"),
    ],
)
def test_hosts_that_cannot_be_used(
    workspace: Workspace, variables: dict[str, object], told: str
) -> None:
    workspace.inventory(SERVERS, variables)
    assert told in unreachable(workspace)


def test_a_changed_host_key_stops_and_can_be_accepted(workspace: Workspace, clean: Bed) -> None:
    workspace.ok("cluster", "init", "prod", "--nodes=server1")
    clean.sh(
        "server1",
        "rm /etc/ssh/ssh_host_ed25519_key*; ssh-keygen -q -t ed25519 -N '' "
        "-f /etc/ssh/ssh_host_ed25519_key; systemctl restart ssh",
    )
    assert "HOST KEY CHANGED" in unreachable(workspace)
    told = workspace.refused("node", "accept-key", "server1")
    offered = clean.sh("server1", "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub").split()[1]
    assert offered in told
    workspace.ok("node", "accept-key", "server1", "-y")
    check(workspace)
    workspace.ok("cluster", "delete", "prod", "-y")


def test_strict_wants_to_know_the_key_first(workspace: Workspace) -> None:
    assert "host key is not known" in unreachable(workspace, "--host-key-checking", "strict")
    check(workspace)
    run = workspace.run("node", "check", "server1", "--host-key-checking", "strict")
    assert run.code == 0, run.err


def test_a_bastion_is_opened_once_for_all_hosts(workspace: Workspace, clean: Bed) -> None:
    home = workspace.path / "home"
    (home / ".ssh").mkdir(parents=True)
    lines = [f"Host {' '.join(clean.ips[s] for s in SERVERS[1:4])}", "  ProxyJump bastion"]
    lines += ["Host bastion", f"  HostName {clean.ips['server1']}", "  User root"]
    lines += [f"  IdentityFile {clean.key}"]
    (home / ".ssh" / "config").write_text("\n".join(lines) + "\n")
    sshd = "journalctl -u ssh --no-pager | grep -c 'Accepted publickey'"
    before = int(clean.sh("server1", sshd, check=False) or 0)
    run = workspace.run("node", "check", *SERVERS[1:4], "--json")
    assert run.code == 0, run.out + run.err
    assert int(clean.sh("server1", sshd)) - before == 1
    for server in SERVERS[1:4]:
        last = clean.sh(
            server, "journalctl -u ssh --no-pager | grep 'Accepted publickey' | tail -1"
        )
        assert f"from {clean.ips['server1']} " in last


def test_a_chain_of_bastions(workspace: Workspace, clean: Bed) -> None:
    """server3 from server2, and server2 from server1."""
    config = workspace.path / "home" / ".ssh" / "config"
    config.parent.mkdir(parents=True)
    lines = [f"Host {clean.ips['server3']}", "  ProxyJump first,root@second"]
    for name, server in (("first", "server1"), ("second", "server2")):
        lines += [f"Host {name}", f"  HostName {clean.ips[server]}", "  User root"]
        lines += [f"  IdentityFile {clean.key}"]
    config.write_text("\n".join(lines) + "\n")
    check(workspace, "server3")
    for server, before in (("server2", "server1"), ("server3", "server2")):
        last = clean.sh(
            server, "journalctl -u ssh --no-pager | grep 'Accepted publickey' | tail -1"
        )
        assert f"from {clean.ips[before]} " in last


def test_a_node_without_glusterfs_or_with_a_read_only_place(
    workspace: Workspace, clean: Bed
) -> None:
    clean.sh(
        "server5",
        "mv /usr/sbin/glusterfsd /usr/sbin/away; mv " + GLUSTERFS + " /root/g",
    )
    clean.sh("server6", "mkdir -p /var/lib/kadalu && mount -t tmpfs -o ro none /var/lib/kadalu")
    try:
        told = workspace.refused("cluster", "init", "x", "--nodes=server4,server5,server6")
    finally:
        clean.sh(
            "server5",
            "mv /usr/sbin/away /usr/sbin/glusterfsd; mv /root/g " + GLUSTERFS,
        )
        clean.sh("server6", "umount /var/lib/kadalu")
    assert "server5: GlusterFS is not installed" in told
    assert "server6: /var/lib/kadalu cannot be written" in told
    assert not clean.ok("server4", "ls /var/lib/kadalu/*/identity.json")
    assert workspace.json("cluster", "list") == {"clusters": []}


def test_a_full_disk_is_named_and_the_others_are_not_left_half_done(
    workspace: Workspace, clean: Bed
) -> None:
    servers = ["server1", "server2", "server3"]
    workspace.ok("cluster", "init", "full", f"--nodes={','.join(servers)}")
    lib = clean.sh("server3", "ls -d /var/lib/kadalu/*").strip()
    clean.sh(
        "server3",
        f"mkdir /root/keep; cp -a {lib} /root/keep; mount -t tmpfs -o size=64k none {lib}",
    )
    clean.sh(
        "server3", f"cp -a /root/keep/*/. {lib}; head -c 1M /dev/zero > {lib}/ballast", check=False
    )
    run = workspace.run(
        "volume", "create", "v", "replica", "3", *(f"{s}:/data1/v" for s in servers)
    )
    clean.sh("server3", f"umount {lib}; rm -rf /root/keep")
    assert run.code in (1, 2, 5), run.out + run.err
    assert "No space left on device" in run.err
    for server in servers[:2]:
        assert clean.units(server) == []
        assert not clean.ok(server, "ls -d /data1/v")


def test_passwords_show_nowhere(workspace: Workspace, clean: Bed) -> None:
    clean.wipe(["server1", "server2", "server3"])
    variables = {"ansible_user": "ops", "ansible_become_password": "ops-password"}
    workspace.inventory(SERVERS, variables)
    (workspace.path / "inventory.yml").chmod(0o644)
    run = workspace.run("cluster", "init", "s", "--nodes=server1", "-v")
    assert run.code == 0, run.err
    assert "chmod 600" in run.err
    volume = workspace.run("volume", "create", "v", "server1:/data1/v", "--json")
    assert volume.code == 0, volume.err
    state = next((workspace.path / "state").glob("*/state.json")).read_text()
    password = state.split('"password": "')[1].split('"')[0]
    for text in (run.out, run.err, volume.out, volume.err):
        assert "ops-password" not in text and password not in text
    journal = clean.sh("server1", "journalctl --no-pager; ps axww -o args")
    assert "ops-password" not in journal and password not in journal
    inventory = workspace.path / "inventory.yml"
    for path in workspace.path.rglob("*"):
        if path.is_file() and path != inventory:
            assert "ops-password" not in path.read_text(errors="replace"), path
