"""Restarts that are needed: one storage unit of a group at a time, or not at all.

The only place that restarts what serves data. A unit is restarted while the rest of its group has
write quorum and nothing waits to be healed, and the next one waits until that is so again.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kadalu_ssh.manifest import brick_service, owner_of, shd_service
from kadalu_ssh.model.errors import KadaluError
from kadalu_ssh.model.records import Document, Group, Unit, Volume
from kadalu_ssh.operations.connected import connected
from kadalu_ssh.operations.context import Outcome
from kadalu_ssh.operations.converge_phase import Scope, converge
from kadalu_ssh.operations.heal import launch_heal, pending_heals
from kadalu_ssh.operations.health import write_quorum
from kadalu_ssh.operations.phases import Env, Report
from kadalu_ssh.operations.transaction import Transaction, reconnect_lost
from kadalu_ssh.operations.volume_state import observe_in

_PATIENCE = 300.0
"""Seconds for a restarted unit to be up and healed."""
_BLIND = 40.0
"""Seconds for another unit, which just went away, to come back."""
_PAUSE = 1.0
_UNKNOWN = "whether heals are pending is unknown"


@dataclass(frozen=True)
class _Brick:
    volume: Volume
    group: Group
    unit: Unit

    @property
    def service(self) -> str:
        return brick_service(self.unit.id)


@dataclass(frozen=True)
class Left:
    """A service that goes on with its old files, and why."""

    host: str
    service: str
    reason: str


Needed = Mapping[str, tuple[str, ...]]
"""Host id → services."""


async def restart_services(env: Env, needed: Needed) -> tuple[Report, list[Left]]:
    """Restart what may be; the others are left, with the reason."""
    total, left = await _daemons(env, needed), []
    for brick in _bricks(env.new, needed):
        reason = await _why_not(env, brick)
        if reason is None:
            total.add(await _restart(env, brick.unit.node, owner_of(brick.volume), brick.service))
            reason = await _until_healed(env, brick)
        if reason is not None:
            left.append(Left(brick.unit.node, brick.service, reason))
    return total, [*left, *_others(env.new, needed)]


async def restart_changed(
    transaction: Transaction, outcome: Outcome, no_restart: bool = False
) -> None:
    """After a change: restart what cannot read its files again while it runs, as on GlusterFS 10.

    What is left goes into `outcome`, with the reason.
    """
    session = transaction.session
    if transaction.check or not transaction.restarts:
        return
    if no_restart:
        for host, services in transaction.restarts.items():
            outcome.warnings += [
                f"{session.host_name(host)}: {name} takes it at its next start" for name in services
            ]
        return
    env = Env(session, transaction.document, transaction.document, "reconcile")
    report, left = await restart_services(env, transaction.restarts)
    outcome.changes += report.changes
    outcome.missed([*report.failed, *report.unknown])
    outcome.missed(session.error(one.host, f"{one.service}: {one.reason}") for one in left)


async def until_whole(env: Env, bricks: Needed) -> list[Left]:
    """Wait until these storage units serve, have their clients back, and nothing is to be healed.

    Returns those that were not, after some minutes, and why.
    """
    left: list[Left] = []
    for brick in _bricks(env.new, bricks):
        # A unit that did not come back for one volume is not waited for again for the next.
        known = any(one.reason.startswith(_UNKNOWN) for one in left)
        if reason := await _until_healed(env, brick, blind=0.0 if known else _BLIND):
            left.append(Left(brick.unit.node, brick.service, reason))
    return left


def _bricks(document: Document, needed: Needed) -> Iterator[_Brick]:
    for volume in document.volumes:
        for group in volume.groups:
            for slot in group.slots:
                if brick_service(slot.unit.id) in needed.get(slot.unit.node, ()):
                    yield _Brick(volume, group, slot.unit)


def _others(document: Document, needed: Needed) -> Iterator[Left]:
    """Mounts: a remount takes open files away from whoever has them."""
    known = {shd_service(v.id) for v in document.volumes}
    known |= {brick_service(s.unit.id) for v in document.volumes for s in v.slots}
    for host, services in needed.items():
        for name in services:
            if name not in known:
                yield Left(host, name, "a mount: unmount and mount it again when nobody uses it")


async def _daemons(env: Env, needed: Needed) -> Report:
    """Self-heal daemons serve nobody: all at once."""
    total = Report()
    for volume in env.new.volumes:
        service = shd_service(volume.id)
        for host, services in needed.items():
            if service in services:
                total.add(await _restart(env, host, owner_of(volume), service))
    return total


async def _restart(env: Env, host: str, owner: str, service: str) -> Report:
    env.session.ctx.reporter.progress(env.session.host_name(host), f"restart {service}")
    return await converge(env, env.new, [host], Scope(owners=(owner,), may_restart=(service,)))


async def _why_not(env: Env, brick: _Brick) -> str | None:
    """Why this unit must not go down now; None when it may."""
    volume, group = brick.volume, brick.group
    if not volume.heals:
        return "its files have no other copy: stop and start the volume when nobody needs it"
    up = (await observe_in(env.session, [volume]))[volume.id].up
    others = [s for s in group.slots if s.unit.id != brick.unit.id and up.get(s.unit.id)]
    if len(others) < write_quorum(volume, group):
        return f"{len(others)} of the other units of its group is up: writes would fail"
    return await _until_healed(env, brick)


async def _until_healed(env: Env, brick: _Brick, blind: float = _BLIND) -> str | None:
    """Wait until the unit serves and nothing waits to be healed; why not, at the limit.

    `blind`: seconds for others, who do not say how heals are.
    """
    end = time.monotonic() + _PATIENCE
    until: float | None = None
    while True:
        await reconnect_lost(env.session, [brick.unit.node])
        if brick.unit.node not in env.session.channels:
            return "its node does not answer any more"
        reason = await _unhealed(env, brick)
        now = time.monotonic()
        until = (until or now + blind) if (reason or "").startswith(_UNKNOWN) else None
        if reason is None or now > min(end, until or end):
            return reason
        env.session.ctx.reporter.progress("", f"waiting: {reason}")
        if brick.volume.heals:
            await launch_heal(env.session, brick.volume)
        await asyncio.sleep(_PAUSE)


async def _not_back(env: Env, brick: _Brick) -> list[str]:
    """Hosts that are connected to the other units of the group, and not (again) to this one.

    A client tries every three seconds: before it is back, the next restart would leave it too few.
    """
    clients = await connected(env.session, brick.volume)
    hosts = {unit: {c["host"] for c in found} for unit, found in clients.items()}
    others = [s.unit.id for s in brick.group.slots if s.unit.id != brick.unit.id]
    elsewhere = set().union(*(hosts.get(unit, set()) for unit in others))
    return sorted(elsewhere - hosts.get(brick.unit.id, set()))


async def _unhealed(env: Env, brick: _Brick) -> str | None:
    up = (await observe_in(env.session, [brick.volume]))[brick.volume.id].up
    if not up.get(brick.unit.id):
        return "it is not up"
    if late := await _not_back(env, brick):
        return f"{', '.join(late)} are not connected to it again yet"
    if not brick.volume.heals:
        return None
    try:
        pending = await pending_heals(env.session, brick.volume)
    except KadaluError as error:
        return f"{_UNKNOWN}: {error.message}"
    if pending is None:
        return f"{_UNKNOWN}: a storage unit does not answer"
    return f"{pending} entries wait to be healed" if pending else None
