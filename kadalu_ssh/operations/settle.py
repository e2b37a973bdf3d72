"""A task that a crash left unfinished: finish it, or undo it, before anything else is done."""

from kadalu_ssh.model.errors import Refused
from kadalu_ssh.model.records import Document
from kadalu_ssh.operations.lag import settled
from kadalu_ssh.operations.phases import Env, Report
from kadalu_ssh.operations.plans import all_hosts, phases_of
from kadalu_ssh.operations.quorum import Quorum, Replicas
from kadalu_ssh.operations.session import Session
from kadalu_ssh.state.document import digest
from kadalu_ssh.state.journal import Task


async def settle(session: Session, quorum: Quorum, replicas: Replicas) -> Replicas:
    """Returns the replicas as they are afterwards. Raises Refused when the user does not agree."""
    if not replicas.tasks:
        return replicas
    task = max(replicas.tasks.values(), key=lambda t: (t.new.epoch, t.new.serial, t.phase))
    committed = _committed(task, replicas)
    if committed is None and digest(session.document) != task.parent:
        return replicas  # Our copy is not what it started from; compare() says so.
    session.ctx.reporter.confirm(_question(task, committed))
    if committed is not None:
        await _accept(session, quorum, committed)
    elif task.forward_only:
        await _finish(session, quorum, task)
    else:
        await _undo(session, quorum, task)
    return await quorum.read()


def _question(task: Task, committed: Document | None) -> str:
    way = "finished" if committed or task.forward_only else "undone"
    return (
        f"task {task.id} ({task.command or task.operation}), begun by {task.who} at {task.since}, "
        f"was interrupted. It will be {way} first. Go on?"
    )


def _committed(task: Task, replicas: Replicas) -> Document | None:
    """The document that the task had begun to commit: all its phases were complete then."""
    mark = (task.new.epoch, task.new.serial, task.parent)
    found = (d for d in replicas.documents.values() if (d.epoch, d.serial, d.parent) == mark)
    return next(found, None)


async def _accept(session: Session, quorum: Quorum, document: Document) -> None:
    await quorum.write(document, None)
    session.document = document
    session.workspace.save(document)


async def _undo(session: Session, quorum: Quorum, task: Task) -> None:
    from kadalu_ssh.operations.transaction import undo

    phases = phases_of(task.operation, session.document, task.new, task.params)
    entered = phases[: task.phase + 1]
    session.connect_names_of(task.new)
    await session.connect(all_hosts(entered))
    left = await undo(entered, Env(session, session.document, task.new, task.id))
    if left:
        raise Refused(
            f"task {task.id} cannot be undone yet",
            nodes=left,
            hint="bring these nodes back and run the command again",
        )
    await quorum.write(None, None)


async def _finish(session: Session, quorum: Quorum, task: Task) -> None:
    phases = phases_of(task.operation, session.document, task.new, task.params)
    session.connect_names_of(task.new)
    await session.connect(all_hosts(phases))
    env, total = Env(session, session.document, task.new, task.id), Report()
    for phase in phases[task.phase :]:
        report = await phase.do(env)
        total.add(report)
        if (report.failed or report.unknown) and not phase.tolerant:
            raise Refused(
                f"task {task.id} cannot be finished yet", nodes=[*report.failed, *report.unknown]
            )
    await _accept(session, quorum, settled(task.new, phases, total))
