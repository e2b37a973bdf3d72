"""volume replace-unit: another disk or node takes the place of one in a group."""

import dataclasses
from collections.abc import Collection

import msgspec

from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.errors import Refused
from kadalu_ssh.model.grammar import PlannedSlot, UnitSpec, VolumePlan, parse_unit
from kadalu_ssh.model.names import split_volume
from kadalu_ssh.model.records import Document, Group, Node, Rebalance, Slot, Tombstone, Unit, Volume
from kadalu_ssh.operations.context import Context, Outcome
from kadalu_ssh.operations.examine import examine
from kadalu_ssh.operations.new_volume import new_unit, ports_for, with_ports
from kadalu_ssh.operations.plans import volume_nodes
from kadalu_ssh.operations.probe import facts_params
from kadalu_ssh.operations.replace_checks import refuse_loss, refuse_unfit
from kadalu_ssh.operations.replace_wait import begin_heal, until_filled
from kadalu_ssh.operations.restart import restart_changed
from kadalu_ssh.operations.session import Session
from kadalu_ssh.operations.transaction import Hosts, open_transaction
from kadalu_ssh.operations.unit_checks import Allowed
from kadalu_ssh.state.document import successor


@dataclasses.dataclass(frozen=True)
class _Change:
    """What is to take whose place."""

    volume: Volume
    group: Group
    slot: Slot
    old: UnitSpec
    new: UnitSpec

    @property
    def same_place(self) -> bool:
        return (self.old.host, self.old.path) == (self.new.host, self.new.path)

    @property
    def what(self) -> str:
        return f"{self.old} of volume {self.volume.name} is not replaced"


async def replace_unit(
    ctx: Context, *, volume: str, old: str, new: str, allow_rootdirs: bool = False,
    create_parents: bool = False, same_node: bool = False, wait: bool = False,
) -> Outcome:  # fmt: skip
    """The new unit is healed from the others of its group while the volume is in use."""
    cluster, name = split_volume(volume)
    was, wanted = parse_unit(old), parse_unit(new)
    allowed = Allowed(allow_rootdirs, create_parents)
    async with open_transaction(ctx, cluster, _hosts_of(name, wanted.host)) as transaction:
        session = transaction.session
        change = _change(session, name, was, wanted)
        up = await refuse_unfit(session, change.volume, change.group, change.slot, change.what)
        _refuse_neighbour(session, change, same_node)
        await refuse_loss(session, change.volume, change.group, change.slot, up, change.what)
        document, unit = await _document(session, change, allowed)
        params = {
            "volume": change.volume.id, "unit": unit.id, "old_unit": change.slot.unit.id,
            "create_parents": create_parents, "reached": len(up) + 1,
            "old_node": change.slot.unit.node, "root": await _root(session, change, up),
        }  # fmt: skip
        outcome = await transaction.execute("volume.replace-unit", document, params)
        await restart_changed(transaction, outcome)
        if not transaction.check:
            await begin_heal(transaction.session, change.volume)
    if wait and not ctx.settings.dry_run:
        missing = await until_filled(ctx, cluster, name, unit)
        outcome.missed(missing)
        wait = not missing
    outcome.summary = _summary(change, wait)
    outcome.data = {"volume": {"name": name, "id": change.volume.id}, "unit": unit.id}
    return outcome


def _hosts_of(name: str, host: str) -> Hosts:
    def hosts(document: Document) -> list[str]:
        found = [v for v in document.volumes if v.name == name]
        mounts = [c.host for c in document.clients for v in found if c.volume == v.id]
        more = [node.id for node in document.nodes if node.name == host]
        return [*(node for v in found for node in volume_nodes(v)), *more, *mounts]

    return hosts


def _change(session: Session, name: str, old: UnitSpec, new: UnitSpec) -> _Change:
    volume = session.volume(name)
    places: dict[tuple[str, str], tuple[Group, Slot]] = {
        (session.host_name(slot.unit.node), slot.unit.path): (group, slot)
        for group in volume.groups
        for slot in group.slots
    }
    if (old.host, old.path) not in places:
        known = ", ".join(f"{host}:{path}" for host, path in places)
        raise Refused(f"{old} is no storage unit of volume {name}", hint=f"its units: {known}")
    group, slot = places[old.host, old.path]
    change = _Change(volume, group, slot, old, new)
    session.need([session.node(new.host).id], change.what)
    return change


def _refuse_neighbour(session: Session, change: _Change, same_node: bool) -> None:
    others = [s for s in change.group.slots if s.unit.id != change.slot.unit.id]
    if any(session.host_name(s.unit.node) == change.new.host for s in others) and not same_node:
        raise Refused(
            f"{change.what}: {change.new.host} has another unit of group "
            f"{change.group.number + 1} already",
            hint="another node, or --same-node",
        )


