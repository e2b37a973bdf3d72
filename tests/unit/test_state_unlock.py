"""state unlock: the worker that holds the lock is ended, and never anything else."""

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kadalu_ssh.fleet.payload import BOOTSTRAP, boot_message
from kadalu_ssh.model.errors import Failed, Refused, Unreachable
from kadalu_ssh.operations import state_unlock
from kadalu_ssh.operations.context import Outcome
from kadalu_ssh.state.index import Index
from kadalu_ssh.state.workspace import Workspace
from tests.unit.fake_fleet import CLUSTER, Answers, FakeNodes, context, document_of
from tests.unit.node_modules import FakeContext, Json

S3 = ("server1", "server2", "server3")
HOLD = """
import fcntl, signal, subprocess, sys, time
{before}
handle = open({path!r}, "w")
fcntl.flock(handle, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(60)
"""
DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
PARENT = "subprocess.Popen(['sleep', '61'])"
BOOT = "0 and exec(zlib.decompress(sys.stdin.buffer.read(0)))"
Spawn = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeNodes:
    made = FakeNodes(tmp_path, S3)
    made.install(monkeypatch)
    workspace = Workspace(tmp_path)
    workspace.save(document_of(*S3))
    workspace.save_index(Index(clusters={"prod": CLUSTER}))
    for modules in made.modules.values():
        modules["lock_holders"].PATIENCE = 0.5
    return made


@pytest.fixture
def hold(nodes: FakeNodes) -> Iterator[Spawn]:
    """Start a process that holds a node's lock; by default one that looks like a worker."""
    started: list[subprocess.Popen[str]] = []

    def spawn(name: str, before: str = "", flags: tuple[str, ...] = ("-I", "-S"), boot: str = BOOT):  # type: ignore[no-untyped-def]
        path = lock_file(nodes, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        code = HOLD.format(path=str(path), before=before) + boot
        argv = [sys.executable, *flags, "-c", code]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout and process.stdout.readline() == "held\n"
        return process

    yield spawn
    for process in started:
        process.kill()
        process.communicate()


def lock_file(nodes: FakeNodes, name: str) -> Path:
    return nodes.root / name / "run" / CLUSTER / "cluster.lock"


def unlock(nodes: FakeNodes, reporter: Answers | None = None, **more: Any) -> Outcome:
    return asyncio.run(state_unlock.unlock(context(nodes.root, reporter, **more)))


def module(nodes: FakeNodes, name: str, op: str, **more: Any) -> Json:
    params = {"op": op, "cluster_id": CLUSTER, **more}
    found: Json = nodes.modules[name]["lock_holders"].run(params, FakeContext())
    return found


def test_the_sign_of_a_worker_is_in_its_command_line(nodes: FakeNodes) -> None:
    assert nodes.modules["server1"]["lock_holders"].WORKER in BOOTSTRAP.encode()


def test_nobody_holds_it(nodes: FakeNodes) -> None:
    lock_file(nodes, "server1").parent.mkdir(parents=True)
    lock_file(nodes, "server1").touch()
    outcome = unlock(nodes)
    assert outcome.exit_code == 0
    assert outcome.summary == (
        "Nobody holds the lock of cluster prod: 3 of 3 meta servers answered."
    )
    nodes.down = {"server2"}
    assert "server2 could not be asked" in unlock(nodes).warnings[0]
    nodes.down = set(S3)
    with pytest.raises(Unreachable):
        unlock(nodes)


def test_the_holder_is_named_and_ended_and_the_file_stays(nodes: FakeNodes, hold: Spawn) -> None:
    process, waiting = hold("server1"), lock_file(nodes, "server1")
    note = waiting.with_name("cluster.holder")
    note.write_text('{"who": "ann@l", "since": "noon", "command": "kadalu volume stop v"}')
    before, answers = waiting.stat().st_ino, Answers()
    outcome = unlock(nodes, answers)
    assert process.wait(5) == -15
    assert "ann@l since noon: kadalu volume stop v (on server1)" in answers.asked[0]
    assert waiting.stat().st_ino == before
    assert "ended by SIGTERM" in outcome.changes[0].change
    assert outcome.data["locks"][0]["pid"] == process.pid
    assert "freed on server1" in outcome.summary
    assert "Nobody holds" in unlock(nodes).summary


def test_only_after_a_yes(nodes: FakeNodes, hold: Spawn) -> None:
    process = hold("server1")
    with pytest.raises(Refused):
        unlock(nodes, Answers(agrees=False))
    outcome = unlock(nodes, dry_run=True)
    assert "would be ended" in outcome.changes[0].change
    assert process.poll() is None
    assert {p["op"] for _, m, p in nodes.calls if m == "lock_holders"} == {"find"}


def test_one_that_does_not_listen_is_killed(nodes: FakeNodes, hold: Spawn) -> None:
    process = hold("server1", DEAF)
    assert "ended by SIGKILL" in unlock(nodes).changes[0].change
    assert process.wait(5) == -9


def test_what_it_had_started_is_named_and_left_alone(nodes: FakeNodes, hold: Spawn) -> None:
    hold("server1", PARENT)
    told = unlock(nodes).changes[0].change
    found = re.search(r"process (\d+), which it had started, goes on: sleep 61", told)
    assert found, told
    os.kill(int(found[1]), 9)


@pytest.mark.parametrize(
    ("flags", "boot"), [((), BOOT), (("-I", "-S"), "pass"), (("-I",), BOOT)], ids=str
)
def test_a_stranger_is_left_alone(
    nodes: FakeNodes, hold: Spawn, flags: tuple[str, ...], boot: str
) -> None:
    process, worker = hold("server1", flags=flags, boot=boot), hold("server2")
    with pytest.raises(Refused, match="no kadalu worker") as error:
        unlock(nodes)
    assert error.value.nodes[0].name == "server1"
    assert str(process.pid) in error.value.nodes[0].reason
    start = module(nodes, "server1", "find")["processes"][0]["start"]
    with pytest.raises(Exception, match="is no kadalu worker"):
        module(nodes, "server1", "end", pid=process.pid, start=start)
    assert process.poll() is None and worker.poll() is None


def test_a_worker_that_only_waits_is_not_the_holder(nodes: FakeNodes, hold: Spawn) -> None:
    holder = hold("server1")
    code = HOLD.format(path=str(lock_file(nodes, "server1")), before="") + BOOT
    waiter = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", code], stdout=subprocess.PIPE, text=True
    )
    time.sleep(0.5)
    try:
        assert [p["pid"] for p in module(nodes, "server1", "find")["processes"]] == [holder.pid]
        start = module(nodes, "server1", "find")["processes"][0]["start"]
        assert module(nodes, "server1", "end", pid=waiter.pid, start=start)["ended"] == "gone"
        assert waiter.poll() is None
    finally:
        waiter.kill()
        waiter.communicate()


