"""A new storage unit is healed, and with --wait until it has what the others of its group have."""

import asyncio
from contextlib import suppress

from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.errors import KadaluError, NodeError
from kadalu_ssh.model.records import Group, Unit, Volume
from kadalu_ssh.operations.context import Context
from kadalu_ssh.operations.heal import launch_heal, pending_heals
from kadalu_ssh.operations.patience import Patience
from kadalu_ssh.operations.plans import volume_nodes
from kadalu_ssh.operations.session import Session, open_session

_LOOK_SECONDS = 2.0
_TELLS = 3


async def begin_heal(session: Session, volume: Volume) -> None:
    """Begin at once. What cannot be told now, the daemons find within ten minutes.

    A daemon's crawl ends when it heals nothing, as the first ones do that meet a unit to which not
    everybody is connected yet: they are told some times.
    """
    for _ in range(_TELLS):
        await launch_heal(session, volume, _crawl_of(volume))
        await asyncio.sleep(_LOOK_SECONDS)
        with suppress(KadaluError):
            if volume.kind != "disperse" and await pending_heals(session, volume) == 0:
                return


def _crawl_of(volume: Volume) -> str:
    """Disperse has no marks: its new unit is found by going through everything."""
    return "full" if volume.kind == "disperse" else "start"


async def until_filled(ctx: Context, cluster: str | None, name: str, unit: Unit) -> list[NodeError]:
    """Wait until nothing waits to be healed, and the new unit has as many files as another.

    Returns its node, and why, when that does not answer for a while.
    """
    async with open_session(ctx, cluster) as session:
        volume, patience = session.volume(name), Patience()
        group = next(g for g in volume.groups if any(s.unit.id == unit.id for s in g.slots))
        while True:
            await session.reconnect(volume_nodes(volume))
            if patience.is_over(unit.node in session.failures):
                return [_left(session, volume, unit)]
            reason = await _unhealed(session, volume, group, unit)
            if reason is None:
                return []
            ctx.reporter.progress("", reason)
            await launch_heal(session, volume, _crawl_of(volume))
            await asyncio.sleep(_LOOK_SECONDS)


def _left(session: Session, volume: Volume, unit: Unit) -> NodeError:
    name, why = session.failures[unit.node]
    text = f"{why}; it is healed when it is back: kadalu heal info {volume.name} --watch"
    return NodeError(name, text)


async def _unhealed(session: Session, volume: Volume, group: Group, unit: Unit) -> str | None:
    """What there is to wait for; None when all is there."""
    try:
        waiting = await pending_heals(session, volume)
    except KadaluError as error:
        return f"healing: {error.message}"
    if waiting:
        return f"healing: {waiting} entries wait"
    counts = await _files(session, group)
    if unit.id not in counts:
        return f"healing: {session.host_name(unit.node)} does not answer"
    most = max(counts.values())
    have = counts[unit.id]
    return f"healing: {have} of {most} files are there" if have < most else None


async def _files(session: Session, group: Group) -> dict[str, int]:
    """Unit id → files in it, of the units that answer."""
    params: dict[str, Json] = {}
    for slot in group.slots:
        params.setdefault(slot.unit.node, {"units": []})["units"].append(slot.unit.path)
    good, _ = session.split(await session.call("leftovers", params, limit=3600))
    return {
        slot.unit.id: good[slot.unit.node]["units"][slot.unit.path]["files"]
        for slot in group.slots
        if slot.unit.node in good
    }
