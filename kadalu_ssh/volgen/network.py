"""The lower part of every graph that faces storage units over the network."""

from collections.abc import Iterator, Mapping, Sequence

from kadalu_ssh.model.records import Group, Node, Slot, Volume
from kadalu_ssh.volgen.graph import Xlator
from kadalu_ssh.volgen.options import apply, apply_only, is_on, log_options, ssl_options, value_of

Nodes = Mapping[str, Node]
Options = Mapping[str, str]

_LOG = log_options("client")


def groups_of(volume: Volume, *, with_adding: bool = False) -> tuple[Group, ...]:
    """Groups that clients know: one that is being added is not among them yet."""
    return tuple(group for group in volume.groups if with_adding or group.state != "adding")


def protocol_clients(
    volume: Volume, groups: Sequence[Group], nodes: Nodes, options: Options, *, trusted: bool
) -> list[Xlator]:
    """One protocol/client per slot; `trusted` ones log in with the volume's credentials."""
    return [
        apply(_protocol_client(volume, slot, nodes[slot.unit.node], options, trusted), options)
        for group in groups
        for slot in group.slots
    ]


def _protocol_client(
    volume: Volume, slot: Slot, node: Node, options: Options, trusted: bool
) -> Xlator:
    own = {
        # Set before all others: `network.ping-timeout` changes the value, not the place.
        "ping-timeout": "42",
        "remote-host": node.address,
        "remote-subvolume": slot.unit.path,
        # Without it a client asks glusterd's port mapper.
        "remote-port": str(slot.unit.port),
        "transport-type": "tcp",
        "transport.address-family": value_of(options, "transport.address-family"),
    }
    if trusted:
        own |= {"username": volume.username, "password": volume.password}
    if is_on(options, "client.ssl"):
        own["transport.socket.ssl-enabled"] = "on"
    own |= ssl_options(options)
    return Xlator(slot.client_name, "protocol/client", own)


def clusters(volume: Volume, groups: Sequence[Group]) -> list[Xlator]:
    """One replicate or disperse xlator per group; none for a plain distribute volume."""
    if volume.kind == "distribute":
        return []
    build = _disperse if volume.kind == "disperse" else _replicate
    return [
        build(volume, group, tuple(slot.client_name for slot in group.slots)) for group in groups
    ]


def _disperse(volume: Volume, group: Group, children: tuple[str, ...]) -> Xlator:
    name = f"{volume.xlator_name}-disperse-{group.number}"
    return Xlator(name, "cluster/disperse", {"redundancy": str(volume.redundancy)}, children)


def _replicate(volume: Volume, group: Group, children: tuple[str, ...]) -> Xlator:
    options = {"afr-pending-xattr": ",".join(children), "volume-id": volume.id}
    if volume.kind == "arbiter":
        options["arbiter-count"] = "1"
    name = f"{volume.xlator_name}-replicate-{group.number}"
    return Xlator(name, "cluster/replicate", options, children)


def distribute(volume: Volume, groups: Sequence[Group], options: Options) -> list[Xlator]:
    """The groups' xlators and the dht above them: always there, even above a single group."""
    below = [apply(xlator, options) for xlator in clusters(volume, groups)]
    names = [xlator.name for xlator in below] or [group.slots[0].client_name for group in groups]
    if is_on(options, "performance.parallel-readdir"):
        ahead = list(_readdir_ahead(volume, names, options))
        below, names = below + ahead, [xlator.name for xlator in ahead]
    leaving = [name for name, group in zip(names, groups, strict=True) if group.state == "leaving"]
    own = {"decommissioned-bricks": ",".join(leaving)} if leaving else {}
    dht = Xlator(f"{volume.xlator_name}-dht", _dht_type(options), own, tuple(names))
    apply(dht, options)
    if volume.regrouped:
        # With it, DHT does not look in other groups for a file that is not where its name says;
        # a fixed layout has moved the names, and not yet, or never, the files. Seen on 11.1.
        dht.options["lookup-optimize"] = "off"
    return [*below, dht]


def _readdir_ahead(volume: Volume, names: Sequence[str], options: Options) -> Iterator[Xlator]:
    """One below dht for each of its children, so that they read directories at the same time."""
    for number, child in enumerate(names):
        name = f"{volume.xlator_name}-readdir-ahead-{number}"
        own = {"performance.readdir-ahead": "on"}
        yield apply(Xlator(name, "performance/readdir-ahead", own, (child,)), options)


def _dht_type(options: Options) -> str:
    """Plain dht, or one of its variants with another idea of where a new file goes."""
    if is_on(options, "cluster.nufa"):
        return "cluster/nufa"
    return "cluster/switch" if is_on(options, "cluster.switch") else "cluster/distribute"


def top(volume: Volume, options: Options) -> Xlator:
    """The io-stats that every such graph ends with: named like the volume."""
    return apply_only(Xlator(volume.xlator_name, "debug/io-stats"), options, _LOG)
