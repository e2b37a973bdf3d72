"""The same replica 3 on the same nodes by Ansible and pyinfra; and by glusterd on its own nodes.

Ansible and pyinfra make the storage unit's directory and its volume id, put the volfiles and the
unit files there, and enable and start both services: what kadalu made for the volume `target`.
They do not check the nodes, take no lock, and save no state.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.measure import Cost, Row, interleaved, ms, run, spread, wall
from bench.target import Bench, Part, parts_of
from tests.cluster.bed import ROOT, wait_until

VENV = ROOT / ".cache" / "bench-venv"
HERE = Path(__file__).parent
GLUSTERD = ("g1", "g2", "g3")
_GLUSTER = """
set -e
begin=$(date +%s%N)
gluster --mode=script volume create {name} replica 3 {units} >&2
gluster --mode=script volume start {name} >&2
until [ "$(gluster volume status {name} | grep -c '^Brick.* Y ')" = 3 ]; do :; done
echo $(( $(date +%s%N) - begin ))
"""


def rows(bench: Bench, folder: Path) -> Iterator[Row]:
    """All peers that can be had, interleaved with kadalu; a line for each that cannot."""
    parts = parts_of(bench.laptop.path)
    runs: dict[str, Callable[[], Cost]] = {"kadalu": lambda: _kadalu(bench)}
    versions = {}
    for name, package, make in (
        ("Ansible", "ansible-core", _ansible),
        ("pyinfra", "pyinfra", _pyinfra),
    ):
        version = _installed(package)
        if version is None:
            yield Row(f"{name}: skipped", f"pip cannot install {package}")
            continue
        versions[name] = f"{package} {version}"
        runs[name] = make(bench, folder, parts)
    peered(bench)
    runs["glusterd"] = lambda: _glusterd(bench)
    versions["glusterd"] = bench.bed.sh("g1", "glusterd --version").split("\n")[0]
    found = interleaved(runs, bench.pairs)
    ours = wall(found["kadalu"])
    for name, costs in found.items():
        yield Row(
            f"replica 3 until every brick answers: {name} {versions.get(name, '')}".strip(),
            ms(wall(costs)),
            f"{wall(costs) / ours:.2f} × kadalu; middle half {spread(costs)}",
        )


def peered(bench: Bench) -> None:
    """A cluster of glusterd's, once."""
    for one in GLUSTERD:
        bench.bed.sh(one, "systemctl start glusterd")
    for other in GLUSTERD[1:]:
        bench.bed.sh("g1", f"gluster peer probe {other}")
    wait_until(
        lambda: bench.bed.sh("g1", "gluster pool list").count("Connected") == len(GLUSTERD),
        why="the peers of glusterd are connected",
    )


def _installed(package: str) -> str | None:
    """The version in the bench's own virtual environment, which is made when it is not there."""
    pip = [str(VENV / "bin" / "pip"), "--disable-pip-version-check"]
    if not VENV.exists():
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
    for attempt in (0, 1):
        done = subprocess.run([*pip, "show", package], capture_output=True, text=True, check=False)
        for line in done.stdout.splitlines():
            if line.startswith("Version: "):
                return line.partition(" ")[2]
        if not attempt:
            subprocess.run([*pip, "install", package], capture_output=True, check=False)
    return None


def _kadalu(bench: Bench) -> Cost:
    return bench.create(lambda ports: _wait(bench, ports))


def _wait(bench: Bench, ports: dict[str, int]) -> float:
    """Seconds until a connection to every brick is taken."""
    begin = time.perf_counter()
    for node, port in ports.items():
        while True:
            try:
                socket.create_connection((bench.bed.ips[node], port), 5).close()
                break
            except OSError:
                time.sleep(0.002)
    return time.perf_counter() - begin


def _fresh(bench: Bench, parts: dict[str, Part]) -> None:
    """Nothing of the volume `target` on the nodes."""
    for node, part in parts.items():
        bench.bed.sh(
            node,
            f"systemctl disable --now {' '.join(part.services)} 2>/dev/null;"
            f"rm -rf {part.brick} {' '.join(part.files)}; systemctl daemon-reload",
        )


