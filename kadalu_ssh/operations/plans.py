"""Which phases each operation has. A pure function of the two documents and a few parameters.

A task records the operation's name, the parameters and the new document, so that any controller
can rebuild its phases and settle it.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import msgspec

from kadalu_ssh.manifest import owner_of
from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.records import Client, Document, Volume
from kadalu_ssh.operations.converge_phase import Converge
from kadalu_ssh.operations.host_phases import Claim, Release
from kadalu_ssh.operations.lag import catching_up, given_up, services_of
from kadalu_ssh.operations.phases import Phase
from kadalu_ssh.operations.regroup import (
    crawl_nodes,
    crawl_phases,
    expand_phases,
    joining_clients,
    leave_phases,
    left_phases,
    new_groups_of,
    units_by_node,
    with_volume_changed,
)
from kadalu_ssh.operations.replace_phases import replace_phases
from kadalu_ssh.operations.unit_phases import DropUnits, InitUnits

Params = dict[str, Any]
Builder = Callable[[Document, Document, Params], list[Phase]]


def phases_of(operation: str, old: Document, new: Document, params: Params) -> list[Phase]:
    """The phases of a task, in order; hosts that missed a stop stop first."""
    phases = _BUILDERS[operation](old, new, params)
    own = [o for phase in phases if isinstance(phase, Converge) for o in phase.owners]
    return [*catching_up(old, new, all_hosts(phases), own), *phases]


def _find(document: Document, volume_id: str) -> Volume:
    return next(volume for volume in document.volumes if volume.id == volume_id)


def _find_client(document: Document, client_id: str) -> Client:
    return next(client for client in document.clients if client.id == client_id)


def volume_nodes(volume: Volume) -> tuple[str, ...]:
    """Ids of the nodes that hold its units, each once, in the volume's order."""
    return tuple(dict.fromkeys(slot.unit.node for slot in volume.slots))


def _by_node(volume: Volume, extra: Json) -> dict[str, list[Json]]:
    return units_by_node(volume, volume.groups, extra)


def _nothing(old: Document, new: Document, params: Params) -> list[Phase]:
    return []


def _added_names(old: Document, new: Document) -> dict[str, str]:
    known = {node.id for node in old.nodes}
    return {node.id: node.name for node in new.nodes if node.id not in known}


def _node_add(old: Document, new: Document, params: Params) -> list[Phase]:
    return _joining(_added_names(old, new))


def _joining(names: dict[str, str]) -> list[Phase]:
    """Claim hosts, and make the directories that every node has."""
    return [Claim(names), Converge(tuple(names), (), name="make directories")] if names else []


def _release(old: Document, new: Document, params: Params) -> list[Phase]:
    """A change of its own, after the one that gave the hosts up: what it does is final."""
    return [Release(given_up(old))]


def _volume_create(old: Document, new: Document, params: Params) -> list[Phase]:
    volume = _find(new, params["volume"])
    extra = {"create_parents": params["create_parents"], "adopt": params["adopt"]}
    return [
        *_joining(_added_names(old, new)),
        InitUnits(_by_node(volume, extra)),
        Converge(
            volume_nodes(volume), (owner_of(volume),),
            undo_stop=services_of(volume), fresh=True, name="write volfiles, start services",
        ),
    ]  # fmt: skip


def _volume_expand(old: Document, new: Document, params: Params) -> list[Phase]:
    volume = _find(new, params["volume"])
    made = {"create_parents": params["create_parents"], "adopt": False}
    units = units_by_node(volume, new_groups_of(old, volume), made)
    return [
        *_joining(_added_names(old, new)),
        InitUnits(units),
        *expand_phases(old, new, volume, params, volume_nodes(volume)),
    ]


def _volume_rebalance(old: Document, new: Document, params: Params) -> list[Phase]:
    """Clients that trust names to be where the layout says must stop to, before it changes."""
    before, volume = _find(old, params["volume"]), _find(new, params["volume"])
    phases = crawl_phases(new, volume, crawl_nodes(before))
    if before.regrouped == volume.regrouped:
        return phases
    between = with_volume_changed(new, msgspec.structs.replace(volume, rebalance=before.rebalance))
    return [*joining_clients(new, volume, volume_nodes(volume), between), *phases]


def _volume_leave(old: Document, new: Document, params: Params) -> list[Phase]:
    volume = _find(new, params["volume"])
    return leave_phases(old, new, volume, volume_nodes(volume))


def _volume_left(old: Document, new: Document, params: Params) -> list[Phase]:
    nodes = volume_nodes(_find(old, params["volume"]))
    return left_phases(old, new, _find(new, params["volume"]), nodes)


def _node_rest(old: Document, new: Document, params: Params) -> list[Phase]:
    """A node that is off is told when it is back: it must not serve then."""
    owners, services = _serving_on(new, params["node"])
    return [
        Converge(
            (params["node"],), owners, may_stop=services, name="stop services",
            forward_only=True, tolerant=True,
        )
    ]  # fmt: skip


def _node_wake(old: Document, new: Document, params: Params) -> list[Phase]:
    owners, services = _serving_on(new, params["node"])
    return [Converge((params["node"],), owners, undo_stop=services, name="start services")]


