"""What a volume's options must be among themselves, and on the releases that run them. Pure."""

from collections.abc import Callable, Iterator, Mapping

from kadalu_ssh.model.records import ClientHost, Document, Node, Volume
from kadalu_ssh.volgen.options import is_on, is_raw, table, value_of
from kadalu_ssh.volgen.values import kinds, number_of

Options = Mapping[str, str]


def broken_rules(volume: Volume, options: Options) -> Iterator[tuple[str, str]]:
    """(key, what is wrong) of options that the volume cannot have."""
    for key, rule in _RULES.items():
        if key in options and (why := rule(volume, options)):
            yield key, why


def _quorum_count(volume: Volume, options: Options) -> str | None:
    size = len(volume.groups[0].slots)
    count = number_of("cluster.quorum-count", options["cluster.quorum-count"])
    return None if 1 <= count <= size else f"a group has {size} units: 1 to {size}"


def _disperse_count(volume: Volume, options: Options) -> str | None:
    key = "disperse.quorum-count"
    if volume.kind != "disperse" or options[key] == "0":
        return None
    size = len(volume.groups[0].slots)
    least = size - volume.redundancy
    return None if least <= number_of(key, options[key]) <= size else f"{least} to {size}, or 0"


def _subvolumes(volume: Volume, options: Options) -> str | None:
    key, groups = "cluster.subvols-per-directory", len(volume.groups)
    return None if number_of(key, options[key]) <= groups else f"the volume has {groups} groups"


def _cached_sizes(volume: Volume, options: Options) -> str | None:
    low, high = (
        number_of(key, value_of(options, key))
        for key in ("performance.cache-min-file-size", "performance.cache-max-file-size")
    )
    return None if not high or low <= high else "the smallest would be larger than the largest"


_RULES: dict[str, Callable[[Volume, Options], str | None]] = {
    "cluster.quorum-count": _quorum_count,
    "disperse.quorum-count": _disperse_count,
    "cluster.subvols-per-directory": _subvolumes,
    "performance.cache-min-file-size": _cached_sizes,
    "performance.cache-max-file-size": _cached_sizes,
}


def unknown_to(document: Document, volume: Volume, keys: Options) -> Iterator[tuple[str, str]]:
    """(host name, what its GlusterFS does not have) of nodes and clients of the volume."""
    units = {slot.unit.node for slot in volume.slots}
    mounts = {client.host for client in document.clients if client.volume == volume.id}
    hosts: tuple[Node | ClientHost, ...] = (*document.nodes, *document.hosts)
    for host in hosts:
        release = host.capabilities.release
        if host.id in units | mounts:
            for key in (k for k in keys if not is_raw(k) and release not in kinds()[k].releases):
                yield host.name, f"{key}: GlusterFS {host.capabilities.glusterfs} does not have it"


def without_effect(volume: Volume, keys: Options) -> Iterator[str]:
    """Warnings: options of a kind of volume that this one is not."""
    needs = {
        "cluster/replicate": ("replicate", "mirror", "arbiter"),
        "cluster/disperse": ("disperse",),
    }
    where = {row.key: row.xlator for row in table()}
    if volume.regrouped and is_on(keys, "cluster.lookup-optimize"):
        yield (
            "cluster.lookup-optimize has no effect: groups of the volume came or went, and files "
            "that are not where their names say have to be found"
        )
    for key in keys:
        if volume.kind not in needs.get(where.get(key, ""), (volume.kind,)):
            yield f"{key} has no effect on a {volume.kind} volume"


def loses_files(before: Options, after: Options) -> bool:
    """Without sharding, clients see the first piece of every file that has several."""
    return is_on(before, "features.shard") and not is_on(after, "features.shard")
