"""state unlock: end the workers that hold a stuck cluster lock.

It takes no lock, and not the local one either: a stopped command on this machine may hold that.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.errors import Failed, NodeError, Refused, Unreachable
from kadalu_ssh.operations.context import Change, Context, Outcome
from kadalu_ssh.operations.session import Session, open_session


@dataclass(frozen=True)
class Held:
    """The lock on one meta server, as somebody holds it."""

    host: str
    name: str
    holder: Json
    processes: tuple[Json, ...]

    @property
    def workers(self) -> tuple[Json, ...]:
        return tuple(p for p in self.processes if p["worker"])

    @property
    def told(self) -> str:
        """`ann@laptop since …: kadalu volume create v`."""
        who, since = self.holder.get("who", "somebody"), self.holder.get("since", "unknown")
        return f"{who} since {since}: {self.holder.get('command', 'unknown command')}"


async def unlock(ctx: Context) -> Outcome:
    """Ends kadalu's own workers only, after a confirmation. Raises Refused, Unreachable, Failed."""
    async with open_session(ctx) as session:
        cluster = session.document.name
        held, silent = await _look(session)
        if not held:
            return _free(session, silent)
        _refuse_strangers(held)
        ctx.confirm(_question(cluster, held))
        ended = {h.host: "would be ended" for h in held}
        if not ctx.settings.dry_run:
            ended = await _end(session, held)
        return _outcome(session, held, ended, silent)


async def _look(session: Session) -> tuple[list[Held], list[NodeError]]:
    """Where it is held, and the meta servers that cannot tell."""
    members = session.document.meta_servers
    await session.connect(members)
    down = [session.failures[member] for member in members if member in session.failures]
    if members and len(down) == len(members):
        raise Unreachable("no meta server answers", nodes=down)
    params = {"op": "find", "cluster_id": session.document.cluster_id}
    good, bad = session.split(await session.call("lock_holders", dict.fromkeys(members, params)))
    held = [
        Held(host, session.host_name(host), found["holder"] or {}, tuple(found["processes"]))
        for host, found in good.items()
        if found["held"]
    ]
    return held, [*down, *bad]


def _refuse_strangers(held: Iterable[Held]) -> None:
    """A lock that only processes hold that are none of ours: they are for the admin to judge."""
    strange = [h for h in held if not h.workers]
    if strange:
        raise Refused(
            "the lock is held by what is no kadalu worker; it was left alone",
            nodes=[NodeError(h.name, _strangers(h)) for h in strange],
            hint="look at these processes on the nodes; the lock is free when they end",
        )


def _strangers(held: Held) -> str:
    named = [f"process {p['pid']} ({' '.join(p['command'])})" for p in held.processes]
    return ", ".join(named) or "a process that cannot be seen from here"


def _question(cluster: str, held: Iterable[Held]) -> str:
    """Every command is named once, with the nodes where it holds the lock."""
    places: dict[str, list[str]] = {}
    for h in held:
        places.setdefault(h.told, []).append(h.name)
    found = "; ".join(f"{told} (on {', '.join(names)})" for told, names in places.items())
    return f"Cut off the command that holds the lock of cluster {cluster}? {found}"


async def _end(session: Session, held: Iterable[Held]) -> dict[str, str]:
    """Host id → how the worker ended. Raises Failed, with what did, when one did not."""
    params = {
        h.host: {
            "op": "end", "cluster_id": session.document.cluster_id,
            "pid": h.workers[0]["pid"], "start": h.workers[0]["start"],
        }
        for h in held
    }  # fmt: skip
    good, bad = session.split(await session.call("lock_holders", params))
    if bad:
        names = ", ".join(session.host_name(host) for host in good) or "no node"
        raise Failed(f"not every worker ended; the lock was freed on {names}", nodes=bad)
    return {host: _how(answer) for host, answer in good.items()}


def _how(answer: Json) -> str:
    if answer["ended"] == "gone":
        return "had ended, or let the lock go, before"
    left = (f"; process {c['pid']}, which it had started, goes on: {c['command']}"
            for c in answer["left"])  # fmt: skip
    return "".join([f"ended by {answer['ended']}", *left])


# --- what is told ---


def _free(session: Session, silent: list[NodeError]) -> Outcome:
    total = len(session.document.meta_servers)
    outcome = Outcome(
        f"Nobody holds the lock of cluster {session.document.name}: {total - len(silent)} of "
        f"{total} meta servers answered.",
        {"locks": []},
    )
    outcome.warnings = [f"{node.name} could not be asked: {node.reason}" for node in silent]
    outcome.dry_run = session.ctx.settings.dry_run
    return outcome


def _outcome(
    session: Session, held: list[Held], ended: dict[str, str], silent: list[NodeError]
) -> Outcome:
    names = ", ".join(h.name for h in held)
    outcome = Outcome(
        f"The lock of cluster {session.document.name} was freed on {names}. What that command had "
        "begun is settled by the next one that changes something.",
        dry_run=session.ctx.settings.dry_run,
    )
    outcome.data = {"locks": [_row(h, ended[h.host]) for h in held]}
    outcome.changes = [
        Change(h.name, "cluster lock", "changed", f"worker {h.workers[0]['pid']} of {h.told}: "
               f"{ended[h.host]}")
        for h in held
    ]  # fmt: skip
    outcome.warnings = [f"{node.name} could not be asked: {node.reason}" for node in silent]
    return outcome


def _row(held: Held, ended: str) -> Json:
    keys = ("who", "since", "command")
    return {
        "name": held.name, "pid": held.workers[0]["pid"], "result": ended,
        **{key: held.holder.get(key) for key in keys},
    }  # fmt: skip
