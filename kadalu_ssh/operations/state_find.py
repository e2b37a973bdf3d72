"""From one node of an inventory to what all meta servers of its cluster hold. Only looks."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from kadalu_ssh.files import read_text, write_private
from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.errors import Failed, Refused, Unreachable
from kadalu_ssh.model.names import shown
from kadalu_ssh.model.records import Document
from kadalu_ssh.operations.context import Context
from kadalu_ssh.operations.recognise import membership
from kadalu_ssh.operations.replicas import Holding, holdings
from kadalu_ssh.operations.session import Session, session_for
from kadalu_ssh.state.adopt import usable_index
from kadalu_ssh.state.workspace import Workspace

_SOURCE = "from"
"""The node's id, until it is known."""


@dataclass(frozen=True)
class Found:
    held: dict[str, Holding]
    """By host id: every meta server that a document names, and the node that was asked first."""
    seen: dict[str, tuple[int, int]]
    """Node name → (epoch, serial) of the newest work that it says it has seen."""
    new_keys: str
    """Lines of known_hosts: the hosts that were met for the first time."""


async def find(ctx: Context, workspace: Workspace, source: str) -> Found:
    """Ask `source`, then everybody that it leads to. Raises Refused, Unreachable, Failed."""
    with TemporaryDirectory(prefix="kadalu-") as scratch:
        async with _session(ctx, workspace, Path(scratch)) as (session, keys, known):
            held = await _gather(session, await _first(session, workspace, source))
            seen = await _seen(session, held)
        return Found(held, seen, (read_text(keys) or "")[len(known) :])


@asynccontextmanager
async def _session(
    ctx: Context, workspace: Workspace, scratch: Path
) -> AsyncIterator[tuple[Session, Path, str]]:
    """Which cluster it is, and so which known_hosts, is not known yet: all that are left count."""
    elsewhere, nameless = Workspace(scratch), Document(cluster_id="recover", name="recover")
    keys = elsewhere.directory(nameless.cluster_id) / "known_hosts"
    left = [read_text(path) or "" for path in sorted(workspace.state.glob("*/known_hosts"))]
    known = "".join(f"{text.rstrip()}\n" for text in left if text.strip())
    write_private(keys, known)
    async with session_for(ctx, elsewhere, nameless) as session:
        yield session, keys, known


async def _first(session: Session, workspace: Workspace, source: str) -> Holding:
    """What `source` holds of the cluster that is meant; the session is of that cluster then."""
    session.inventory.reach(source)  # Refused, with a hint, when it is not in the inventory.
    await session.connect_names({_SOURCE: source})
    if _SOURCE in session.failures:
        raise Unreachable(f"{source} cannot be reached", nodes=[session.failures[_SOURCE]])
    member = _meant(session, workspace, source, await _memberships(session, source))
    session.document = Document(cluster_id=member["cluster_id"], name="recover")
    held = (await holdings(session, [_SOURCE]))[_SOURCE]
    if held.document is None or held.document.cluster_id != member["cluster_id"]:
        raise Failed(held.problem or f"the replica on {source} is of another cluster", hint=_OTHER)
    session.document = held.document
    if not member["node_id"]:
        return held
    session.channels[member["node_id"]] = session.channels.pop(_SOURCE)
    return replace(held, host=member["node_id"])


_OTHER = "name another of its meta servers: kadalu state recover --from NODE"


async def _memberships(session: Session, source: str) -> list[Json]:
    good, bad = session.split(await session.call("meta", {_SOURCE: {"op": "memberships"}}))
    if bad:
        raise Failed(f"{source} could not be asked for its cluster", nodes=bad)
    found: list[Json] = good[_SOURCE]["memberships"]
    return found


def _meant(session: Session, workspace: Workspace, source: str, members: Sequence[Json]) -> Json:
    kept = [member for member in members if member["replica"]]
    if not kept:
        raise Refused(_without_replica(source, members), hint=_OTHER)
    labels = ", ".join(sorted(f"{m['name']} ({m['cluster_id']})" for m in kept))
    given = session.ctx.settings.cluster
    if given:
        known = usable_index(workspace)[0].clusters.get(given)
        kept = [
            m for m in kept if given in (m["name"], m["cluster_id"]) or known == m["cluster_id"]
        ]
    if not kept:
        message = f"{source} keeps no state of a cluster {shown(str(given))}"
        raise Refused(message, hint=f"it keeps that of {labels}")
    if len(kept) > 1:
        message = f"{source} keeps the state of several clusters: {labels}"
        raise Refused(message, hint="say which: --cluster NAME (or its id)")
    return kept[0]


def _without_replica(source: str, members: Sequence[Json]) -> str:
    nodes = [m["cluster_id"] for m in members if m["node_id"] and m["role"] == "node"]
    if nodes:
        return f"{source} is a node of cluster {nodes[0]}, but no meta server of it"
    return f"{source} is a node of no cluster"


async def _gather(session: Session, first: Holding) -> dict[str, Holding]:
    """Go on until every meta server that any of the documents names was asked."""
    held = {first.host: first}
    while True:
        documents = [h.document for h in held.values() if h.document]
        named = [meta for document in documents for meta in document.meta_servers]
        missing = [meta for meta in dict.fromkeys(named) if meta not in held]
        if not missing:
            return held
        for document in documents:
            session.connect_names_of(document)
        held |= {host: _own(session, h) for host, h in (await holdings(session, missing)).items()}


async def _seen(session: Session, held: dict[str, Holding]) -> dict[str, tuple[int, int]]:
    """Every node that a document names is asked for the newest work that it has seen."""
    nodes = {n.id: n.name for h in held.values() if h.document for n in h.document.nodes}
    await session.connect(nodes, modules=False)
    answers = {name: membership(session, node) for node, name in nodes.items()}
    return {name: (m["epoch"], m["serial"]) for name, m in answers.items() if m}


def _own(session: Session, held: Holding) -> Holding:
    """A document of another cluster in the place of this one's counts as none."""
    if held.document is None or held.document.cluster_id == session.document.cluster_id:
        return held
    problem = f"the replica on {held.name} is of cluster {held.document.cluster_id}"
    return replace(held, document=None, problem=problem)


def keep_keys(workspace: Workspace, cluster_id: str, new_keys: str) -> None:
    """The hosts that were met are known to the cluster from now on."""
    path = workspace.directory(cluster_id) / "known_hosts"
    if new_keys:
        old = (read_text(path) or "").rstrip()
        write_private(path, f"{old}\n{new_keys}" if old else new_keys)
