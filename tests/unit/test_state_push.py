"""state push: only what provably follows, only where it is lacking."""

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kadalu_ssh.model.errors import Failed, KadaluError, Locked, Refused, Unknown, Unreachable
from kadalu_ssh.operations import state_push
from kadalu_ssh.operations.context import Outcome
from kadalu_ssh.state.document import encode, successor
from kadalu_ssh.state.index import Index
from kadalu_ssh.state.workspace import Workspace
from tests.unit.fake_fleet import CLUSTER, FakeNodes, context, document_of, node_id
from tests.unit.node_modules import FakeContext

S3 = ("server1", "server2", "server3")
FIRST = document_of(*S3)
SECOND = successor(FIRST)
THIRD = successor(SECOND)


@pytest.fixture
def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeNodes:
    """The workspace has all three documents, the meta servers the last."""
    made = FakeNodes(tmp_path, S3)
    made.install(monkeypatch)
    workspace = Workspace(tmp_path)
    for document in (FIRST, SECOND, THIRD):
        workspace.save(document)
    workspace.save_index(Index(clusters={"prod": CLUSTER}))
    for name in S3:
        made.give(name, THIRD)
    return made


def push(nodes: FakeNodes, **more: Any) -> Outcome:
    return asyncio.run(state_push.push(context(nodes.root, **more)))


def refused(nodes: FakeNodes, kind: type[KadaluError] = Refused) -> KadaluError:
    before = [nodes.replica(name) for name in S3]
    with pytest.raises(kind) as error:
        push(nodes)
    assert [nodes.replica(name) for name in S3] == before
    return error.value


def holding_the_lock(nodes: FakeNodes, name: str) -> FakeContext:
    ctx = FakeContext()
    lock = {"op": "lock", "cluster_id": CLUSTER, "holder": {"who": "ann@l", "command": "x"}}
    assert nodes.modules[name]["meta"].run(lock, ctx)["locked"]
    return ctx


def test_nothing_to_do(nodes: FakeNodes) -> None:
    outcome = push(nodes)
    assert outcome.exit_code == 0 and not outcome.changes
    assert "write" not in nodes.ops()


def test_only_those_that_lack_it_are_written(nodes: FakeNodes) -> None:
    nodes.give("server2", FIRST)
    (nodes.home("server3") / "document.json").unlink()
    outcome = push(nodes)
    assert [nodes.replica(name) for name in S3] == [encode(THIRD)] * 3
    assert [name for name, _, p in nodes.calls if p["op"] == "write"] == ["server2", "server3"]
    assert outcome.summary == "Serial 3 of cluster prod was written to server2, server3."
    assert {module for _, module, _ in nodes.calls} == {"meta"}, "no converge"
    again = FakeContext()
    lock = {"op": "lock", "cluster_id": CLUSTER, "holder": {}}
    assert nodes.modules["server1"]["meta"].run(lock, again)["locked"], "the lock was given back"


def test_a_dry_run_says_what_it_would_do(nodes: FakeNodes) -> None:
    nodes.give("server2", FIRST)
    outcome = push(nodes, dry_run=True)
    assert [(c.node, c.change) for c in outcome.changes] == [("server2", "serial 1 -> 3")]
    assert nodes.ops() == {"read"}
    assert nodes.replica("server2") == encode(FIRST)


def test_a_fork_is_refused(nodes: FakeNodes) -> None:
    nodes.give("server2", msgspec.structs.replace(THIRD, name="fork"))
    assert "which is another document" in refused(nodes).nodes[0].reason


def test_a_fork_further_back_is_refused(nodes: FakeNodes) -> None:
    nodes.give("server2", msgspec.structs.replace(SECOND, name="fork"))
    assert "which is another document" in refused(nodes).nodes[0].reason


def test_a_newer_replica_is_refused(nodes: FakeNodes) -> None:
    nodes.give("server2", successor(THIRD))
    error = refused(nodes)
    assert error.nodes[0].name == "server2" and "which is newer" in error.nodes[0].reason


