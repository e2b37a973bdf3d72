"""The nodes are started once per session and wiped between modules."""

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_docker.plugin import get_docker_services

from tests.cluster.bed import CLIENT, EVERYONE, HERE, ROOT, SERVERS, Bed, Workspace
from tests.cluster.compose import compose_command, prepare_environment


@pytest.fixture(scope="session")
def docker_compose_project_name() -> str:
    checkout = hashlib.sha256(str(ROOT).encode()).hexdigest()[:6]
    return os.environ.get("KADALU_TEST_PROJECT", f"kadalu{checkout}")


@pytest.fixture(scope="session")
def bed(
    docker_compose_project_name: str, tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Bed]:  # fmt: skip
    """All nodes, booted and reachable."""
    prepare_environment()
    key = tmp_path_factory.mktemp("ssh") / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    with get_docker_services(
        compose_command(), str(HERE / "docker-compose.yml"), docker_compose_project_name,
        ["up -d"], ["down -v"],
    ):  # fmt: skip
        made = Bed(docker_compose_project_name, key)
        for node in EVERYONE:
            made.wait_ready(node)
        yield made


@pytest.fixture(scope="module")
def clean(bed: Bed) -> Iterator[Bed]:
    """The nodes with nothing of kadalu on them."""
    bed.revive()
    bed.wipe()
    yield bed


@pytest.fixture
def workspace(clean: Bed, tmp_path: Path) -> Workspace:
    """A laptop that knows all hosts, and no cluster."""
    made = Workspace(tmp_path / "laptop", clean)
    made.inventory([*SERVERS, CLIENT])
    return made


@pytest.fixture(scope="module")
def shared(clean: Bed, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A laptop for a whole module, with the cluster `prod` of server1 to server6."""
    made = Workspace(tmp_path_factory.mktemp("ws") / "laptop", clean)
    made.inventory([*SERVERS, CLIENT])
    made.ok("cluster", "init", "prod", f"--nodes={','.join(SERVERS)}")
    return made
