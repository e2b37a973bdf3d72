"""task list | show | resume | rollback: what commands set out to do, and what came of it."""

import msgspec

from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.errors import Refused
from kadalu_ssh.model.names import shown
from kadalu_ssh.operations.context import Context, Outcome
from kadalu_ssh.operations.phases import Phase
from kadalu_ssh.operations.plans import phases_of
from kadalu_ssh.operations.quorum import Quorum, Replicas
from kadalu_ssh.operations.session import Session, open_session
from kadalu_ssh.operations.settle import Way, committed_by, settle, unfinished, way_of
from kadalu_ssh.operations.transaction import hold_local_lock
from kadalu_ssh.state.document import digest
from kadalu_ssh.state.journal import Entry, Journal, Task


async def list_tasks(ctx: Context) -> Outcome:
    """What this laptop began, and what is unfinished on the meta servers, newest last."""
    async with open_session(ctx) as session:
        replicas = await _read(session)
    open_task = unfinished(replicas)
    rows = [_row(entry, open_task) for entry in _journal(session).entries()]
    if open_task and all(row["id"] != open_task.id for row in rows):
        rows.append(_open_row(open_task))
    warnings = [] if replicas.documents else ["no meta server answers: only what is known here"]
    return Outcome(data={"tasks": rows}, warnings=warnings)


async def _read(session: Session) -> Replicas:
    await session.connect(session.document.meta_servers)
    return await Quorum(session, session.document.meta_servers).read()


def _journal(session: Session) -> Journal:
    return Journal(session.workspace.directory(session.document.cluster_id))


def _row(entry: Entry, open_task: Task | None) -> Json:
    row: Json = msgspec.to_builtins(entry)
    if open_task and entry.id == open_task.id:
        row["result"] = "unfinished"
    elif entry.result == "running":
        row["result"] = "interrupted"
    return row


def _open_row(task: Task) -> Json:
    return {
        "id": task.id, "operation": task.operation, "command": task.command, "who": task.who,
        "since": task.since, "serial": task.new.serial, "result": "unfinished", "ended": "",
        "detail": "",
    }  # fmt: skip


async def show(ctx: Context, *, task: str) -> Outcome:
    """One task: an unfinished one with its phases, and what the next command would do with it."""
    async with open_session(ctx) as session:
        replicas = await _read(session)
    open_task = unfinished(replicas)
    if open_task and open_task.id.startswith(task):
        return Outcome(data={"task": _details(session, open_task, replicas)})
    rows = [_row(entry, None) for entry in _journal(session).entries()]
    found = [row for row in rows if row["id"].startswith(task)]
    if len(found) != 1:
        raise Refused(
            f"{len(found) or 'no'} tasks are called {shown(task)}", hint="see: kadalu task list"
        )
    return Outcome(data={"task": found[0]})


def _details(session: Session, task: Task, replicas: Replicas) -> Json:
    committed = committed_by(task, replicas)
    phases: list[Phase] = []
    if digest(session.document) == task.parent:
        phases = phases_of(task.operation, session.document, task.new, task.params)
    return {
        **_open_row(task),
        "forward_only": task.forward_only or committed is not None,
        "settled_by": {"finish": "finishing it", "undo": "undoing it"}[way_of(task, committed)],
        "phases": [
            {"name": phase.name, "state": _phase_state(task, at, committed is not None)}
            for at, phase in enumerate(phases)
        ],
    }


def _phase_state(task: Task, at: int, committed: bool) -> str:
    if committed or at < task.phase:
        return "done"
    return "entered" if at == task.phase else "to do"


async def resume(ctx: Context, *, task: str) -> Outcome:
    """Finish an unfinished task."""
    return await _settle(ctx, task, "finish")


async def rollback(ctx: Context, *, task: str) -> Outcome:
    """Undo an unfinished task; refused once it entered a phase that cannot be undone."""
    return await _settle(ctx, task, "undo")


async def _settle(ctx: Context, wanted: str, way: Way) -> Outcome:
    done = "finished" if way == "finish" else "undone"
    async with open_session(ctx) as session:
        with hold_local_lock(ctx, session):
            await session.connect(session.document.meta_servers)
            quorum = Quorum(session, session.document.meta_servers)
            settings = ctx.settings
            if settings.dry_run:
                replicas = await quorum.read()
            else:
                replicas = await quorum.lock(settings.command, settings.lock_timeout)
            task = _the(wanted, replicas)
            if digest(session.document) != task.parent and not committed_by(task, replicas):
                raise Refused(
                    f"task {task.id} starts from another state than this laptop's",
                    hint="fetch it first: kadalu state pull",
                )
            if not settings.dry_run:
                await settle(session, quorum, replicas, way)
    data = {"task": {"id": task.id, "result": "would be " + done if settings.dry_run else done}}
    return Outcome(f"Task {task.id} is {done}.", data, dry_run=settings.dry_run)


def _the(wanted: str, replicas: Replicas) -> Task:
    task = unfinished(replicas)
    if task is None or not task.id.startswith(wanted):
        there = f"unfinished: {task.id}" if task else "there is none"
        raise Refused(f"no unfinished task is called {shown(wanted)}", hint=there)
    return task
