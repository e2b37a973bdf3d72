"""volume expand: more distribute groups for a volume that is in use."""

from collections.abc import Sequence

import msgspec

from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.errors import Refused
from kadalu_ssh.model.grammar import PlannedSlot, VolumePlan, parse_units, parse_volume
from kadalu_ssh.model.names import KEYWORDS, split_volume
from kadalu_ssh.model.records import Document, Group, Rebalance, Volume
from kadalu_ssh.operations.context import Context, Outcome
from kadalu_ssh.operations.examine import examine, nodes_named, with_missing_nodes
from kadalu_ssh.operations.health import type_name
from kadalu_ssh.operations.new_volume import new_groups, new_unit, ports_for, with_ports
from kadalu_ssh.operations.plans import volume_nodes
from kadalu_ssh.operations.ready import refuse_unready
from kadalu_ssh.operations.rebalance import place
from kadalu_ssh.operations.rebalance_view import refuse_running
from kadalu_ssh.operations.restart import restart_changed
from kadalu_ssh.operations.session import Session
from kadalu_ssh.operations.transaction import Hosts, open_transaction
from kadalu_ssh.operations.unit_checks import Allowed


async def expand(
    ctx: Context, *, volume: str, words: Sequence[str], no_fix_layout: bool = False,
    allow_rootdirs: bool = False, create_parents: bool = False, auto_add_nodes: bool = False,
    same_node: bool = False,
) -> Outcome:  # fmt: skip
    """New units run and have all directories before any client knows them. No file moves."""
    cluster, name = split_volume(volume)
    allowed = Allowed(allow_rootdirs, create_parents)
    async with open_transaction(ctx, cluster, _hosts_of(name, words)) as transaction:
        session = transaction.session
        found = session.volume(name)
        plan = plan_like(found, words)
        what = f"volume {name} is not expanded"
        walker = await _refuse(session, found, what)
        base = await with_missing_nodes(transaction, plan, auto_add_nodes)
        facts = await examine(session, base, plan, allowed, same_node, what)
        new, grown = _document(base, found, plan, facts)
        if not no_fix_layout:
            run = await place(session, found, Rebalance(id="", kind="layout", crawls=()))
            new, grown = _with(new, msgspec.structs.replace(grown, rebalance=run))
        params = {"volume": found.id, "create_parents": create_parents, **walker}
        outcome = await transaction.execute("volume.expand", new, params)
        await restart_changed(transaction, outcome)
    outcome.summary = _summary(found, plan, no_fix_layout)
    outcome.data = {"volume": {"name": name, "id": found.id, "groups": len(grown.groups)}}
    return outcome


def _hosts_of(name: str, words: Sequence[str]) -> Hosts:
    """The volume's nodes, those of the new units, and the hosts that mount it."""

    def hosts(document: Document) -> list[str]:
        found = [v for v in document.volumes if v.name == name]
        mounts = [c.host for c in document.clients for v in found if c.volume == v.id]
        planned = [node for v in found for node in nodes_named(document, plan_like(v, words))]
        return [*(node for v in found for node in volume_nodes(v)), *planned, *mounts]

    return hosts


def plan_like(volume: Volume, words: Sequence[str]) -> VolumePlan:
    """The new groups. TYPE may be left out: then units make groups of the volume's own shape."""
    tokens = [part for word in words for part in word.split(",") if part]
    roles = [slot.role for slot in volume.groups[0].slots]
    if tokens and tokens[0] in KEYWORDS:
        plan = parse_volume(words)
        shape = [slot.role for slot in plan.groups[0]]
        kinds = {"mirror": "replicate"}
        same = kinds.get(plan.kind, plan.kind) == kinds.get(volume.kind, volume.kind)
        if not same or shape != roles:
            raise Refused(
                f"the new groups are not like those of volume {volume.name}: "
                f"{type_name(volume)}, {len(roles)} units each",
                hint="leave the type out, and name the units of the new groups",
            )
        return plan._replace(kind=volume.kind)
    units = parse_units(tokens)
    if len(units) % len(roles):
        raise Refused(
            f"{len(units)} storage units cannot be divided into groups of {len(roles)}",
            hint=f"give a multiple of {len(roles)}",
        )
    slots = [PlannedSlot(u, roles[at % len(roles)]) for at, u in enumerate(units)]
    size = len(roles)
    groups = tuple(tuple(slots[at : at + size]) for at in range(0, len(slots), size))
    return VolumePlan(volume.kind, volume.redundancy, groups)


async def _refuse(session: Session, volume: Volume, what: str) -> Json:
    """Raises Refused while it is not safe; returns who is to walk the directories."""
    _refuse_changing(volume, what)
    await refuse_running(session, volume, what)
    await refuse_unready(session, volume, what)
    first = next(slot.unit for slot in volume.slots if slot.role == "data")
    return {"walker": first.node, "walked": first.path}


def _refuse_changing(volume: Volume, what: str) -> None:
    leaving = [group.number + 1 for group in volume.groups if group.state != "live"]
    if leaving:
        raise Refused(
            f"{what}: group {leaving[0]} is leaving it",
            hint=f"go on with that: kadalu volume shrink {volume.name} --group {leaving[0]}, "
            "or give it up with --cancel",
        )


def _document(
    base: Document, volume: Volume, plan: VolumePlan, facts: dict[str, Json]
) -> tuple[Document, Volume]:
    nodes = {node.name: node for node in base.nodes}
    listening = {host: set(found["listening"]) for host, found in facts.items()}
    ports = ports_for(plan, nodes, listening, base.port_range)
    units = {(u.host, u.path): new_unit(u, nodes, facts, ports) for u in plan.units}
    first = max(group.number for group in volume.groups) + 1
    groups: tuple[Group, ...] = new_groups(
        plan, volume.xlator_name, units, first, volume.next_brick_id
    )
    grown = msgspec.structs.replace(
        volume, groups=(*volume.groups, *groups), regrouped=True, rebalance=None,
        next_brick_id=volume.next_brick_id + len(units),
    )  # fmt: skip
    return _with(with_ports(base, units.values()), grown)


def _with(document: Document, volume: Volume) -> tuple[Document, Volume]:
    volumes = tuple(volume if v.id == volume.id else v for v in document.volumes)
    return msgspec.structs.replace(document, volumes=volumes), volume


def _summary(volume: Volume, plan: VolumePlan, no_fix_layout: bool) -> str:
    count = len(plan.groups)
    words = f"Volume {volume.name} has {count} more group{'s' if count > 1 else ''}. "
    if no_fix_layout:
        return f"{words}To have files put there: kadalu rebalance start {volume.name}"
    return (
        f"{words}New directories use all groups now, the others soon (kadalu rebalance status "
        f"{volume.name}); to move files there as well: kadalu rebalance start {volume.name}"
    )