async def _document(session: Session, change: _Change, allowed: Allowed) -> tuple[Document, Unit]:
    """The next document, in which the slot has a new unit; checked as for `volume create`."""
    await _refuse_old_data(session, change)
    base = successor(session.document)
    plan = VolumePlan(change.volume.kind, 0, ((PlannedSlot(change.new, change.slot.role),),))
    facts = await examine(session, _vacated(base, change), plan, allowed, False, change.what)
    nodes = {node.name: node for node in base.nodes}
    place = (change.new.host, change.new.path)
    ports = (
        {place: change.slot.unit.port} if change.same_place else _port(change, nodes, facts, base)
    )
    unit = new_unit(change.new, nodes, facts, ports)
    slot = msgspec.structs.replace(change.slot, unit=unit)
    new = _with_slot(base, change.volume, change.group, slot)
    tomb = Tombstone(
        owner=f"volume:{change.volume.id}", host=change.slot.unit.node,
        unit=change.slot.unit.id, path=None if change.same_place else change.slot.unit.path,
        port=change.slot.unit.port, volume=change.volume.id,
    )  # fmt: skip
    new = new if change.same_place else with_ports(new, [unit])
    return msgspec.structs.replace(new, tombstones=(*new.tombstones, tomb)), unit


async def _root(session: Session, change: _Change, up: Collection[str]) -> Json:
    """Mode and owner of the volume's root, from another unit of the group."""
    unit = next(s.unit for s in change.group.slots if s.unit.id in up)
    good, bad = session.split(await session.call("roots", {unit.node: {"path": unit.path}}))
    if bad:
        raise Refused(change.what, nodes=bad)
    return good[unit.node]


def _vacated(base: Document, change: _Change) -> Document:
    """For the checks: at the same place, the old unit is not in the way."""
    if not change.same_place:
        return base
    group = msgspec.structs.replace(
        change.group, slots=tuple(s for s in change.group.slots if s is not change.slot)
    )
    groups = tuple(group if g.number == group.number else g for g in change.volume.groups)
    volume = msgspec.structs.replace(change.volume, groups=groups)
    volumes = tuple(volume if v.id == volume.id else v for v in base.volumes)
    return msgspec.structs.replace(base, volumes=volumes)


def _port(
    change: _Change, nodes: dict[str, Node], facts: dict[str, Json], base: Document
) -> dict[tuple[str, str], int]:
    """A client takes no notice when only the port of a unit changes: a unit at the same place has
    to keep its own. Any other gets one that its node never gave before.
    """
    plan = VolumePlan(change.volume.kind, 0, ((PlannedSlot(change.new, change.slot.role),),))
    listening = {host: set(found["listening"]) for host, found in facts.items()}
    return ports_for(plan, nodes, listening, base.port_range)


async def _refuse_old_data(session: Session, change: _Change) -> None:
    """At the same place, what the old unit has left must be gone: it is not ours to remove."""
    if not change.same_place:
        return
    node = change.slot.unit.node
    params = facts_params(session.document.cluster_id, paths=[change.new.path])
    good, bad = session.split(await session.call("facts", {node: params}))
    if bad:
        raise Refused(change.what, nodes=bad)
    if good[node]["paths"][change.new.path]["volume_id"] == change.volume.id:
        raise Refused(
            f"{change.what}: {change.new.path} still has the marks and the data of the old unit",
            hint="when its disk was changed, mount the new one there; when its data is to be made "
            "anew, stop its service and remove the directory; or name another path",
        )


def _with_slot(document: Document, volume: Volume, group: Group, slot: Slot) -> Document:
    """The document with that slot in its group, instead of the one with the same brick id."""
    slots = tuple(slot if old.brick_id == slot.brick_id else old for old in group.slots)
    changed = msgspec.structs.replace(group, slots=slots)
    groups = tuple(changed if g.number == group.number else g for g in volume.groups)
    run = _kept_run(volume, group, slot)
    grown = msgspec.structs.replace(volume, groups=groups, rebalance=run)
    volumes = tuple(grown if v.id == volume.id else v for v in document.volumes)
    return msgspec.structs.replace(document, volumes=volumes)


def _kept_run(volume: Volume, group: Group, slot: Slot) -> Rebalance | None:
    """A rebalance that went through the unit that is gone is forgotten: it is over anyway."""
    old = next(s.unit.id for s in group.slots if s.brick_id == slot.brick_id)
    run = volume.rebalance
    return None if run and any(crawl.unit == old for crawl in run.crawls) else run


# --- afterwards ---


def _summary(change: _Change, wait: bool) -> str:
    made = "was made anew" if change.same_place else f"takes the place of {change.old}"
    healed = (
        "It is healed."
        if wait
        else f"It is healed from the others now: kadalu heal info {change.volume.name} --watch"
    )
    return f"{change.new} {made} in volume {change.volume.name}. {healed}"
