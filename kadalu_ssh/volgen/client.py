"""Graphs that face storage units over the network: client, self-heal daemon, rebalance."""

from collections.abc import Iterator, Mapping

from kadalu_ssh.model.records import Group, Node, Slot, Volume
from kadalu_ssh.volgen.graph import Xlator, stack
from kadalu_ssh.volgen.options import apply, is_on, performance_rows, value_of

_HEAL = {
    "cluster.background-self-heal-count": "0",
    "cluster.metadata-self-heal": "on",
    "cluster.data-self-heal": "on",
    "cluster.entry-self-heal": "on",
}
"""A self-heal daemon without these crawls and heals nothing, silently."""

Nodes = Mapping[str, Node]


def client_graph(volume: Volume, nodes: Nodes, release: int, *, trusted: bool) -> list[Xlator]:
    """What a mount runs. `trusted`: with the credentials that pass a restricted auth.allow."""
    graph = _network(volume, nodes, trusted)
    if release < 11:
        for xlator in graph:
            xlator.options["send-gids"] = "true"
    graph += _distribute(volume, _clusters(volume))
    _features(graph, volume)
    _performance(graph, volume)
    stack(graph, apply(_io_stats(volume), volume.options))
    return graph


def shd_graph(volume: Volume, nodes: Nodes) -> list[Xlator]:
    """What a self-heal daemon runs: every group under one io-stats."""
    graph = _network(volume, nodes, trusted=True)
    clusters = [_healing(volume, xlator) for xlator in _clusters(volume, _HEAL)]
    top = _io_stats(volume)
    top.children = tuple(xlator.name for xlator in clusters)
    return [*graph, *clusters, top]


def rebalance_graph(volume: Volume, nodes: Nodes) -> list[Xlator]:
    """What a rebalance process runs: no performance xlators, no features."""
    graph = _network(volume, nodes, trusted=True) + _distribute(volume, _clusters(volume))
    stack(graph, apply(_io_stats(volume), volume.options))
    return graph


def _groups(volume: Volume) -> Iterator[Group]:
    """Groups that clients know: one that is being added is not among them yet."""
    return (group for group in volume.groups if group.state != "adding")


def _network(volume: Volume, nodes: Nodes, trusted: bool) -> list[Xlator]:
    return [
        _client(volume, slot, nodes[slot.unit.node], trusted)
        for group in _groups(volume)
        for slot in group.slots
    ]


def _client(volume: Volume, slot: Slot, node: Node, trusted: bool) -> Xlator:
    options = {
        "ping-timeout": "42",
        "remote-host": node.address,
        "remote-subvolume": slot.unit.path,
        # Without it a client asks glusterd's port mapper.
        "remote-port": str(slot.unit.port),
        "transport-type": "tcp",
        "transport.address-family": value_of(volume.options, "transport.address-family"),
    }
    if trusted:
        options |= {"username": volume.username, "password": volume.password}
    return apply(Xlator(slot.client_name, "protocol/client", options), volume.options)


def _clusters(volume: Volume, extra: Mapping[str, str] = {}) -> list[Xlator]:
    """One replicate or disperse xlator per group; none for a plain distribute volume."""
    if volume.kind == "distribute":
        return []
    options = {**volume.options, **extra}
    return [apply(_cluster(volume, group), options) for group in _groups(volume)]


def _cluster(volume: Volume, group: Group) -> Xlator:
    children = tuple(slot.client_name for slot in group.slots)
    if volume.kind == "disperse":
        name = f"{volume.xlator_name}-disperse-{group.number}"
        return Xlator(name, "cluster/disperse", {"redundancy": str(volume.redundancy)}, children)
    options = {"afr-pending-xattr": ",".join(children), "volume-id": volume.id}
    if volume.kind == "arbiter":
        options["arbiter-count"] = "1"
    name = f"{volume.xlator_name}-replicate-{group.number}"
    return Xlator(name, "cluster/replicate", options, children)


def _healing(volume: Volume, xlator: Xlator) -> Xlator:
    disperse = xlator.type == "cluster/disperse"
    key = "cluster.disperse-self-heal-daemon" if disperse else "cluster.self-heal-daemon"
    daemon = "enable" if volume.options.get(key, "on") in ("on", "enable") else "disable"
    extra = {"self-heal-daemon": daemon}
    if timeout := volume.options.get("cluster.heal-timeout"):
        extra["heal-timeout"] = timeout
    _insert_after(xlator.options, "entry-self-heal", extra)
    xlator.options["iam-self-heal-daemon"] = "yes"
    return xlator


def _insert_after(options: dict[str, str], key: str, extra: dict[str, str]) -> None:
    """Keep glusterd's order: its table has the daemon's switches after the heal switches."""
    at = list(options).index(key) + 1 if key in options else len(options)
    items = list(options.items())
    options.clear()
    options.update(items[:at] + list(extra.items()) + items[at:])


def _distribute(volume: Volume, clusters: list[Xlator]) -> list[Xlator]:
    """The groups and the dht above them: always there, even above a single group."""
    groups = list(_groups(volume))
    below = [xlator.name for xlator in clusters] or [g.slots[0].client_name for g in groups]
    leaving = [name for name, group in zip(below, groups, strict=True) if group.state == "leaving"]
    options = {"decommissioned-bricks": ",".join(leaving)} if leaving else {}
    dht = Xlator(f"{volume.xlator_name}-dht", "cluster/distribute", options, tuple(below))
    return [*clusters, apply(dht, volume.options)]


def _features(graph: list[Xlator], volume: Volume) -> None:
    for key, kind in (("features.shard", "features/shard"), ("features.ctime", "features/utime")):
        if is_on(volume.options, key):
            name = f"{volume.xlator_name}-{kind.rpartition('/')[2]}"
            stack(graph, apply(Xlator(name, kind), volume.options))


def _performance(graph: list[Xlator], volume: Volume) -> None:
    for row in performance_rows():
        if is_on(volume.options, row.key):
            name = f"{volume.xlator_name}-{row.xlator.rpartition('/')[2]}"
            stack(graph, apply(Xlator(name, row.xlator), volume.options))


def _io_stats(volume: Volume) -> Xlator:
    options = {
        "log-level": value_of(volume.options, "diagnostics.client-log-level"),
        "threads": value_of(volume.options, "config.client-threads"),
    }
    return Xlator(volume.xlator_name, "debug/io-stats", options)
