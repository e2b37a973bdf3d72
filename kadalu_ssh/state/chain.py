"""How a replica of the document relates to ours. Pure."""

from collections.abc import Collection, Mapping
from enum import Enum

from kadalu_ssh.model.records import Document
from kadalu_ssh.state.document import digest
from kadalu_ssh.state.journal import Task


class Relation(Enum):
    SAME = "the same"
    OLDER = "older than ours"
    NEXT = "the one after ours"
    NEWER = "newer than ours"
    FORK = "another document with our serial"
    FOREIGN = "of another cluster"


def relation(ours: Document, theirs: Document) -> Relation:
    """What `theirs` is to `ours`, by (epoch, serial), digest and parent."""
    if theirs.cluster_id != ours.cluster_id:
        return Relation.FOREIGN
    mine, other = (ours.epoch, ours.serial), (theirs.epoch, theirs.serial)
    if mine == other:
        return Relation.SAME if digest(ours) == digest(theirs) else Relation.FORK
    if other < mine:
        return Relation.OLDER
    return Relation.NEXT if theirs.parent == digest(ours) else Relation.NEWER


def majority(count: int) -> int:
    """How many of `count` meta servers are more than half; 0 of 0."""
    return count // 2 + 1 if count else 0


def open_tasks(
    tasks: Mapping[str, Task], documents: Collection[Document], members: int
) -> dict[str, Task]:
    """Without those that only a minority of the meta servers has, while later work is committed.

    A meta server that was away when the task ended, and at the next commit, still has it.
    """
    holders = [task.id for task in tasks.values()]
    latest = max(documents, key=_place, default=None)
    return {
        member: task
        for member, task in tasks.items()
        if latest is None
        or latest.task == task.id
        or _place(latest) < _place(task.new)
        or holders.count(task.id) >= majority(members)
    }


def _place(document: Document) -> tuple[int, int]:
    return document.epoch, document.serial
