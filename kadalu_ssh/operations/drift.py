"""What hosts have that the document does not say, and the other way round: item by item."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.errors import NodeError, Refused, Unreachable
from kadalu_ssh.model.records import VOLGEN_REVISION, Document
from kadalu_ssh.operations.context import Change, Context, Outcome
from kadalu_ssh.operations.converge_phase import Scope, converge
from kadalu_ssh.operations.lag import buried, given_up, unwanted
from kadalu_ssh.operations.phases import Env, Report
from kadalu_ssh.operations.quorum import Quorum, Replicas
from kadalu_ssh.operations.restart import Left
from kadalu_ssh.operations.session import Session, open_session
from kadalu_ssh.state.chain import Relation, relation
from kadalu_ssh.state.document import successor

_QUIET = ("ok", "skipped", "forgotten")


async def look(ctx: Context, limit: Sequence[str], upgrade: bool) -> Outcome:
    """The drift of every host, item by item. Takes no lock and changes nothing."""
    async with open_session(ctx) as session:
        document = session.document
        hosts = hosts_of(document, limit)
        await session.connect((*document.meta_servers, *hosts))
        replicas = await Quorum(session, document.meta_servers).read()
        new = upgraded(document) if upgrade else document
        env = Env(session, document, new, "check", check=True)
        report = await converge(env, new, hosts, everything(new))
        report.changes += copies(session, document, lagging(session, document, replicas), env.check)
        rows = rows_of(session, hosts, report, needing(report))
        found = Found(_stale(document, replicas), [t.id for t in replicas.tasks.values()][:1])
    outcome = outcome_of(session, document, rows, found)
    outcome.dry_run = ctx.settings.dry_run
    if ctx.settings.dry_run:
        outcome.exit_code = 0
    return outcome


def lagging(session: Session, document: Document, replicas: Replicas) -> list[str]:
    """Meta servers that answer, and hold an older document than ours, none, or a dead task."""
    behind = []
    for member in document.meta_servers:
        held = replicas.documents.get(member)
        current = held is not None and relation(document, held) is not Relation.OLDER
        if member in session.channels and (not current or member in replicas.tasks):
            behind.append(member)
    return behind


def copies(
    session: Session, document: Document, members: Iterable[str], check: bool
) -> list[Change]:
    """What bringing these meta servers up to date looks like."""
    status, what = "would_change" if check else "changed", f"copy serial {document.serial}"
    return [Change(session.host_name(m), "replica of the state", status, what) for m in members]


def _stale(ours: Document, replicas: Replicas) -> bool:
    """Whether some meta server holds another document than this laptop's, and not an older one."""
    current = (Relation.SAME, Relation.OLDER)
    return any(relation(ours, d) not in current for d in replicas.documents.values())


def hosts_of(document: Document, limit: Sequence[str]) -> tuple[str, ...]:
    """Ids of the hosts that are meant; a name that is none of them is refused."""
    names = {name: host for host, name in given_up(document).items()}
    names |= {n.name: n.id for n in document.nodes} | {h.name: h.id for h in document.hosts}
    unknown = [name for name in limit if name not in names]
    if unknown:
        raise Refused(
            f"{', '.join(unknown)}: not in cluster {document.name}",
            hint=f"known: {', '.join(sorted(names))}",
        )
    return tuple(names[name] for name in limit) or tuple(dict.fromkeys(names.values()))


def everything(document: Document) -> Scope:
    """Nothing that runs and should is stopped; what should not run is."""
    _, services = unwanted(document)
    return Scope(owners=None, may_stop=services, tombstones=buried(document))


@dataclass(frozen=True)
class Found:
    stale: bool
    tasks: list[str]


def needing(report: Report) -> list[Left]:
    return [Left(h, name, "") for h, names in report.restarts.items() for name in names]


def upgraded(document: Document) -> Document:
    """The document with the volfiles of this kadalu for every volume."""
    volumes = tuple(
        msgspec.structs.replace(v, volgen_revision=VOLGEN_REVISION) for v in document.volumes
    )
    return document if volumes == document.volumes else successor(document, volumes=volumes)


def rows_of(
    session: Session, hosts: Iterable[str], report: Report, left: Sequence[Left]
) -> list[Json]:
    names = {host: session.host_name(host) for host in hosts}
    trouble = {error.name: error.reason for error in (*report.failed, *report.unknown)}
    rows = []
    for host, name in names.items():
        items = [_item(c) for c in report.changes if c.node == name and c.status not in _QUIET]
        items += [
            {
                "item": f"service:{each.service}",
                "status": "restart needed",
                "change": "",
                "reason": each.reason,
                "diff": "",
            }
            for each in left
            if each.host == host
        ]
        failure = session.failures.get(host)
        reason = failure.reason if failure else trouble.get(name)
        state = "down" if failure else _state(items, name in trouble)
        rows.append({"name": name, "state": state, "reason": reason, "items": items})
    return rows


def _item(change: Change) -> Json:
    return {
        "item": change.item, "status": change.status, "change": change.change,
        "reason": change.reason, "diff": change.diff,
    }  # fmt: skip


def _state(items: list[Json], troubled: bool) -> str:
    statuses = {item["status"] for item in items}
    if troubled or statuses & {"failed", "blocked"}:
        return "failed"
    if statuses & {"would_change", "would_remove", "restart needed"}:
        return "drift"
    return "repaired" if statuses else "ok"


def outcome_of(session: Session, document: Document, rows: list[Json], found: Found) -> Outcome:
    if rows and all(row["state"] == "down" for row in rows):
        failures = [NodeError(row["name"], row["reason"]) for row in rows]
        raise Unreachable("no host answers", nodes=failures)
    data = {"nodes": rows, "stale": found.stale, "task": next(iter(found.tasks), None)}
    nodes = {node.name for node in document.nodes}
    # A client that does not answer is listed, and decides nothing.
    bad = [r for r in rows if r["state"] in ("drift", "failed") or
           (r["state"] == "down" and r["name"] in nodes)]  # fmt: skip
    return Outcome(data=data, exit_code=3 if bad or found.stale or found.tasks else 0)
