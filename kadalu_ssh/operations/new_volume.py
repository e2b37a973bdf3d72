"""A plan and the facts → the records of a new volume. Pure."""

import itertools
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

import msgspec

from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.errors import NodeError, Refused
from kadalu_ssh.model.grammar import PlannedSlot, UnitSpec, VolumePlan
from kadalu_ssh.model.names import shown
from kadalu_ssh.model.records import Document, Group, Node, Slot, Unit, Volume
from kadalu_ssh.operations.unit_checks import Allowed
from kadalu_ssh.volgen import default_options
from kadalu_ssh.volgen.values import why_not

Place = tuple[str, str]
"""(host name, path)."""


def units_in_use(document: Document, plan: VolumePlan) -> Iterator[NodeError]:
    """Planned paths that are, contain, or lie inside a unit of the cluster, or wait to be freed."""
    names = {node.id: node.name for node in document.nodes}
    taken = [
        (names.get(slot.unit.node, ""), slot.unit.path, f"volume {volume.name}")
        for volume in document.volumes
        for slot in volume.slots
    ]
    taken += [
        (
            names.get(t.host, ""),
            t.path,
            "something given up, which this node has not confirmed",
        )
        for t in document.tombstones
        if t.path
    ]
    for unit in plan.units:
        for host, path, what in taken:
            if host == unit.host and _overlap(path, unit.path):
                verb = "is already" if path == unit.path else f"overlaps {path},"
                yield NodeError(host, f"{unit.path}: {verb} a storage unit of {what}")


def _overlap(one: str, other: str) -> bool:
    return one == other or one.startswith(other + "/") or other.startswith(one + "/")


def copies_on_one_node(plan: VolumePlan, same_node: bool) -> Iterator[NodeError]:
    """Nodes that would hold two units of one group: losing the node would lose both."""
    if same_node or plan.kind == "distribute":
        return
    for number, group in enumerate(plan.groups, 1):
        for host, count in Counter(slot.unit.host for slot in group).items():
            if count > 1:
                yield NodeError(
                    host,
                    f"would hold {count} units of group {number} (--same-node permits it)",
                )


def option_pairs(options: Sequence[str]) -> dict[str, str]:
    """`--option K=V` → pairs; raises Refused with all that is wrong with them."""
    pairs: dict[str, str] = {}
    wrong = []
    for text in options:
        key, equals, value = text.partition("=")
        reason = why_not(key, value) if equals else "write it as KEY=VALUE"
        if reason:
            wrong.append(NodeError(shown(key), reason))
        pairs[key] = value
    if wrong:
        raise Refused("these options cannot be set; nothing was changed", nodes=wrong)
    return pairs


def ports_for(
    plan: VolumePlan, nodes: Mapping[str, Node], listening: Mapping[str, Set[int]],
    port_range: tuple[int, int],
) -> dict[Place, int]:  # fmt: skip
    """A port for every unit: one that no unit of its node ever had, and that nothing listens on."""
    used = {host: {*nodes[host].ports_given, *listening[host]} for host in listening}
    ports: dict[Place, int] = {}
    for unit in sorted(plan.units, key=lambda unit: unit.port is None):
        port = unit.port or _free(unit, used[unit.host], port_range)
        if unit.port in used[unit.host]:
            raise Refused(f"port {unit.port} is in use", nodes=[NodeError(unit.host, str(unit))])
        used[unit.host].add(port)
        ports[unit.host, unit.path] = port
    return ports


def _free(unit: UnitSpec, used: Set[int], port_range: tuple[int, int]) -> int:
    low, high = port_range
    for port in range(low, high + 1):
        if port not in used:
            return port
    raise Refused(f"no port from {low} to {high} is left", nodes=[NodeError(unit.host, str(unit))])


def same_units_again(
    plan: VolumePlan, records: Mapping[Place, Json | None], allowed: Allowed
) -> None:
    """`--volume-id`: every unit's own record must say that it had this place in the volume."""
    wrong = []
    for number, group in enumerate(plan.groups):
        for position, slot in enumerate(group):
            record = records[slot.unit.host, slot.unit.path]
            reason = _misplaced(record, number, position, slot, allowed)
            if reason:
                wrong.append(NodeError(slot.unit.host, f"{slot.unit.path}: {reason}"))
    if wrong:
        raise Refused(
            "these units cannot serve in these places", nodes=wrong,
            hint="name the units in the order in which the volume had them",
        )  # fmt: skip


