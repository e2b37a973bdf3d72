"""rebalance start | stop: crawls that run as services on the nodes, one for each group."""

import asyncio
import time
import uuid
from collections.abc import Iterable

import msgspec

from kadalu_ssh.model.errors import NodeError, Refused
from kadalu_ssh.model.names import split_volume
from kadalu_ssh.model.records import ClientHost, Crawl, Document, Group, Node, Rebalance, Volume
from kadalu_ssh.operations.connected import connected, late
from kadalu_ssh.operations.context import Context, Outcome
from kadalu_ssh.operations.plans import volume_nodes
from kadalu_ssh.operations.rebalance_view import crawl_rows, refuse_running
from kadalu_ssh.operations.session import Session
from kadalu_ssh.operations.transaction import Hosts, Transaction, open_transaction
from kadalu_ssh.operations.volume import with_changed
from kadalu_ssh.operations.volume_state import observe_in
from kadalu_ssh.state.journal import utc_now

_MOMENT = 20.0
"""Seconds for a client to connect again: it tries every three."""
_LOOK_SECONDS = 0.5
_LOSES_DATA = "11.0"
"""GlusterFS 11.0's rebalance loses data (its issue 4148); 11.1 does not."""


async def start(
    ctx: Context, *, volume: str, fix_layout: bool = False, force: bool = False,
    throttle: str = "normal",
) -> Outcome:  # fmt: skip
    """Fix the layout, then move every file to where it belongs; returns while that goes on.

    Of a run that goes on but for groups whose node is off, only these begin anew, elsewhere.
    """
    cluster, name = split_volume(volume)
    async with open_transaction(ctx, cluster, hosts_and_mounts(name)) as transaction:
        session = transaction.session
        found = session.volume(name)
        what = f"volume {name} is not rebalanced"
        _refuse(transaction.document, found, what)
        wanted = Rebalance(
            id="", kind="layout" if fix_layout else "migrate", crawls=(), force=force,
            throttle=throttle,  # type: ignore[arg-type]  # argparse offers no other
        )  # fmt: skip
        if lost := () if fix_layout else await _lost(session, found):
            return await _take_over(transaction, found, lost, wanted)
        await refuse_running(session, found, what)
        await _refuse_blind(session, found, what)
        run = await place(session, found, wanted)
        changed = msgspec.structs.replace(found, rebalance=run, regrouped=True)
        new = with_changed(transaction.document, changed)
        outcome = await transaction.execute("volume.rebalance", new, {"volume": found.id})
    outcome.summary = (
        f"The rebalance of volume {name} runs on its nodes now: kadalu rebalance status {name}"
    )
    outcome.data = {"volume": {"name": name, "id": found.id}, "run": run.id}
    return outcome


async def _refuse_blind(session: Session, volume: Volume, what: str) -> None:
    """Raise Refused where a client does not know all groups: what is moved there is gone for it,
    and what it writes anew under such a name is lost.
    """
    end = time.monotonic() + _MOMENT
    while blind := await _blind(session, volume):
        if time.monotonic() > end:
            why = f"has it mounted, and does not know all groups of {volume.name}"
            raise Refused(
                what,
                nodes=[NodeError(host, why) for host in blind],
                hint="unmount it there, and mount it again: kadalu client list",
            )
        await asyncio.sleep(_LOOK_SECONDS)


async def _blind(session: Session, volume: Volume) -> list[str]:
    found = await connected(session, volume)
    return late(found, list(found), list(found))


async def _lost(session: Session, volume: Volume) -> tuple[Group, ...]:
    """Groups whose crawl's node is off, while others of the same run go on."""
    if volume.rebalance is None or volume.rebalance.kind != "migrate":
        return ()
    rows = await crawl_rows(session, volume)
    if not any(row["state"] == "running" for row in rows):
        return ()
    stale = {row["group"] - 1 for row in rows if row["state"] == "stale"}
    return tuple(group for group in volume.groups if group.number in stale)


async def _take_over(
    transaction: Transaction, volume: Volume, lost: tuple[Group, ...], wanted: Rebalance
) -> Outcome:
    """Another unit of each of these groups does its part of the run; the others go on."""
    session, run = transaction.session, volume.rebalance or wanted
    placed = {crawl.group: crawl for crawl in (await place(session, volume, run, lost)).crawls}
    # In the same order: the first one fixes the layout.
    crawls = tuple(placed.get(crawl.group, crawl) for crawl in run.crawls)
    changed = msgspec.structs.replace(volume, rebalance=msgspec.structs.replace(run, crawls=crawls))
    new = with_changed(transaction.document, changed)
    outcome = await transaction.execute("volume.rebalance", new, {"volume": volume.id})
    outcome.summary = _taken_over(session, volume, placed.values())
    outcome.data = {"volume": {"name": volume.name, "id": volume.id}, "run": run.id}
    if wanted.force > run.force or wanted.throttle not in ("normal", run.throttle):
        outcome.warnings.append("--force and --throttle are as they were when it was started")
    return outcome


