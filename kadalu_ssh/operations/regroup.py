"""Which phases it takes for groups to come, to go, and for a rebalance. Pure."""

from collections.abc import Collection, Iterable
from typing import Any

import msgspec

from kadalu_ssh.manifest import brick_service, owner_of, shd_service
from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.records import Document, Group, Volume
from kadalu_ssh.operations.converge_phase import Converge
from kadalu_ssh.operations.group_phases import AwaitClients, MarkRoots, WalkDirectories
from kadalu_ssh.operations.phases import Phase

Params = dict[str, Any]
_CLIENTS_FIRST = 10.0


def with_volume_changed(document: Document, volume: Volume) -> Document:
    """The same document, of the same serial, with that volume: a step between two documents."""
    volumes = tuple(volume if v.id == volume.id else v for v in document.volumes)
    return msgspec.structs.replace(document, volumes=volumes)


def new_groups_of(old: Document, new: Volume) -> tuple[Group, ...]:
    """The groups that the volume did not have before."""
    before = {g.number for v in old.volumes if v.id == new.id for g in v.groups}
    return tuple(group for group in new.groups if group.number not in before)


def as_adding(volume: Volume, groups: Iterable[Group]) -> Volume:
    """Its new groups run, and no client knows them."""
    numbers = {group.number for group in groups}
    return msgspec.structs.replace(
        volume,
        groups=tuple(
            msgspec.structs.replace(g, state="adding") if g.number in numbers else g
            for g in volume.groups
        ),
        regrouped=False,
        rebalance=None,
    )


def units_by_node(volume: Volume, groups: Iterable[Group], extra: Json) -> dict[str, list[Json]]:
    """Host id → units of these groups, as node modules take them."""
    units: dict[str, list[Json]] = {}
    for group in groups:
        for slot in group.slots:
            unit = slot.unit
            units.setdefault(unit.node, []).append(
                {
                    "path": unit.path, "unit_id": unit.id, "volume_id": volume.id,
                    "group": group.number, "position": slot.position, "role": slot.role,
                    "fs_uuid": unit.fs_uuid, "fsid": unit.fsid, **extra,
                }
            )  # fmt: skip
    return units


def bricks_of(groups: Iterable[Group]) -> tuple[str, ...]:
    """Names of the services of their storage units."""
    return tuple(brick_service(slot.unit.id) for group in groups for slot in group.slots)


def joining_clients(
    document: Document, volume: Volume, nodes: tuple[str, ...], between: Document | None = None,
    may_stop: tuple[str, ...] = (),
) -> list[Phase]:  # fmt: skip
    """Every node, then every mount, learns the units that the volume has (in `between`)."""
    mounts = [client for client in document.clients if client.volume == volume.id]
    hosts = tuple(dict.fromkeys(client.host for client in mounts))
    owners = tuple(owner_of(client) for client in mounts)
    phases: list[Phase] = [
        Converge(
            nodes, (owner_of(volume),), name="write volfiles", forward_only=True, tolerant=True,
            between=between, may_stop=may_stop, tombstones=(owner_of(volume),) if may_stop else (),
        )
    ]  # fmt: skip
    more = Converge(
        hosts, owners, name="write volfiles of mounts", forward_only=True, tolerant=True,
        between=between,
    )  # fmt: skip
    return [*phases, more] if mounts else phases


def expand_phases(
    old: Document, new: Document, volume: Volume, params: Params, nodes: tuple[str, ...]
) -> list[Phase]:
    """New units run first; then the directories; then clients learn of them; then the layout."""
    groups = new_groups_of(old, volume)
    adding = as_adding(volume, groups)
    before = with_volume_changed(new, adding)
    joined = with_volume_changed(new, msgspec.structs.replace(volume, rebalance=None))
    fresh = tuple(dict.fromkeys(slot.unit.node for group in groups for slot in group.slots))
    units = tuple(slot.unit.id for group in groups for slot in group.slots)
    walk = WalkDirectories(before, adding, params["walker"], params["walked"])
    learn, *mounts = joining_clients(new, volume, nodes, joined)
    soon = WalkDirectories(
        before, adding, params["walker"], params["walked"], name="make what came meanwhile",
        forward_only=True, tolerant=True,
    )  # fmt: skip
    again = WalkDirectories(
        before, adding, params["walker"], params["walked"], name="look at what came last",
        forward_only=True, tolerant=True, later=_CLIENTS_FIRST,
    )  # fmt: skip
    return [
        Converge(
            fresh, (owner_of(volume),), between=before,
            undo_stop=(*bricks_of(groups), shd_service(volume.id)),
            name="start the new storage units",
        ),
        MarkRoots(_ranges(old, volume, groups)),
        walk,
        learn,
        soon,  # as late as can be: what is made from here on is seen by clients first
        *mounts,
        AwaitClients(volume, units, nodes),
        again,
        *crawl_phases(new, volume, ()),
    ]  # fmt: skip


def _ranges(old: Document, volume: Volume, groups: Collection[Group]) -> dict[str, list[Json]]:
    """A volume of one group has no layout: its root gets one before it has a second."""
    before = [group for group in volume.groups if group not in groups]
    ranges = units_by_node(volume, groups, {"range": "none"})
    if len(before) == 1:
        for node, units in units_by_node(volume, before, {"range": "all"}).items():
            ranges.setdefault(node, []).extend(units)
    return ranges


def crawl_phases(new: Document, volume: Volume, before: Iterable[str]) -> list[Phase]:
    """Start, stop or replace the crawls; `before`: nodes that had some until now."""
    nodes = {slot.unit.id: slot.unit.node for slot in volume.slots}
    now = [nodes[c.unit] for c in volume.rebalance.crawls] if volume.rebalance else []
    hosts = tuple(dict.fromkeys([*before, *now]))
    if not hosts:
        return []
    return [Converge(hosts, (owner_of(volume),), name="crawl", forward_only=True, tolerant=True)]


def crawl_nodes(volume: Volume) -> tuple[str, ...]:
    """Nodes that have a crawl of its last rebalance."""
    nodes = {slot.unit.id: slot.unit.node for slot in volume.slots}
    crawls = volume.rebalance.crawls if volume.rebalance else ()
    return tuple(dict.fromkeys(nodes[c.unit] for c in crawls if c.unit in nodes))


def leave_phases(
    old: Document, new: Document, volume: Volume, nodes: tuple[str, ...]
) -> list[Phase]:
    """Clients put nothing new into a leaving group (or do again); then it is emptied."""
    before = next(v for v in old.volumes if v.id == volume.id)
    between = with_volume_changed(new, msgspec.structs.replace(volume, rebalance=before.rebalance))
    phases = joining_clients(new, volume, nodes, between)
    return [*phases, *crawl_phases(new, volume, crawl_nodes(before))]


def left_phases(
    old: Document, new: Document, volume: Volume, nodes: tuple[str, ...]
) -> list[Phase]:
    """Clients forget groups that are empty now; then their units stop. `nodes`: the old ones."""
    before = next(v for v in old.volumes if v.id == volume.id)
    kept = {group.number for group in volume.groups}
    gone = [group for group in before.groups if group.number not in kept]
    hidden = as_adding(before, gone)
    hidden = msgspec.structs.replace(hidden, regrouped=True)
    services = (*bricks_of(gone), shd_service(volume.id))
    return [
        *joining_clients(new, volume, nodes, with_volume_changed(new, hidden)),
        Converge(
            nodes, (owner_of(volume),), may_stop=services, tombstones=(owner_of(volume),),
            name="stop the units that are left", forward_only=True, tolerant=True,
        ),
    ]  # fmt: skip
