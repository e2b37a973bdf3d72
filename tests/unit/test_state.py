"""The document on disk and in its chain; locks; what is said of damage."""

import json
import os
import stat
from pathlib import Path

import msgspec
import pytest

from kadalu_ssh.model.errors import Failed, Locked, Refused
from kadalu_ssh.model.records import Document
from kadalu_ssh.state.chain import Relation, majority, open_tasks, relation
from kadalu_ssh.state.document import decode, digest, encode, successor
from kadalu_ssh.state.journal import Task
from kadalu_ssh.state.locks import local_lock
from kadalu_ssh.state.workspace import Workspace

FIRST = Document(cluster_id="c1", name="prod")


def test_same_document_same_bytes() -> None:
    assert encode(FIRST) == encode(decode(encode(FIRST), "x"))
    assert digest(FIRST) == digest(decode(encode(FIRST), "x"))


def test_a_successor_names_its_parent() -> None:
    after = successor(FIRST, name="other")
    assert (after.serial, after.parent) == (1, digest(FIRST))


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [
        (FIRST, Relation.SAME),
        (successor(FIRST), Relation.NEXT),
        (successor(successor(FIRST)), Relation.NEWER),
        (msgspec.structs.replace(FIRST, name="fork"), Relation.FORK),
        (msgspec.structs.replace(FIRST, cluster_id="c2"), Relation.FOREIGN),
        (msgspec.structs.replace(FIRST, epoch=2), Relation.NEWER),
    ],
)
def test_relations(theirs: Document, expected: Relation) -> None:
    assert relation(FIRST, theirs) is expected


def test_an_older_replica_is_older() -> None:
    assert relation(successor(FIRST), FIRST) is Relation.OLDER


@pytest.mark.parametrize(("count", "needed"), [(0, 0), (1, 1), (2, 2), (3, 2), (5, 3)])
def test_majority(count: int, needed: int) -> None:
    assert majority(count) == needed


OPEN = Task(
    id="t1", operation="volume.create", command="", who="", since="", parent=digest(FIRST),
    new=successor(FIRST, task="t1"),
)  # fmt: skip
COMMITTED = OPEN.new
LATER = successor(COMMITTED, task="t2")


@pytest.mark.parametrize(
    ("holders", "documents", "is_open"),
    [
        ("ab", [FIRST, FIRST, FIRST], True),
        ("c", [FIRST, FIRST], True),  # the third may have it too
        ("c", [COMMITTED, COMMITTED, FIRST], True),  # to be finished there
        ("c", [LATER, LATER, FIRST], False),
        ("c", [LATER, FIRST], False),  # what the third has is not known
        ("ac", [FIRST, LATER, FIRST], True),  # whoever wrote that died before a majority had it
    ],
)
def test_a_task_that_others_have_gone_past(
    holders: str, documents: list[Document], is_open: bool
) -> None:
    assert bool(open_tasks(dict.fromkeys(holders, OPEN), documents, 3)) is is_open


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda d: d | {"nodse": []}, "nodse"),
        (lambda d: d | {"serial": "1"}, "$.serial"),
        (lambda d: {k: v for k, v in d.items() if k != "name"}, "name"),
        (lambda d: d | {"schema": 99}, "schema 99; this kadalu knows up to 2"),
    ],
)
def test_a_damaged_document_names_file_and_field(change, told: str) -> None:  # type: ignore[no-untyped-def]
    text = json.dumps(change(json.loads(encode(FIRST))))
    with pytest.raises(Failed) as error:
        decode(text, "/w/state.json")
    assert "/w/state.json" in error.value.message
    assert told in error.value.message


def test_a_truncated_document() -> None:
    with pytest.raises(Failed, match="is not JSON"):
        decode(encode(FIRST)[:40], "state.json")


def test_files_are_private_and_history_is_kept(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.save(FIRST)
    workspace.save(successor(FIRST))
    directory = workspace.directory("c1")
    assert workspace.load("c1").serial == 1
    assert len(list((directory / "history").iterdir())) == 2
    for path in [directory / "state.json", *(directory / "history").iterdir()]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_a_full_disk_leaves_the_old_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(tmp_path)
    workspace.save(FIRST)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Failed, match="No space left on device"):
        workspace.save(successor(FIRST))
    assert workspace.load("c1") == FIRST
    assert not list(workspace.directory("c1").rglob(".*"))


def test_which_cluster(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    with pytest.raises(Refused, match="no cluster in"):
        workspace.resolve(None)
    index = workspace.index()
    index.clusters["a"] = "1"
    workspace.save_index(index)
    assert workspace.resolve(None) == ("a", "1")
    index.clusters["b"] = "2"
    workspace.save_index(index)
    with pytest.raises(Refused, match="which cluster"):
        workspace.resolve(None)
    index.current = "b"
    workspace.save_index(index)
    assert workspace.resolve(None) == ("b", "2")
    with pytest.raises(Refused, match="no cluster 'x'"):
        workspace.resolve("x")


def test_the_local_lock_names_its_holder(tmp_path: Path) -> None:
    holder = "kadalu volume create v"
    with (
        local_lock(tmp_path, holder, 0),
        pytest.raises(Locked, match=holder),
        local_lock(tmp_path, "x", 0.1),
    ):
        pass
    with local_lock(tmp_path, "again", 0):
        pass