def _serving_on(document: Document, node: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(owners, services) of what a node serves."""
    volumes = [volume for volume in document.volumes if node in volume_nodes(volume)]
    owners = tuple(owner_of(volume) for volume in volumes)
    return owners, tuple(name for volume in volumes for name in services_of(volume))


def _replace_unit(old: Document, new: Document, params: Params) -> list[Phase]:
    volume = _find(new, params["volume"])
    before = volume_nodes(_find(old, params["volume"]))
    nodes = tuple(dict.fromkeys([*volume_nodes(volume), *before]))
    return replace_phases(old, new, volume, params, nodes)


def _volume_start(old: Document, new: Document, params: Params) -> list[Phase]:
    volume = _find(new, params["volume"])
    return [
        Converge(
            volume_nodes(volume), (owner_of(volume),), undo_stop=services_of(volume),
            name="start services", tolerant=True,
        )
    ]  # fmt: skip


def _volume_set(old: Document, new: Document, params: Params) -> list[Phase]:
    """Nodes and mounts get new volfiles, all at once; those of GlusterFS 11 read them then.

    When it is about who may connect, mounts come after: one that had been turned away can only be
    made again then.
    """
    before, volume = _find(old, params["volume"]), _find(new, params["volume"])
    nodes, mine = volume_nodes(volume), (owner_of(volume),)
    mounts = [client for client in new.clients if client.volume == volume.id]
    hosts = tuple(dict.fromkeys(client.host for client in mounts))
    owners = tuple(owner_of(client) for client in mounts)
    write = partial(Converge, fresh=True, tolerant=True)
    if not mounts or not _admits_others(before, volume):
        everyone = tuple(dict.fromkeys((*nodes, *hosts)))
        return [write(everyone, (*mine, *owners), name="write volfiles")]
    return [
        write(nodes, mine, name="write volfiles"),
        write(hosts, owners, name="write volfiles of mounts"),
    ]


def _admits_others(old: Volume, new: Volume) -> bool:
    """Whether options that decide about who may connect are set differently."""
    keys = {*old.options, *new.options}
    changed = [key for key in keys if old.options.get(key) != new.options.get(key)]
    return any(key.startswith(_ADMISSION) for key in changed)


_ADMISSION = ("auth.", "client.ssl", "server.ssl", "ssl.", "server.allow-insecure")


def _volume_stop(old: Document, new: Document, params: Params) -> list[Phase]:
    volume = _find(new, params["volume"])
    return [
        Converge(
            volume_nodes(volume), (owner_of(volume),), may_stop=services_of(volume),
            name="stop services", forward_only=True, tolerant=True,
        )
    ]  # fmt: skip


def _volume_delete(old: Document, new: Document, params: Params) -> list[Phase]:
    volume = _find(old, params["volume"])
    phases: list[Phase] = [
        Converge(
            volume_nodes(volume), (owner_of(volume),), may_stop=services_of(volume),
            tombstones=(owner_of(volume),), name="remove services and volfiles",
            forward_only=True, tolerant=True,
        )
    ]  # fmt: skip
    return [*phases, DropUnits(_by_node(volume, {}))] if params["wipe"] else phases


def _mount(old: Document, new: Document, params: Params) -> list[Phase]:
    client = _find_client(new, params["client"])
    claim = {h.id: h.name for h in new.hosts if h.id == client.host and h not in old.hosts}
    phases: list[Phase] = [Claim(claim, role="client")] if claim else []
    return [*phases, Converge((client.host,), (owner_of(client),), name="mount")]


def _umount(old: Document, new: Document, params: Params) -> list[Phase]:
    client = _find_client(old, params["client"])
    owner = owner_of(client)
    return [
        Converge(
            (client.host,), (owner,), tombstones=(owner,), name="unmount", forward_only=True,
            tolerant=True,
        )
    ]  # fmt: skip


def _cluster_upgrade(old: Document, new: Document, params: Params) -> list[Phase]:
    """New volfiles under running services: these need a restart, which reconcile sees to."""
    owners = tuple(owner_of(volume) for volume in new.volumes)
    nodes = dict.fromkeys(node for volume in new.volumes for node in volume_nodes(volume))
    hosts = [*nodes, *(client.host for client in new.clients)]
    owners += tuple(owner_of(client) for client in new.clients)
    return [Converge(tuple(dict.fromkeys(hosts)), owners, name="write volfiles", tolerant=True)]


_BUILDERS: dict[str, Builder] = {
    "cluster.init": _node_add,
    "cluster.rename": _nothing,
    "cluster.delete": _nothing,
    "cluster.reconcile": _nothing,
    "cluster.release": _release,
    "cluster.upgrade": _cluster_upgrade,
    "meta.change": _nothing,
    "node.add": _node_add,
    "node.update": _nothing,
    "node.rest": _node_rest,
    "node.wake": _node_wake,
    "node.remove": _nothing,
    "volume.create": _volume_create,
    "volume.set": _volume_set,
    "volume.start": _volume_start,
    "volume.stop": _volume_stop,
    "volume.delete": _volume_delete,
    "volume.expand": _volume_expand,
    "volume.leave": _volume_leave,
    "volume.left": _volume_left,
    "volume.rebalance": _volume_rebalance,
    "volume.rename": _nothing,
    "volume.replace-unit": _replace_unit,
    "client.mount": _mount,
    "client.umount": _umount,
}


def all_hosts(phases: Iterable[Phase]) -> tuple[str, ...]:
    """Every host that the phases touch, each once."""
    return tuple(dict.fromkeys(host for phase in phases for host in phase.hosts))
