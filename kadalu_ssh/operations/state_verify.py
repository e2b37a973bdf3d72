"""state verify: do the laptop, its history and the meta servers agree? Changes nothing, no lock."""

from collections.abc import Iterable, Sequence

from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.errors import Failed
from kadalu_ssh.model.records import Document
from kadalu_ssh.operations.context import Context, Outcome
from kadalu_ssh.operations.replicas import Holding, holdings
from kadalu_ssh.operations.session import session_for
from kadalu_ssh.state.chain import Relation, relation
from kadalu_ssh.state.document import digest
from kadalu_ssh.state.history import Entry, History
from kadalu_ssh.state.workspace import Workspace

_STATES = {
    Relation.SAME: "ok", Relation.OLDER: "older", Relation.NEXT: "newer", Relation.NEWER: "newer",
    Relation.FORK: "fork", Relation.FOREIGN: "fork",
}  # fmt: skip


async def verify(ctx: Context) -> Outcome:
    """A row per place. Exit 3 when one is not as it should be, 4 when no meta server answers."""
    workspace = Workspace(ctx.settings.workspace)
    name, cluster_id = workspace.resolve(ctx.settings.cluster)
    past = History(workspace.directory(cluster_id))
    ours, laptop = _laptop(workspace, cluster_id, past)
    base = ours or past.newest()
    held = await _held(ctx, workspace, base) if base else []
    rows = [laptop, _history(past), *(_replica(past, base, h) for h in held if base)]
    data = {"cluster": {"name": name, "id": cluster_id}, "places": rows}
    return Outcome(data=data, exit_code=_exit_code(rows, held))


def _exit_code(rows: Iterable[Json], held: Sequence[Holding]) -> int:
    if held and all(holding.down for holding in held):
        return 4
    return 0 if all(row["state"] == "ok" for row in rows) else 3


def _row(kind: str, place: str, state: str, document: Document | None, detail: str) -> Json:
    return {
        "kind": kind, "place": place, "state": state,
        "epoch": document.epoch if document else None,
        "serial": document.serial if document else None,
        "digest": digest(document)[:8] if document else None, "detail": detail,
    }  # fmt: skip


# --- here ---


def _laptop(workspace: Workspace, cluster_id: str, past: History) -> tuple[Document | None, Json]:
    try:
        ours = workspace.load(cluster_id)
    except Failed as error:
        return None, _row("laptop", "laptop", "unreadable", None, error.message)
    if ours.cluster_id != cluster_id:
        detail = f"state.json is of another cluster: {ours.cluster_id}"
        return None, _row("laptop", "laptop", "fork", ours, detail)
    state, detail = _against_history(ours, past)
    return ours, _row("laptop", "laptop", state, ours, detail)


def _against_history(ours: Document, past: History) -> tuple[str, str]:
    if past.contradicts(ours):
        label = f"{ours.epoch}-{ours.serial}"
        return "fork", f"state.json is not the {label} that was saved here: was it edited?"
    newest = past.newest()
    if newest and (newest.epoch, newest.serial) > (ours.epoch, ours.serial):
        return "older", f"than {newest.epoch}-{newest.serial} of the history"
    return "ok", ""


def _history(past: History) -> Json:
    faults = past.faults()
    state = "unreadable" if any(f.unreadable for f in faults) else "fork" if faults else "ok"
    detail = "; ".join(fault.reason for fault in faults) or _reach(past.entries)
    return _row("history", "history", state, None, detail)


def _reach(entries: Sequence[Entry]) -> str:
    """`7 kept, 1-1 to 1-9`."""
    if not entries:
        return "empty"
    return f"{len(entries)} kept, {entries[0].label} to {entries[-1].label}"


# --- the meta servers ---


async def _held(ctx: Context, workspace: Workspace, base: Document) -> list[Holding]:
    async with session_for(ctx, workspace, base) as session:
        return list((await holdings(session, base.meta_servers)).values())


def _replica(past: History, base: Document, held: Holding) -> Json:
    state, detail = _judged(past, base, held)
    return _row("meta_server", held.name, state, held.document, detail)


def _judged(past: History, base: Document, held: Holding) -> tuple[str, str]:
    if held.problem:
        return ("down" if held.down else "unreadable"), held.problem
    if held.document is None:
        return "older", "it holds no document"
    found = relation(base, held.document)
    if found is Relation.OLDER and past.contradicts(held.document):
        return "fork", "another document than the history has of that serial"
    return _STATES[found], "; ".join(filter(None, [_difference(found), _task(held)]))


def _difference(found: Relation) -> str:
    return "" if found is Relation.SAME else found.value


def _task(held: Holding) -> str:
    task = held.task
    if task is None:
        return ""
    return f"not finished: {task.command or task.operation}, begun by {task.who} at {task.since}"