def _misplaced(
    record: Json | None, number: int, position: int, slot: PlannedSlot, allowed: Allowed
) -> str | None:
    if record is None:
        return None if allowed.assume_order else "has no record of its place (--assume-order)"
    if (record.get("group"), record.get("position")) != (number, position):
        return f"was unit {record.get('position')} of group {record.get('group')}"
    if record.get("role", slot.role) != slot.role:
        return f"was a {record['role']} unit"
    return None


def new_volume(
    document: Document, plan: VolumePlan, name: str, nodes: Mapping[str, Node],
    facts: Mapping[str, Json], ports: Mapping[Place, int], volume_id: str | None,
    chosen: Mapping[str, str], start: bool,
) -> Volume:  # fmt: skip
    """The records; brick ids count from 0, in the order in which the user named the units."""
    xlator_name = document.retired.get(volume_id or "") or _xlator_name(document, name)
    units = {(u.host, u.path): new_unit(u, nodes, facts, ports) for u in plan.units}
    groups = new_groups(plan, xlator_name, units)
    return Volume(
        id=volume_id or str(uuid.uuid4()), name=name, xlator_name=xlator_name, kind=plan.kind,
        redundancy=plan.redundancy, groups=groups, next_brick_id=len(units),
        username=str(uuid.uuid4()), password=str(uuid.uuid4()),
        state="started" if start else "created", options={**default_options(plan.kind), **chosen},
    )  # fmt: skip


def new_groups(
    plan: VolumePlan, xlator_name: str, units: Mapping[Place, Unit], first: int = 0, brick: int = 0
) -> tuple[Group, ...]:
    """The groups of a plan; their numbers count from `first`, their brick ids from `brick`."""
    ids = itertools.count(brick)
    return tuple(
        Group(
            number=number,
            slots=tuple(
                Slot(
                    position=position, brick_id=brick_id, role=slot.role,
                    unit=units[slot.unit.host, slot.unit.path],
                    client_name=f"{xlator_name}-client-{brick_id}",
                )
                for position, (slot, brick_id) in enumerate(zip(planned, ids, strict=False))
            ),
        )
        for number, planned in enumerate(plan.groups, first)
    )  # fmt: skip


def new_unit(
    spec: UnitSpec, nodes: Mapping[str, Node], facts: Mapping[str, Json], ports: Mapping[Place, int]
) -> Unit:
    """The record of a unit that is to be made; `nodes` and `facts` by host name."""
    found = facts[spec.host]["paths"][spec.path]
    return Unit(
        id=str(uuid.uuid4()), node=nodes[spec.host].id, path=spec.path,
        port=ports[spec.host, spec.path], fs_uuid=found["fs_uuid"] or "", fsid=str(found["fsid"]),
        size=found.get("size_bytes") or 0, inodes=found.get("inodes") or 0,
    )  # fmt: skip


def _xlator_name(document: Document, name: str) -> str:
    """Names on disk are for ever: a name that was used before gets a suffix."""
    taken = set(document.xlator_names)
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    return candidate


def with_volume(document: Document, volume: Volume) -> Document:
    """The document with the volume in it, and with its ports given for ever."""
    return msgspec.structs.replace(
        with_ports(document, (slot.unit for slot in volume.slots)),
        volumes=(*document.volumes, volume),
        xlator_names=tuple(sorted({*document.xlator_names, volume.xlator_name})),
    )


def with_ports(document: Document, units: Iterable[Unit]) -> Document:
    """The document with the ports of new units given for ever."""
    given: dict[str, list[int]] = {}
    for unit in units:
        given.setdefault(unit.node, []).append(unit.port)
    nodes = tuple(
        msgspec.structs.replace(node, ports_given=(*node.ports_given, *given.get(node.id, ())))
        for node in document.nodes
    )
    return msgspec.structs.replace(document, nodes=nodes)