def test_another_process_of_that_pid_is_left_alone(nodes: FakeNodes, hold: Spawn) -> None:
    process = hold("server1")
    assert module(nodes, "server1", "end", pid=process.pid, start="1")["ended"] == "gone"
    assert process.poll() is None


def test_the_lock_of_this_very_process_is_left_alone(nodes: FakeNodes) -> None:
    ctx = FakeContext()
    lock = {"op": "lock", "cluster_id": CLUSTER, "holder": {}}
    assert nodes.modules["server1"]["meta"].run(lock, ctx)["locked"]
    with pytest.raises(Refused, match="no kadalu worker"):
        unlock(nodes)


def test_one_that_cannot_be_ended_is_told_of(
    nodes: FakeNodes, hold: Spawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold("server1")
    other = hold("server2")
    monkeypatch.setattr(nodes.modules["server1"]["lock_holders"], "_send", lambda *_: None)
    with pytest.raises(Failed, match="freed on server2") as error:
        unlock(nodes)
    assert "does not end" in error.value.nodes[0].reason
    assert other.wait(5) == -15


def test_a_worker_kills_what_it_runs_before_it_ends() -> None:
    """The real worker, as a controller starts it."""
    argv = [sys.executable, "-I", "-S", "-c", BOOTSTRAP]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin and process.stdout
    process.stdin.write(boot_message())
    process.stdin.flush()
    assert process.stdout.readline().startswith(b"sys.version_info")
    assert process.stdout.readline() == b"KADALU-WORKER-1\n"
    time.sleep(0.3)
    os.kill(process.pid, 15)
    assert process.wait(5) == 0, "it ends by itself: its locks go last"
