"""Documents of older schemas."""

import json
from pathlib import Path

import pytest

from kadalu_ssh.model.errors import Failed
from kadalu_ssh.model.records import Capabilities, Document, Node
from kadalu_ssh.state import document as documents
from kadalu_ssh.state import migrate
from kadalu_ssh.state.document import decode, encode, successor
from kadalu_ssh.state.workspace import Workspace


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kadalu of the next schema, in which clusters were given names with a prefix."""
    monkeypatch.setattr(documents, "SCHEMA", 3)
    step = {2: lambda raw: {**raw, "name": f"new-{raw['name']}"}}
    monkeypatch.setattr(
        documents, "migrated", lambda raw, schema: migrate.migrated(raw, schema, step)
    )


def test_an_older_document_is_brought_up_to_date(newer: None) -> None:
    text = encode(Document(cluster_id="c", name="prod"))
    assert json.loads(text)["schema"] == 2
    found = decode(text, "state.json")
    assert (found.schema, found.name) == (3, "new-prod")
    assert decode(encode(found), "state.json") == found


def test_what_it_was_is_kept(newer: None, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    old = Document(cluster_id="c", name="prod", serial=4)
    workspace.save(old)
    found = workspace.load("c")
    workspace.save(successor(found))
    kept = sorted((tmp_path / "state" / "c" / "history").iterdir())
    assert [json.loads(path.read_text())["schema"] for path in kept] == [2, 3]
    assert kept[0].read_text() == encode(old)


def test_one_that_is_too_old_is_refused_by_name() -> None:
    text = encode(Document(cluster_id="c", name="prod")).replace('"schema": 2', '"schema": 0')
    with pytest.raises(Failed, match="FILE has schema 0, which has no way to 2"):
        decode(text, "FILE")


def test_schema_1_had_no_rebalances_and_no_resting_nodes() -> None:
    node = Node(id="n", name="a", address="a", capabilities=Capabilities(glusterfs="11.1"))
    new = Document(cluster_id="c", name="prod", nodes=(node,))
    raw = json.loads(encode(new)) | {"schema": 1}
    del raw["nodes"][0]["resting"]
    assert decode(json.dumps(raw), "FILE") == new
