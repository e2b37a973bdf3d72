"""What stands against replacing a storage unit: above all, that it may be the last good copy."""

import asyncio
import time
from collections.abc import Collection

from kadalu_ssh.model.errors import NodeError, Refused
from kadalu_ssh.model.records import Group, Slot, Volume
from kadalu_ssh.operations.connected import connected
from kadalu_ssh.operations.heal import lasting_heals
from kadalu_ssh.operations.rebalance_view import refuse_running
from kadalu_ssh.operations.session import Session
from kadalu_ssh.operations.volume import addresses_of
from kadalu_ssh.operations.volume_state import observe_in

_LINGER = 60.0
"""Seconds until a storage unit gives up a client whose host has lost its power: 38 by default."""


async def refuse_unfit(
    session: Session, volume: Volume, group: Group, slot: Slot, what: str
) -> set[str]:
    """Raise Refused where the volume is in no state for it; returns the ids of units that are up,
    the one that is replaced left out.
    """
    if not volume.heals:
        raise Refused(
            f"{what}: the volume has no copies to make it anew from",
            hint=f"move its files off it: kadalu volume expand {volume.name} UNIT, then "
            f"kadalu volume shrink {volume.name} --group {group.number + 1}",
        )
    if volume.state != "started":
        raise Refused(
            f"{what}: the volume is not started", hint=f"kadalu volume start {volume.name}"
        )
    if any(g.state != "live" for g in volume.groups):
        raise Refused(f"{what}: a group is leaving the volume", hint="finish or cancel that first")
    await refuse_running(session, volume, what)
    state = (await observe_in(session, [volume]))[volume.id]
    await _refuse_hidden(session, volume, slot, what)
    up = {unit for unit, alive in state.up.items() if alive and unit != slot.unit.id}
    _refuse_last(session, volume, group, up, what)
    if state.up.get(slot.unit.id) and (waiting := await lasting_heals(session, volume)) != 0:
        raise Refused(
            f"{what}: {waiting if waiting else 'an unknown number of'} entries wait to be healed, "
            "and it may have the only good copy of some",
            hint=f"wait for them: kadalu heal info {volume.name} --watch",
        )
    return up


def _refuse_last(
    session: Session, volume: Volume, group: Group, up: Collection[str], what: str
) -> None:
    left = [s for s in group.slots if s.unit.id in up and s.role != "arbiter"]
    needed = len(group.slots) - volume.redundancy if volume.kind == "disperse" else 1
    if len(left) < needed:
        down = [s.unit for s in group.slots if s.unit.id not in up]
        names = ", ".join(f"{session.host_name(u.node)}:{u.path}" for u in down)
        raise Refused(
            f"{what}: {len(left)} of its group's other data units are up, and {needed} are needed "
            f"to make it anew; down, or to be replaced: {names}",
            hint=f"bring one back: kadalu volume status {volume.name}",
        )


async def _refuse_hidden(session: Session, volume: Volume, slot: Slot, what: str) -> None:
    """A node that only SSH does not reach goes on healing by its old files: it would take the
    new unit's marks for its own unit's, and clear them.
    """
    node = slot.unit.node
    if node in session.channels:
        return
    known = await addresses_of(session, [session.host_name(node)])
    end = time.monotonic() + _LINGER
    while alive := await _is_connected(session, volume, known):
        if time.monotonic() > end:
            break
        name = session.host_name(node)
        session.ctx.reporter.progress("", f"waiting for the connections of {name} to end")
        await asyncio.sleep(1)
    if alive:
        reason = f"{session.failures[node].reason}; yet it is connected to the volume"
        raise Refused(
            f"{what}: its node runs, and does not answer here",
            nodes=[NodeError(session.host_name(node), reason)],
            hint="mend SSH to it, or switch it off",
        )


async def _is_connected(session: Session, volume: Volume, addresses: Collection[str]) -> bool:
    rows = await connected(session, volume)
    return any(row["host"] in addresses for listed in rows.values() for row in listed)


async def refuse_loss(
    session: Session, volume: Volume, group: Group, slot: Slot, up: Collection[str], what: str
) -> None:
    """Ask, where the unit that is gone may have had what no other has."""
    others = [s for s in group.slots if s.unit.id != slot.unit.id]
    alive = [s for s in others if s.unit.id in up and s.role != "arbiter"]
    if slot.role == "arbiter":
        return
    if volume.kind == "disperse":
        needed = len(group.slots) - volume.redundancy
        # While it is up, refuse_unfit has seen that nothing waits: what is in the indices of a
        # volume in use are writes under way.
        spare = len(alive) > needed or await _is_up(session, slot, volume)
        if not spare and await _waiting(session, volume, up):
            _ask(session, what, "entries wait to be healed, and no unit more than needed is left")
        return
    if len(alive) == 1 and (count := await _blamed(session, others, alive[0], up)):
        text = f"{count} entries of the only other copy are outdated, as another unit knows"
        _ask(session, what, text)
    two = len(group.slots) == 2
    if two and not await _is_up(session, slot, volume):
        _ask(session, what, "with two copies, nobody knows whether the other one has everything")


async def _is_up(session: Session, slot: Slot, volume: Volume) -> bool:
    return bool((await observe_in(session, [volume]))[volume.id].up.get(slot.unit.id))


async def _waiting(session: Session, volume: Volume, up: Collection[str]) -> int:
    units = (await observe_in(session, [volume]))[volume.id].units
    return max((units[unit].get("heal_pending") or 0 for unit in up), default=0)


async def _blamed(
    session: Session, others: Collection[Slot], copy: Slot, up: Collection[str]
) -> int:
    """Entries of which the other units that are up say that `copy` lacks something."""
    params: dict[str, dict[str, list[dict[str, str]]]] = {}
    for slot in others:
        if slot is not copy and slot.unit.id in up:
            row = {"path": slot.unit.path, "name": copy.client_name}
            params.setdefault(slot.unit.node, {"units": []})["units"].append(row)
    good, _ = session.split(await session.call("blames", params))
    return sum(answer["entries"] for answer in good.values())


def _ask(session: Session, what: str, text: str) -> None:
    session.ctx.confirm(
        f"{what.removesuffix(' is not replaced')} may have the last good copy of some files: "
        f"{text}. Replace it, and lose them?"
    )
