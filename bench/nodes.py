"""Containers of the test image for a bench: started side by side, gone at the end.

Only what runs services boots systemd: thirty of those are more than the kernel's usual
`fs.inotify.max_user_instances` allows. The others run sshd alone, which is all that `cluster
status` meets on a node: it makes no systemctl call.
"""

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.bed import HERE, Bed, wait_until

_LIGHT = "mkdir -p /run/systemd/system /run/sshd && exec /usr/sbin/sshd -D"
PROJECT = os.environ.get("KADALU_TEST_PROJECT", "kbench")


@contextmanager
def started(names: Sequence[str], light: Sequence[str], folder: Path) -> Iterator[Bed]:
    """A bed with these nodes, booted, and `light` ones; all of them are removed afterwards."""
    key = folder / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    bed = Bed(PROJECT, key)
    image = _image()
    everything = [bed.container(name) for name in (*names, *light)]
    try:
        bed.docker("network", "create", "--internal", PROJECT)
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda name: _start(bed, image, name), names))
            list(pool.map(lambda name: _start_light(bed, image, name), light))
        yield bed
    finally:
        bed.docker("rm", "-fv", *everything, check=False)
        bed.docker("network", "rm", PROJECT, check=False)


def _image() -> str:
    argv = ["sh", str(HERE / "image" / "build.sh"), "trixie"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


def _start(bed: Bed, image: str, name: str) -> None:
    # systemd of Debian 13 starts on the old cgroup layout only when told to.
    unified = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    word = "quiet" if unified else "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"
    _run(bed, name, "-v", "/sys/fs/cgroup:/sys/fs/cgroup:rw", image, "/sbin/init", word)
    bed.wait_ready(name)


def _start_light(bed: Bed, image: str, name: str) -> None:
    _run(bed, name, image, "sh", "-c", _LIGHT)
    wait_until(lambda: bed.ok(name, "pgrep -x sshd"), why=f"sshd of {name}")
    bed.authorize(name)
    shown = json.loads(bed.docker("inspect", bed.container(name)))[0]
    bed.ips[name] = next(iter(shown["NetworkSettings"]["Networks"].values()))["IPAddress"]


def _run(bed: Bed, name: str, *rest: str) -> None:
    bed.docker(
        "run", "-d", "--name", bed.container(name), "--hostname", name, "--network", PROJECT,
        "--network-alias", name, "--cap-add", "ALL", "--cap-drop", "SYS_RESOURCE",
        "--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined",
        "--device", "/dev/fuse", "--tmpfs", "/run", "--tmpfs", "/tmp",
        "-v", "/data1", "-v", "/data2", *rest,
    )  # fmt: skip