def _taken_over(session: Session, volume: Volume, crawls: Iterable[Crawl]) -> str:
    nodes = {slot.unit.id: session.host_name(slot.unit.node) for slot in volume.slots}
    words = ", ".join(f"group {c.group + 1} on {nodes[c.unit]}" for c in crawls)
    return (
        f"The rebalance of volume {volume.name} begins anew in {words}; in the other groups it "
        f"goes on: kadalu rebalance status {volume.name}"
    )


def hosts_and_mounts(name: str) -> Hosts:
    """The volume's nodes and the hosts that mount it."""

    def hosts(document: Document) -> list[str]:
        found = [v for v in document.volumes if v.name == name]
        mounts = [c.host for c in document.clients for v in found if c.volume == v.id]
        return [*(node for v in found for node in volume_nodes(v)), *mounts]

    return hosts


def _refuse(document: Document, volume: Volume, what: str) -> None:
    if volume.state != "started":
        raise Refused(
            f"{what}: it is not started", hint=f"start it: kadalu volume start {volume.name}"
        )
    if len(volume.groups) < 2:
        raise Refused(
            f"{what}: it has one distribute group only, so there is nowhere to move files to",
            hint=f"give it more: kadalu volume expand {volume.name} UNIT...",
        )
    leaving = [group.number + 1 for group in volume.groups if group.state == "leaving"]
    if leaving:
        raise Refused(
            f"{what}: group {leaving[0]} is leaving it",
            hint=f"go on with that: kadalu volume shrink {volume.name} --group {leaving[0]}",
        )
    refuse_release(document, volume, what)


def refuse_release(document: Document, volume: Volume, what: str) -> None:
    """Raise Refused where a host of the volume has a release that loses data."""
    mine = {slot.unit.node for slot in volume.slots}
    mine |= {c.host for c in document.clients if c.volume == volume.id}
    hosts: tuple[Node | ClientHost, ...] = (*document.nodes, *document.hosts)
    bad = [h.name for h in hosts if h.id in mine and h.capabilities.glusterfs == _LOSES_DATA]
    if bad:
        why = "has GlusterFS 11.0, which loses data in a rebalance: upgrade it"
        raise Refused(what, nodes=[NodeError(name, why) for name in bad])


async def place(
    session: Session, volume: Volume, run: Rebalance, groups: tuple[Group, ...] | None = None
) -> Rebalance:
    """A new run, with a crawl beside the first data unit that is up of each group.

    Raises Refused for a group that has none. `groups`: not all of them.
    """
    await session.connect(volume_nodes(volume))
    up = (await observe_in(session, [volume]))[volume.id].up
    crawls = []
    chosen = groups or volume.groups
    # One walk is enough for the layout; a plain volume's or a group's names are everywhere.
    for group in chosen[:1] if run.kind == "layout" else chosen:
        units = [s.unit for s in group.slots if s.role != "arbiter" and up.get(s.unit.id)]
        if not units:
            raise Refused(
                f"no storage unit of group {group.number + 1} of volume {volume.name} is up",
                hint=f"why: kadalu volume status {volume.name}",
            )
        crawls.append(Crawl(group=group.number, unit=units[0].id))
    return msgspec.structs.replace(
        run, id=str(uuid.uuid4()), crawls=tuple(crawls), state="running", began=utc_now()
    )


async def stop(ctx: Context, *, volume: str) -> Outcome:
    """Stop the crawls. What was moved stays where it is now; `start` begins a new run."""
    cluster, name = split_volume(volume)
    async with open_transaction(ctx, cluster, hosts_and_mounts(name)) as transaction:
        found = transaction.session.volume(name)
        run = found.rebalance
        if run is None or run.state == "stopped":
            raise Refused(
                f"no rebalance of volume {name} is running",
                hint=f"what the last one came to: kadalu rebalance status {name}",
            )
        ctx.confirm(f"Stop the rebalance of volume {name}? Files that were moved stay moved.")
        stopped = msgspec.structs.replace(run, state="stopped")
        changed = msgspec.structs.replace(found, rebalance=stopped)
        new = with_changed(transaction.document, changed)
        outcome = await transaction.execute("volume.rebalance", new, {"volume": found.id})
    outcome.summary = f"The rebalance of volume {name} was stopped."
    outcome.data = {"volume": {"name": name, "id": found.id}, "run": run.id}
    return outcome