def test_what_the_history_cannot_prove_is_refused(nodes: FakeNodes) -> None:
    nodes.give("server2", FIRST)
    history = Workspace(nodes.root).directory(CLUSTER) / "history"
    next(history.glob("1-00000002-*")).unlink()
    assert "a gap" in refused(nodes).nodes[0].reason
    nodes.give("server2", SECOND)
    push(nodes)  # The parent is named by our own document.
    assert nodes.replica("server2") == encode(THIRD)


def test_unfinished_work_comes_first(nodes: FakeNodes) -> None:
    nodes.give("server2", FIRST)
    task: dict[str, Any] = {
        "id": "t1", "operation": "x", "command": "kadalu volume stop v", "who": "ann@l",
        "since": "now", "parent": "", "new": msgspec.to_builtins(successor(THIRD)),
    }  # fmt: skip
    (nodes.home("server3") / "intent.json").write_text(json.dumps(task))
    assert "task t1 (kadalu volume stop v)" in refused(nodes).message
    assert (nodes.home("server3") / "intent.json").exists()


def test_a_damaged_replica_is_written_anew_when_the_others_are_whole(nodes: FakeNodes) -> None:
    nodes.give("server2", "{")
    outcome = push(nodes)
    assert outcome.data["written"] == ["server2"]
    assert nodes.replica("server2") == nodes.replica("server1")


def test_two_damaged_replicas_are_too_many(nodes: FakeNodes) -> None:
    for name in ("server2", "server3"):
        nodes.give(name, "{")
    error = refused(nodes, Failed)
    assert "server3 is not JSON" in error.message and "state verify" in str(error.hint)


def test_a_host_that_is_another_gets_no_replica(nodes: FakeNodes) -> None:
    """DNS or the inventory leads to the wrong place: `server2` is answered by another node."""
    nodes.give("server2", FIRST)
    path = nodes.home("server2").parent / "identity.json"
    path.write_text(json.dumps({"cluster_id": CLUSTER, "node_id": node_id("server9")}))
    push(nodes)
    assert nodes.replica("server2") == encode(FIRST)


def test_a_lock_that_another_holds(nodes: FakeNodes) -> None:
    nodes.give("server2", FIRST)
    holders = [holding_the_lock(nodes, name) for name in S3[:2]]
    assert "ann@l" in refused(nodes, Locked).nodes[0].reason
    assert holders


def test_a_minority_that_cannot_be_written_is_pending(nodes: FakeNodes) -> None:
    nodes.give("server2", FIRST)
    nodes.give("server3", FIRST)
    holder = holding_the_lock(nodes, "server3")
    outcome = push(nodes)
    assert outcome.exit_code == 3 and outcome.pending[0].name == "server3"
    assert outcome.data["written"] == ["server2"]
    assert holder and nodes.replica("server3") == encode(FIRST)


def test_meta_servers_that_are_down(nodes: FakeNodes) -> None:
    nodes.give("server2", FIRST)
    nodes.down = {"server3"}
    assert push(nodes).pending[0].name == "server3"
    nodes.down = {"server2", "server3"}
    refused(nodes, Locked)
    nodes.down = set(S3)
    refused(nodes, Unreachable)


def test_less_than_a_majority_took_it(nodes: FakeNodes, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in S3:
        nodes.give(name, FIRST)
    for name in S3[1:]:

        def full(path: str, text: str, name: str = name) -> None:
            raise OSError(28, "No space left on device", path)

        monkeypatch.setattr(nodes.modules[name]["meta"], "write_atomic", full)
    with pytest.raises(Unknown, match="on 1 of 3 meta servers"):
        push(nodes)


def test_a_cluster_without_meta_servers(nodes: FakeNodes) -> None:
    workspace = Workspace(nodes.root)
    workspace.save(successor(THIRD, nodes=(), meta_servers=()))
    assert "no meta servers" in refused(nodes).message
