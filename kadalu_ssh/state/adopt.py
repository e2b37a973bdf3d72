"""Putting a document in the place of what a workspace lost. What was there is kept beside it."""

import time
from dataclasses import dataclass
from pathlib import Path

from kadalu_ssh.model.errors import Failed
from kadalu_ssh.model.records import Document
from kadalu_ssh.state.document import NewerSchema, digest
from kadalu_ssh.state.history import History
from kadalu_ssh.state.index import Index, enrol
from kadalu_ssh.state.workspace import Workspace


@dataclass(frozen=True)
class Local:
    """What a workspace has of one cluster."""

    document: Document | None
    """state.json; None when it is missing or damaged."""
    newest: Document | None
    """The newest of the history that can be read."""
    damaged: bool


@dataclass(frozen=True)
class Adopted:
    name: str
    """What the cluster is called here."""
    aside: tuple[Path, ...]
    """Damaged files, under their new names."""


def local_copy(workspace: Workspace, cluster_id: str) -> Local:
    """Raises NewerSchema: what a newer kadalu wrote is not damaged."""
    directory = workspace.directory(cluster_id)
    newest = History(directory).newest()
    try:
        document = workspace.load(cluster_id)
    except NewerSchema:
        raise
    except Failed:
        return Local(None, newest, damaged=_is_there(directory / "state.json"))
    if document.cluster_id != cluster_id:
        return Local(None, newest, damaged=True)
    return Local(document, newest, damaged=False)


def adopt(workspace: Workspace, document: Document, local: Local) -> Adopted:
    """Make `document` the laptop's copy, and `clusters.json` lead to it. Raises Failed."""
    aside = []
    if local.damaged or _is_nowhere_else(workspace, document, local):
        aside.append(_set_aside(workspace.directory(document.cluster_id) / "state.json"))
    workspace.save(document)
    index, damaged = usable_index(workspace)
    name = enrol(index, document.name, document.cluster_id)
    if damaged:
        aside.append(_set_aside(workspace.state / "clusters.json"))
    workspace.save_index(index)
    return Adopted(name, tuple(aside))


def _is_nowhere_else(workspace: Workspace, document: Document, local: Local) -> bool:
    """An edited copy, or a history that was deleted."""
    if local.document is None or digest(local.document) == digest(document):
        return False
    mine, past = local.document, History(workspace.directory(document.cluster_id))
    same = [e for e in past.entries if (e.epoch, e.serial) == (mine.epoch, mine.serial)]
    return not same or past.contradicts(mine)


def usable_index(workspace: Workspace) -> tuple[Index, bool]:
    """`clusters.json`, or one made from what is there; and whether it is damaged."""
    path = workspace.state / "clusters.json"
    try:
        return (workspace.index() if _is_there(path) else _rebuilt(workspace)), False
    except Failed:
        return _rebuilt(workspace), True


def _rebuilt(workspace: Workspace) -> Index:
    index = Index()
    for path in sorted(workspace.state.glob("*/state.json")):
        try:
            document = workspace.load(path.parent.name)
        except Failed:
            continue
        deleted = not document.nodes and document.serial > 1
        if not deleted and document.cluster_id == path.parent.name:
            enrol(index, document.name, document.cluster_id)
    return index


def _is_there(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _set_aside(path: Path) -> Path:
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    try:
        return path.rename(path.with_name(f"{path.name}.damaged-{stamp}"))
    except OSError as error:
        raise Failed(f"cannot rename {path}: {error.strerror}") from error
