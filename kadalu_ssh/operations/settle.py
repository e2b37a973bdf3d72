"""A task that a crash left unfinished: finish it, or undo it, before anything else is done."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from kadalu_ssh.model.errors import NodeError, Refused
from kadalu_ssh.model.records import Document
from kadalu_ssh.operations.context import FinishedFirst, Outcome
from kadalu_ssh.operations.lag import settled
from kadalu_ssh.operations.owed import owed
from kadalu_ssh.operations.phases import Env, Phase, Report
from kadalu_ssh.operations.plans import all_hosts, phases_of
from kadalu_ssh.operations.quorum import Quorum, Replicas
from kadalu_ssh.operations.session import Session
from kadalu_ssh.state.document import digest
from kadalu_ssh.state.journal import Journal, Task

Way = Literal["finish", "undo"]


def unfinished(replicas: Replicas) -> Task | None:
    """The task that the meta servers hold. (One that a minority got was never begun on nodes.)"""
    tasks = replicas.tasks.values()
    return max(tasks, key=lambda t: (t.new.epoch, t.new.serial, t.phase), default=None)


def committed_by(task: Task, replicas: Replicas) -> Document | None:
    """The document that the task had begun to commit: all its phases were complete then."""
    return next((d for d in replicas.documents.values() if d.task == task.id), None)


def way_of(task: Task, committed: Document | None) -> Way:
    """What is done when nobody says otherwise."""
    return "finish" if committed or task.forward_only else "undo"


async def settle(
    session: Session, quorum: Quorum, replicas: Replicas, way: Way | None = None
) -> Replicas:
    """Returns the replicas as they are afterwards. Raises Refused when the user does not agree."""
    task = unfinished(replicas)
    if task is None:
        return replicas
    committed = committed_by(task, replicas)
    if committed is None and digest(session.document) != task.parent:
        return replicas  # Our copy is not what it started from; compare() says so.
    way = _allowed(task, committed, way)
    session.ctx.reporter.confirm(_question(task, way))
    if way == "finish":
        left = await _finish(session, quorum, task, committed)
    else:
        left = await _undo(session, quorum, task)
    result: Literal["done", "undone"] = "done" if way == "finish" else "undone"
    journal = Journal(session.workspace.directory(session.document.cluster_id))
    journal.end(task, result, "settled after an interruption")
    session.ctx.reporter.warn(
        f"an interrupted {task.title} was {_PAST[way]} first (task {task.id})"
    )
    for error in left:
        session.ctx.reporter.warn(
            f"{error.name} has not got all of it ({error.reason}): kadalu reconcile, when it can"
        )
    if way == "finish" and same_words(task.command, session.ctx.settings.command):
        raise _finished(task, left)
    return await quorum.read()


def same_words(one: str, other: str) -> bool:
    """Whether two command lines ask for the same: how to answer and to print does not count."""
    plain = [[w for w in line.split() if w not in _MANNERS] for line in (one, other)]
    return plain[0] == plain[1]


_MANNERS = ("-y", "--yes", "--mode=script", "--json", "-v", "--verbose", "--no-color")
_PAST: dict[Way, str] = {"finish": "finished", "undo": "undone"}


def _finished(task: Task, pending: Sequence[NodeError]) -> FinishedFirst:
    """The interrupted task was the very command that was given again."""
    outcome = Outcome(
        f"{task.title.capitalize()}: done; it was interrupted before, and is finished now.",
        {"task": {"id": task.id, "result": "done"}},
    )
    outcome.missed(pending)
    return FinishedFirst(outcome)


def _allowed(task: Task, committed: Document | None, way: Way | None) -> Way:
    if way == "undo" and way_of(task, committed) == "finish":
        raise Refused(
            f"task {task.id} cannot be undone any more: it went too far",
            hint=f"finish it: kadalu task resume {task.id}",
        )
    return way or way_of(task, committed)


def _question(task: Task, way: Way) -> str:
    return (
        f"task {task.id} ({task.command or task.operation}), begun by {task.who} at {task.since}, "
        f"was interrupted. It will be {'finished' if way == 'finish' else 'undone'} first. Go on?"
    )


async def _undo(session: Session, quorum: Quorum, task: Task) -> list[NodeError]:
    from kadalu_ssh.operations.transaction import undo

    phases = phases_of(task.operation, session.document, task.new, task.params)
    entered = phases[: task.phase + 1]
    session.connect_names_of(task.new)
    await session.connect(all_hosts(entered))
    left, absent = await undo(entered, Env(session, session.document, task.new, task.id))
    if left:
        raise Refused(
            f"task {task.id} cannot be undone yet",
            nodes=left,
            hint="bring these nodes back and run the command again",
        )
    back = owed(session.document, entered, absent)
    await _write(session, quorum, past(task, session.document, back))
    return [session.failures[host] for host in absent]


async def _finish(
    session: Session, quorum: Quorum, task: Task, committed: Document | None
) -> list[NodeError]:
    """Its remaining phases; one that had begun to commit has none. Returns what has to wait."""
    if committed:
        await _write(session, quorum, committed)
        return []
    old, new = session.document, task.new
    phases = phases_of(task.operation, old, new, task.params)
    session.connect_names_of(new)
    await session.connect(all_hosts(phases))
    total = await _go_on(phases[task.phase :], task, Env(session, old, new, task.id))
    await _write(session, quorum, past(task, old, settled(new, phases, total)))
    absent = [session.failures[host] for host in all_hosts(phases) if host in session.failures]
    return [*absent, *total.failed, *total.unknown]


async def _go_on(phases: Sequence[Phase], task: Task, env: Env) -> Report:
    total = Report()
    for phase in phases:
        report = await phase.do(env)
        total.add(report)
        if (report.failed or report.unknown) and not phase.tolerant:
            raise Refused(
                f"task {task.id} cannot be finished yet", nodes=[*report.failed, *report.unknown]
            )
    return total


def past(task: Task, old: Document, document: Document) -> Document:
    """The document with a serial after the task's.

    A meta server that does not answer now may hold what the task had begun to commit: with the
    same serial there would be two documents of one serial when it is back. And hosts that have
    seen the task's serial refuse work of an older one.
    """
    serial = max(task.new.serial, old.serial) + 1
    return msgspec.structs.replace(document, serial=serial, parent=digest(old))


async def _write(session: Session, quorum: Quorum, document: Document) -> None:
    await quorum.write(document, None)
    session.document = document
    session.workspace.save(document)
