"""state recover: from an inventory and one node; what a majority holds, or not at all."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kadalu_ssh.cli.main import main
from kadalu_ssh.model.errors import Failed, KadaluError, Refused, Unreachable
from kadalu_ssh.operations import state_recover
from kadalu_ssh.operations.context import Outcome
from kadalu_ssh.state.document import successor
from kadalu_ssh.state.index import Index
from kadalu_ssh.state.workspace import Workspace
from tests.unit.fake_fleet import CLUSTER, Answers, FakeNodes, context, document_of, node_id

S3 = ("server1", "server2", "server3")
OTHER = "bbbbbbbb-0000-4000-8000-000000000001"
OLD = document_of(*S3, serial=4)
NOW = successor(OLD)
AHEAD = successor(NOW)


@pytest.fixture
def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeNodes:
    """All three hold serial 5; the workspace has an inventory and nothing else."""
    made = FakeNodes(tmp_path, [*S3, "server4"])
    made.install(monkeypatch)
    shutil.rmtree(made.root / "server4" / "lib")
    for name in S3:
        claim(made, name)
        made.give(name, NOW)
    return made


def claim(nodes: FakeNodes, name: str, cluster: str = CLUSTER) -> None:
    path = nodes.home(name, cluster).parent / "identity.json"
    found = {"cluster_id": cluster, "node_id": node_id(name), "name": name, "role": "node"}
    path.write_text(json.dumps(found))


def recover(
    nodes: FakeNodes, source: str = "server1", stale: bool = False, agrees: bool = True, **more: Any
) -> Outcome:
    ctx = context(nodes.root, Answers(agrees), **more)
    return asyncio.run(state_recover.recover(ctx, source=source, accept_stale=stale))


def refused(
    nodes: FakeNodes, *args: Any, kind: type[KadaluError] = Refused, **more: Any
) -> KadaluError:
    before = files(nodes)
    with pytest.raises(kind) as error:
        recover(nodes, *args, **more)
    assert files(nodes) == before, "nothing was written"
    return error.value


def files(nodes: FakeNodes) -> dict[Path, bytes]:
    return {p: p.read_bytes() for p in (nodes.root / "state").rglob("*") if p.is_file()}


def serial(nodes: FakeNodes) -> int:
    return Workspace(nodes.root).load(CLUSTER).serial


def test_an_empty_workspace_works_again(nodes: FakeNodes) -> None:
    outcome = recover(nodes, "server2")
    workspace = Workspace(nodes.root)
    assert workspace.resolve(None) == ("prod", CLUSTER)
    assert workspace.load(CLUSTER) == NOW
    assert len(list((workspace.directory(CLUSTER) / "history").iterdir())) == 1
    assert outcome.summary == "Cluster prod is at serial 5 in this workspace."
    assert not outcome.warnings
    assert nodes.ops() == {"memberships", "read"}, "no lock, no write"
    assert sorted(p.name for p in workspace.state.iterdir()) == [CLUSTER, "clusters.json"]


def test_a_dry_run_writes_nothing(nodes: FakeNodes) -> None:
    outcome = recover(nodes, dry_run=True)
    assert outcome.dry_run and "take serial 5" in outcome.changes[0].change
    assert not (nodes.root / "state").exists()


def test_a_stale_source_does_not_decide(nodes: FakeNodes) -> None:
    nodes.give("server1", OLD)
    outcome = recover(nodes, "server1")
    assert serial(nodes) == 5
    assert "server1: holds serial 4" in outcome.warnings[0]


def test_a_minority_ahead_is_told_of_and_not_taken(nodes: FakeNodes) -> None:
    nodes.give("server1", AHEAD)
    assert "server1: holds serial 6" in recover(nodes, "server1").warnings[0]
    assert serial(nodes) == 5


def test_meta_servers_that_only_a_newer_document_names(nodes: FakeNodes) -> None:
    later = successor(NOW)
    four = document_of(*S3, "server4", serial=later.serial, parent=later.parent)
    four = msgspec.structs.replace(four, meta_servers=four.meta_servers[1:])
    for name in ("server2", "server3", "server4"):
        nodes.give(name, four)
    recover(nodes, "server1")
    assert serial(nodes) == 6


def test_no_majority_names_who_holds_what(nodes: FakeNodes) -> None:
    nodes.give("server1", AHEAD)
    nodes.down.add("server3")
    error = refused(nodes, "server1")
    told = {n.name: n.reason for n in error.nodes}
    assert "serial 6" in told["server1"] and "serial 5" in told["server2"]
    assert told["server3"] == "connect timed out"
    assert "--accept-stale" in str(error.hint)


def test_accepting_a_stale_one_is_asked_about(nodes: FakeNodes) -> None:
    nodes.give("server1", AHEAD)
    nodes.give("server2", "{")
    nodes.down.add("server3")
    refused(nodes, "server1", stale=True, agrees=False)
    outcome = recover(nodes, "server1", stale=True)
    assert serial(nodes) == 6
    assert any("server2: the replica on server2 is not JSON" in w for w in outcome.warnings)


def test_a_majority_is_taken_without_a_question(nodes: FakeNodes) -> None:
    recover(nodes, stale=True, agrees=False)
    assert serial(nodes) == 5


def test_a_node_that_does_not_answer(nodes: FakeNodes) -> None:
    nodes.down.add("server1")
    refused(nodes, "server1", kind=Unreachable)


@pytest.mark.parametrize(
    ("source", "told"),
    [("server4", "is a node of no cluster"), ("server9", "is not in the inventory")],
)
def test_a_node_that_cannot_help(nodes: FakeNodes, source: str, told: str) -> None:
    assert told in refused(nodes, source).message


def test_a_node_that_is_no_meta_server(nodes: FakeNodes) -> None:
    claim(nodes, "server4")
    assert "no meta server" in refused(nodes, "server4").message


def test_a_damaged_source(nodes: FakeNodes) -> None:
    nodes.give("server1", "{")
    assert "server1 is not JSON" in refused(nodes, "server1", kind=Failed).message


def test_several_clusters_have_to_be_told_apart(nodes: FakeNodes) -> None:
    other = msgspec.structs.replace(NOW, cluster_id=OTHER, name="dev")
    nodes.give("server1", other)
    error = refused(nodes, "server1")
    assert "dev" in error.message and "prod" in error.message and "--cluster" in str(error.hint)
    assert "cluster 'x'" in refused(nodes, "server1", cluster="x").message
    recover(nodes, "server1", cluster="prod")
    assert Workspace(nodes.root).resolve(None)[0] == "prod"


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_a_damaged_copy_is_kept_beside(nodes: FakeNodes, text: str) -> None:
    recover(nodes)
    path = Workspace(nodes.root).directory(CLUSTER) / "state.json"
    path.write_text(text)
    outcome = recover(nodes)
    kept = list(path.parent.glob("state.json.damaged-*"))
    assert [p.read_text() for p in kept] == [text]
    assert str(kept[0]) in outcome.warnings[0]
    assert serial(nodes) == 5


def test_an_edited_copy_is_kept_beside(nodes: FakeNodes) -> None:
    recover(nodes)
    path = Workspace(nodes.root).directory(CLUSTER) / "state.json"
    path.write_text(path.read_text().replace('"prod"', '"edited"'))
    recover(nodes)
    assert len(list(path.parent.glob("state.json.damaged-*"))) == 1
    assert Workspace(nodes.root).load(CLUSTER) == NOW
    recover(nodes)
    assert len(list(path.parent.glob("state.json.damaged-*"))) == 1


def test_a_newer_copy_here_is_not_thrown_away(nodes: FakeNodes) -> None:
    Workspace(nodes.root).save(AHEAD)
    assert "state push" in str(refused(nodes).hint)
    (nodes.root / "state" / CLUSTER / "state.json").write_text("{")
    assert "state history" in str(refused(nodes).hint), "the history has it"


def test_what_a_newer_kadalu_wrote_is_not_damaged(nodes: FakeNodes) -> None:
    path = nodes.root / "state" / CLUSTER / "state.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"schema": 99}')
    assert "schema 99" in refused(nodes, kind=Failed).message


def test_a_name_that_another_cluster_has_here(nodes: FakeNodes) -> None:
    workspace = Workspace(nodes.root)
    workspace.save_index(Index(clusters={"prod": OTHER}, current="prod"))
    outcome = recover(nodes)
    assert workspace.index() == Index(clusters={"prod": OTHER, "prod-2": CLUSTER}, current="prod")
    assert outcome.data["cluster"]["name"] == "prod-2"
    assert "kadalu cluster rename prod-2 NEW" in outcome.warnings[0]


@pytest.mark.parametrize("text", [None, "{"])
def test_the_other_clusters_are_found_again(nodes: FakeNodes, text: str | None) -> None:
    workspace = Workspace(nodes.root)
    workspace.save(msgspec.structs.replace(NOW, cluster_id=OTHER, name="dev"))
    gone = msgspec.structs.replace(NOW, cluster_id="deleted", nodes=(), meta_servers=())
    workspace.save(gone)
    if text is not None:
        (workspace.state / "clusters.json").write_text(text)
    recover(nodes)
    assert workspace.index().clusters == {"dev": OTHER, "prod": CLUSTER}
    assert len(list(workspace.state.glob("clusters.json.damaged-*"))) == (text is not None)


def test_a_deleted_cluster_is_not_brought_back(nodes: FakeNodes) -> None:
    empty = successor(NOW, nodes=(), meta_servers=())
    nodes.give("server1", empty)
    assert "was deleted at serial 6" in refused(nodes).message


def test_unfinished_work_is_told_of(nodes: FakeNodes) -> None:
    task: dict[str, Any] = {
        "id": "t", "operation": "x", "command": "kadalu volume stop v", "who": "ann@l",
        "since": "now", "parent": "", "new": msgspec.to_builtins(AHEAD),
    }  # fmt: skip
    (nodes.home("server2") / "intent.json").write_text(json.dumps(task))
    assert "begun by ann@l" in recover(nodes).warnings[0]


def test_a_workspace_that_cannot_be_written(
    nodes: FakeNodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    recover(nodes)
    shutil.rmtree(nodes.root / "state" / CLUSTER)

    def full(source: object, target: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(Failed, match=r"cannot save .*: Read-only file system"):
        recover(nodes)


def test_the_flag_is_required(
    nodes: FakeNodes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(nodes.root / "log"))
    assert main(["-C", str(nodes.root), "state", "recover"]) == 2
    assert "--from" in capsys.readouterr().err
    assert main(["-C", str(nodes.root), "state", "recover", "--from", "server1"]) == 0
    assert capsys.readouterr().out == "Cluster prod is at serial 5 in this workspace.\n"


def test_a_node_that_left_long_ago_is_no_majority_of_itself(nodes: FakeNodes) -> None:
    """server4 was the only meta server once; the others have seen much since."""
    claim(nodes, "server4")
    alone = msgspec.structs.replace(NOW, serial=1, meta_servers=(node_id("server4"),))
    four = document_of(*S3, "server4").nodes
    nodes.give("server4", msgspec.structs.replace(alone, nodes=four))
    (nodes.home("server1").parent / "fence.json").write_text('{"epoch": 1, "serial": 5}')
    error = refused(nodes, "server4")
    assert [(n.name, n.reason) for n in error.nodes] == [("server1", "has seen serial 5")]
    assert recover(nodes, "server4", stale=True).data["cluster"]["serial"] == 1