def _timed(bench: Bench, parts: dict[str, Part], go: Callable[[], Cost]) -> Callable[[], Cost]:
    """`go` on nodes without the volume, and then until its bricks answer."""

    def one() -> Cost:
        _fresh(bench, parts)
        cost = go()
        waited = _wait(bench, {node: part.port for node, part in parts.items()})
        return Cost(cost.wall + waited, cost.cpu)

    return one


def _put(folder: Path, parts: dict[str, Part]) -> dict[str, list[dict[str, str]]]:
    """The files as a user of these tools has them: on the controller. By node, `src` and `dest`."""
    found: dict[str, list[dict[str, str]]] = {}
    for node, part in parts.items():
        found[node] = []
        for number, (dest, text) in enumerate(part.files.items()):
            src = folder / f"{node}-{number}"
            src.write_text(text)
            found[node].append({"src": str(src), "dest": dest})
    return found


def _ansible(bench: Bench, folder: Path, parts: dict[str, Part]) -> Callable[[], Cost]:
    home = folder / "ansible"
    home.mkdir()
    files = _put(home, parts)
    hosts = {
        node: {
            "ansible_host": bench.bed.ips[node], "files": files[node], "brick": part.brick,
            "services": part.services, "volume_id": part.volume_id.replace("-", ""),
        }
        for node, part in parts.items()
    }  # fmt: skip
    common = {
        "ansible_user": "root", "ansible_ssh_private_key_file": str(bench.bed.key),
        "ansible_python_interpreter": "/usr/bin/python3",
    }  # fmt: skip
    # JSON is YAML.
    inventory = home / "inventory.yml"
    inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": common}}))

    def go() -> Cost:
        env = {
            **os.environ, "ANSIBLE_PIPELINING": "1", "ANSIBLE_HOST_KEY_CHECKING": "0",
            "ANSIBLE_FORKS": str(len(parts)), "HOME": str(home), "LC_ALL": "C.UTF-8",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": f"/tmp/kb-{time.monotonic_ns()}",
            "ANSIBLE_SSH_ARGS": "-C -o ControlMaster=auto -o ControlPersist=3s",
        }  # fmt: skip
        playbook = str(HERE / "playbook.yml")
        argv = [str(VENV / "bin" / "ansible-playbook"), "-i", str(inventory), playbook]
        return run(argv, env, home)

    return _timed(bench, parts, go)


def _pyinfra(bench: Bench, folder: Path, parts: dict[str, Part]) -> Callable[[], Cost]:
    home = folder / "pyinfra"
    home.mkdir()
    files = _put(home, parts)
    hosts = [
        (
            bench.bed.ips[node],
            {
                "ssh_user": "root", "ssh_key": str(bench.bed.key),
                "ssh_strict_host_key_checking": "off", "files": files[node], "brick": part.brick,
                "services": part.services, "volume_id": part.volume_id.replace("-", ""),
            },
        )
        for node, part in parts.items()
    ]  # fmt: skip
    inventory = home / "inventory.py"
    inventory.write_text(f"hosts = {hosts!r}\n")

    def go() -> Cost:
        argv = [str(VENV / "bin" / "pyinfra"), "-y", str(inventory), str(HERE / "deploy.py")]
        return run(argv, {**os.environ, "HOME": str(home)}, home)

    return _timed(bench, parts, go)


def _glusterd(bench: Bench) -> Cost:
    """Timed on g1 itself: no SSH is counted against it."""
    name = f"v{next(bench.numbers)}"
    units = " ".join(f"{node}:/data1/{name}" for node in GLUSTERD)
    took = int(bench.bed.sh("g1", _GLUSTER.format(name=name, units=units)).split()[-1]) / 1e9
    bench.bed.sh(
        "g1",
        f"gluster --mode=script volume stop {name} && gluster --mode=script volume delete {name}",
    )
    for node in GLUSTERD:
        bench.bed.sh(node, f"rm -rf /data1/{name}")
    return Cost(took)
