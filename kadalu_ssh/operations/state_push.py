"""state push: our document on the meta servers that lack it. No node is changed otherwise."""

from collections.abc import Mapping, Sequence

from kadalu_ssh.model.errors import NodeError, Refused, Unknown, Unreachable
from kadalu_ssh.model.records import Document
from kadalu_ssh.operations.context import Change, Context, Outcome
from kadalu_ssh.operations.quorum import Quorum, Replicas
from kadalu_ssh.operations.session import Session, open_session
from kadalu_ssh.operations.transaction import hold_local_lock
from kadalu_ssh.state.chain import majority
from kadalu_ssh.state.document import digest, encode
from kadalu_ssh.state.history import History


async def push(ctx: Context) -> Outcome:
    """Refused unless ours is, or provably came from, what every meta server holds."""
    async with open_session(ctx) as session:
        with hold_local_lock(ctx, session):
            members = session.document.meta_servers
            if not members:
                raise Refused(f"cluster {session.document.name} has no meta servers yet")
            await session.connect(members)
            if not session.channels:
                raise Unreachable("no meta server answers", nodes=session.failures.values())
            return await _push(session, Quorum(session, members))


async def _push(session: Session, quorum: Quorum) -> Outcome:
    settings = session.ctx.settings
    if settings.dry_run:
        return _outcome(session, _lacking(session, quorum, await quorum.read()))
    try:
        replicas = await quorum.lock(settings.command, settings.lock_timeout)
        lacking = _lacking(session, quorum, replicas)
        written, missed = await _write(session, lacking)
    finally:
        await quorum.unlock()
    outcome = _outcome(session, {member: lacking[member] for member in written})
    outcome.missed(missed)
    return outcome


# --- may it be? ---


def _lacking(session: Session, quorum: Quorum, replicas: Replicas) -> dict[str, Document | None]:
    """Connected members that do not hold ours → what they hold. Raises Refused."""
    _refuse_unfinished(session, replicas)
    _refuse_fork(session, replicas)
    mark, found = digest(session.document), replicas.documents
    return {
        member: found.get(member)
        for member in quorum.present()
        if member not in found or digest(found[member]) != mark
    }


def _refuse_unfinished(session: Session, replicas: Replicas) -> None:
    if not replicas.tasks:
        return
    task = max(replicas.tasks.values(), key=lambda task: (task.new.epoch, task.new.serial))
    raise Refused(
        f"task {task.id} ({task.command or task.operation}), begun by {task.who} at {task.since}, "
        "is not finished",
        nodes=[NodeError(session.host_name(host), "has it recorded") for host in replicas.tasks],
        hint="the next changing command settles it (it asks, or give -y)",
    )


def _refuse_fork(session: Session, replicas: Replicas) -> None:
    """Our history has to prove that nothing is lost: an older serial alone proves nothing."""
    ours = session.document
    past = History(session.workspace.directory(ours.cluster_id))
    wrong = [
        NodeError(session.host_name(host), _why(past, ours, found))
        for host, found in replicas.documents.items()
        if digest(found) != digest(ours) and not past.descends(ours, found)
    ]
    if wrong:
        raise Refused(
            f"this machine's copy (serial {ours.serial}) does not follow what is held elsewhere",
            nodes=wrong,
            hint="look: kadalu state verify; take over what a majority holds: kadalu state pull",
        )


def _why(past: History, ours: Document, found: Document) -> str:
    held = f"holds serial {found.serial} (epoch {found.epoch}, digest {digest(found)[:8]})"
    if (found.epoch, found.serial) > (ours.epoch, ours.serial):
        return f"{held}, which is newer"
    if (found.epoch, found.serial) == (ours.epoch, ours.serial) or past.contradicts(found):
        return f"{held}, which is another document"
    return f"{held}, and the history here has a gap between that and ours"


# --- doing it ---


Held = Mapping[str, Document | None]


async def _write(session: Session, lacking: Held) -> tuple[list[str], list[NodeError]]:
    """Where it was written, and where not. Raises Unknown when no majority has ours afterwards."""
    ours, members = session.document, session.document.meta_servers
    params = {"op": "write", "cluster_id": ours.cluster_id, "document": encode(ours)}
    good, bad = session.split(await session.call("meta", dict.fromkeys(lacking, params)))
    down = [session.failures[member] for member in members if member in session.failures]
    have = len(members) - len(down) - len(lacking) + len(good)
    if have < majority(len(members)):
        raise Unknown(
            f"the state is on {have} of {len(members)} meta servers now; "
            f"{majority(len(members))} are needed",
            nodes=[*bad, *down],
            hint="mend these and run it again",
        )
    return list(good), [*bad, *down]


def _outcome(session: Session, lacking: Held) -> Outcome:
    ours = session.document
    names = [session.host_name(member) for member in lacking]
    outcome = Outcome(_summary(ours, names), dry_run=session.ctx.settings.dry_run)
    outcome.data = {
        "cluster": {"name": ours.name, "id": ours.cluster_id, "serial": ours.serial},
        "written": names,
    }
    outcome.changes = [
        Change(session.host_name(member), "document", "changed", _step(ours, found))
        for member, found in lacking.items()
    ]
    return outcome


def _summary(ours: Document, names: Sequence[str]) -> str:
    if not names:
        return f"Every meta server that answers holds serial {ours.serial} already."
    return f"Serial {ours.serial} of cluster {ours.name} was written to {', '.join(names)}."


def _step(ours: Document, found: Document | None) -> str:
    return f"serial {found.serial if found else 'none'} -> {ours.serial}"
