"""What docker-compose.yml needs: the images, and a word for systemd."""

import os
import subprocess
from pathlib import Path

from tests.cluster.bed import HERE


def image(suite: str) -> str:
    """Build the node image of a Debian release, unless it is there; returns its name."""
    argv = ["sh", str(HERE / "image" / "build.sh"), suite]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the node image of {suite} could not be built:\n{done.stderr}")
    return done.stdout.strip()


def prepare_environment() -> None:
    """Set the variables of docker-compose.yml."""
    os.environ["KADALU_IMAGE_NEW"] = image("trixie")
    os.environ["KADALU_IMAGE_OLD"] = image("bookworm")
    # systemd of Debian 13 starts on the old cgroup layout only when told to.
    unified = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    word = "quiet" if unified else "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"
    os.environ["KADALU_INIT_WORD"] = word


def compose_command() -> str:
    """`docker compose`, or the older `docker-compose`; containers are named alike by both."""
    modern = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    return "docker-compose" if modern.returncode else "docker compose --compatibility"
