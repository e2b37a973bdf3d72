"""Connections that are kept between commands: what the nodes see of it."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.bed import Bed, Workspace, wait_until
from tests.cluster.test_spine import MEND, S3, create, hang_in_create, laptop

__all__ = ["laptop"]


@pytest.fixture(autouse=True)
def keeping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bed: Bed) -> Iterator[None]:
    """Every command of the test keeps its connections; one keeper for each test."""
    run = tmp_path / "run"
    run.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(run))
    monkeypatch.setenv("KADALU_KEEP_CONNECTIONS", "20")
    yield
    for keeper in keepers():
        os.kill(keeper, signal.SIGTERM)
    wait_until(lambda: not workers(bed), 40, "the workers end")


def logins(bed: Bed) -> dict[str, int]:
    found = bed.on_all(S3, "journalctl -u ssh --no-pager | grep -c 'Accepted publickey' || true")
    return {node: int(text) for node, text in found.items()}


def workers(bed: Bed) -> int:
    """Pythons that commands have on the nodes."""
    return sum(int(n) for n in bed.on_all(S3, "pgrep -c python3 || true").values())


def keepers() -> list[int]:
    """Processes of keepers whose home is a test's."""
    mine = os.environ["XDG_RUNTIME_DIR"].encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:
            continue
        if b"kadalu_ssh.fleet.keeper" in words and mine in words:
            found.append(int(path.parent.name))
    return found


def test_commands_after_the_first_log_in_nowhere(laptop: Workspace, clean: Bed) -> None:
    laptop.ok("cluster", "status")
    before = logins(clean)
    laptop.ok(*create("kept"))
    laptop.ok("volume", "set", "kept", "performance.cache-size", "64MB")
    laptop.ok("volume", "stop", "kept", "-y")
    assert laptop.json("cluster", "status")["nodes"]
    assert logins(clean) == before
    # Each of the changes is in the journals, with what came of it.
    said = clean.sh("server2", "journalctl -t kadalu --no-pager -o cat")
    for command in ("volume create", "volume set", "volume stop"):
        lines = [line for line in said.splitlines() if f"{command} kept" in line]
        assert len(lines) == 2 and lines[0].endswith("begins") and lines[1].endswith("done")
    # And who keeps no connections finds no lock.
    laptop.ok("volume", "start", "kept", "--lock-timeout", "0", "--keep-connections", "0")


def test_a_command_that_is_killed_gives_its_locks_back(laptop: Workspace, clean: Bed) -> None:
    process = hang_in_create(laptop, clean, "v1")
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_until(lambda: not workers(clean), 40, "its workers end")
    clean.sh("server3", MEND)
    laptop.ok(*create("v2"), "-y")
    for server in S3:
        assert clean.sh(server, "ls /data1").split() == ["v2"]
    assert keepers()


def test_a_node_that_was_reset_meanwhile_is_connected_anew(laptop: Workspace, clean: Bed) -> None:
    laptop.ok(*create("v1"))
    clean.kill("server2")
    run = laptop.run("cluster", "status", "--timeout", "2")
    assert run.code == 3 and "server2" in run.out
    clean.start("server2")
    laptop.ok("cluster", "status")
    laptop.ok("volume", "set", "v1", "performance.cache-size", "64MB")


def test_nothing_is_left_when_the_time_is_over(laptop: Workspace, clean: Bed) -> None:
    laptop.ok("cluster", "status", "--keep-connections", "2")
    assert keepers()
    assert workers(clean) == 3
    wait_until(lambda: not keepers(), 30, "the keeper ends")
    wait_until(lambda: not workers(clean), 40, "the workers end")
