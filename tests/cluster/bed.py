"""The cluster of containers, as tests see it: an oracle that asks the nodes without kadalu."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
SERVERS = [f"server{n}" for n in range(1, 7)]
OLD = ["old1", "old2", "old3"]
CLIENT = "client1"
EVERYONE = [*SERVERS, CLIENT, *OLD]

WIPE = """
umount -l $(findmnt -rno TARGET -t fuse.glusterfs) 2>/dev/null
systemctl stop 'kadalu-*' 2>/dev/null
systemctl list-units --all --plain --no-legend 'kadalu-*' | cut -d' ' -f1 |
    xargs -r systemctl reset-failed 2>/dev/null
rm -rf /etc/systemd/system/kadalu-* /etc/systemd/system/*.wants/kadalu-* \
    /etc/systemd/system/*.mount /etc/systemd/system/*.wants/*.mount /run/systemd/system/*.mount
pkill -9 gluster
systemctl daemon-reload
rm -rf /var/lib/kadalu /run/kadalu /var/log/kadalu /data1/* /data2/* /bricks /mnt/*
true
"""


_NAMESPACES = ["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--"]
_ENVIRONMENT = [
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
]  # fmt: skip


def _namespace(process: int) -> str:
    """Of a process that is not in ours; else empty, as for one that is gone."""
    try:
        found = os.readlink(f"/proc/{process}/ns/pid")
        return "" if found == os.readlink("/proc/self/ns/pid") else found
    except OSError:
        return ""


def _hostname(process: int) -> str:
    """What the host of a process calls itself: an engine elsewhere has other processes."""
    try:
        return Path(f"/proc/{process}/root/etc/hostname").read_text().strip()
    except OSError:
        return ""


def wait_until(what: Callable[[], Any], limit: float = 60.0, why: str = "") -> Any:
    """The first true value of `what`; fails after `limit` seconds."""
    end = time.monotonic() + limit
    while True:
        value = what()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {limit:g} s: {why or what}")
        time.sleep(0.2)


@dataclass
class Bed:
    """All nodes. Everything here goes through the engine, never through kadalu or SSH."""

    project: str
    key: Path
    ips: dict[str, str] = field(default_factory=dict)
    nodes: Sequence[str] = tuple(EVERYONE)
    _inits: dict[str, tuple[int, str]] = field(default_factory=dict, repr=False)
    """Node → (its first process, that one's PID namespace)."""

    def container(self, node: str) -> str:
        return f"{self.project}_{node}_1"

    def docker(self, *argv: str, check: bool = True) -> str:
        done = subprocess.run(["docker", *argv], capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise AssertionError(f"docker {argv}: {done.stdout}{done.stderr}")
        return done.stdout

    def sh(self, node: str, script: str, check: bool = True) -> str:
        """Run a shell script on a node; returns stdout."""
        argv = [*self._enter(node), "sh", "-c", script]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise AssertionError(f"{node}: {script}\n{done.stdout}{done.stderr}")
        return done.stdout

    def ok(self, node: str, script: str) -> bool:
        """Whether a shell script succeeds on a node."""
        argv = [*self._enter(node), "sh", "-c", script]
        return subprocess.run(argv, capture_output=True, check=False).returncode == 0

    def _enter(self, node: str) -> list[str]:
        """Words that run a command on a node: `docker exec`, or what costs a twentieth of it."""
        init, namespace = self._inits.get(node, (0, ""))
        if not namespace or _namespace(init) != namespace:
            shown = self.docker("inspect", "-f", "{{.State.Pid}}", self.container(node))
            init = int(shown)
            namespace = _namespace(init) if _hostname(init) == node else ""
            self._inits[node] = init, namespace
        if not namespace:
            return ["docker", "exec", self.container(node)]
        return ["nsenter", f"--target={init}", *_NAMESPACES, "env", "-i", *_ENVIRONMENT]

    def on_all(self, nodes: Iterable[str], script: str, check: bool = True) -> dict[str, str]:
        names = list(nodes)
        with ThreadPoolExecutor(8) as pool:
            found = pool.map(lambda node: self.sh(node, script, check), names)
            return dict(zip(names, found, strict=True))

    # --- faults ---

    def kill(self, node: str) -> None:
        self.docker("kill", self.container(node))

    def start(self, node: str) -> None:
        """Power on; waits until systemd and sshd are up."""
        self.docker("start", self.container(node))
        self.wait_ready(node)

    def revive(self) -> None:
        """Power on what a failed test left off: one failure must not become ten."""
        containers = [self.container(node) for node in self.nodes]
        states = self.docker("inspect", "-f", "{{.State.Status}}", *containers).split()
        for node, state in zip(self.nodes, states, strict=True):
            if state == "paused":
                self.docker("unpause", self.container(node))
            elif state != "running":
                self.start(node)

    def reboot(self, node: str) -> None:
        self.docker("restart", "-t", "5", self.container(node))
        self.wait_ready(node)

    def wait_ready(self, node: str) -> None:
        wait_until(
            lambda: (
                self.sh(node, "systemctl is-system-running", check=False).strip()
                in ("running", "degraded")
            ),
            limit=180,
            why=f"{node} boots",
        )
        wait_until(
            lambda: self.ok(node, "systemctl is-active ssh"), limit=120, why=f"sshd of {node}"
        )
        self.authorize(node)
        shown = json.loads(self.docker("inspect", self.container(node)))[0]
        self.ips[node] = next(iter(shown["NetworkSettings"]["Networks"].values()))["IPAddress"]

    def authorize(self, node: str) -> None:
        """The session's key opens every account of the node."""
        public = self.key.with_suffix(".pub").read_text().strip()
        for home in ("/root", "/home/admin", "/home/ops", "/home/guest"):
            path = f"{home}/.ssh/authorized_keys"
            self.sh(
                node, f"echo '{public}' > {path}; chown --reference={home} {path}; chmod 600 {path}"
            )

    def wipe(self, nodes: Iterable[str] = EVERYONE) -> None:
        """Everything of kadalu off the nodes, data too."""
        self.on_all(nodes, WIPE, check=False)

    # --- what is on a node ---

    def serves(self, node: str, client: str) -> bool:
        """Whether a brick of `node` has a connection from `client`: it takes part in I/O."""
        seen = f"ss -Htn state established src {self.ips[node]} dst {self.ips[client]}"
        return ":24" in self.sh(node, f"{seen} | cut -c1-60")

    def units(self, node: str) -> list[str]:
        """Names of our active services."""
        text = self.sh(node, "systemctl list-units --plain --no-legend --state=active 'kadalu-*'")
        return sorted(line.split()[0] for line in text.splitlines())

    def leftovers(self, node: str) -> str:
        """Everything of a volume that a node still has: unit files, processes, unit marks."""
        return self.sh(
            node,
            "ls /etc/systemd/system/kadalu-* /var/lib/kadalu/*/volfiles/* 2>/dev/null; "
            "pgrep -a gluster; ls -A /data1 /data2 | grep -v : ; true",
        ).strip()

    def xattr(self, node: str, path: str, name: str) -> str:
        return self.sh(node, f"getfattr -n {name} -e hex --only-values {path} 2>/dev/null", False)


@dataclass
class Run:
    """One finished kadalu command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Workspace:
    """A laptop: an inventory and a state directory."""

    path: Path
    bed: Bed

    def command(self, *argv: str) -> list[str]:
        return [sys.executable, "-m", "kadalu_ssh", *argv]

    def environment(self, env: Mapping[str, str] | None = None) -> dict[str, str]:
        base = {k: v for k, v in os.environ.items() if k != "SSH_AUTH_SOCK"}
        home = self.path / "home"
        home.mkdir(exist_ok=True)
        ours = {"KADALU_WORKSPACE": str(self.path), "HOME": str(home), "PYTHONPATH": str(ROOT)}
        return {**base, **ours, **(env or {})}

    def run(self, *argv: str, env: Mapping[str, str] | None = None) -> Run:
        """Run kadalu to its end; the caller judges."""
        done = subprocess.run(
            self.command(*argv), capture_output=True, text=True, check=False,
            env=self.environment(env), stdin=subprocess.DEVNULL, timeout=300, cwd=self.path,
        )  # fmt: skip
        return Run(done.returncode, done.stdout, done.stderr)

    def spawn(self, *argv: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            self.command(*argv), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=self.environment(), stdin=subprocess.DEVNULL, cwd=self.path,
        )  # fmt: skip

    def ok(self, *argv: str) -> str:
        """Run kadalu, which must succeed; returns stdout."""
        run = self.run(*argv)
        assert run.code == 0, f"kadalu {' '.join(argv)}: exit {run.code}\n{run.out}{run.err}"
        return run.out

    def json(self, *argv: str) -> Any:
        return json.loads(self.ok(*argv, "--json"))

    def refused(self, *argv: str, code: int = 2) -> str:
        """Run kadalu, which must fail with `code`; returns stderr."""
        run = self.run(*argv)
        assert run.code == code, f"kadalu {' '.join(argv)}: exit {run.code}\n{run.out}{run.err}"
        return run.err

    def copy(self, to: Path) -> "Workspace":
        """Another laptop with the same workspace."""
        shutil.copytree(self.path, to)
        return Workspace(to, self.bed)

    def inventory(self, hosts: Sequence[str], variables: Mapping[str, Any] = {}) -> None:
        common = {"ansible_user": "root", "ansible_ssh_private_key_file": str(self.bed.key)}
        lines = ["all:", "  vars:"]
        lines += [
            f"    {key}: {json.dumps(value)}" for key, value in {**common, **variables}.items()
        ]
        lines += ["  hosts:"]
        for host in hosts:
            lines += [f"    {host}:", f"      ansible_host: {self.bed.ips[host]}"]
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / "inventory.yml").write_text("\n".join(lines) + "\n")
        (self.path / "inventory.yml").chmod(0o600)
