"""The graph of a storage unit's process, as glusterd's server_graph_table builds it."""

from collections.abc import Iterator

from kadalu_ssh.model.records import Node, Slot, Volume
from kadalu_ssh.volgen.graph import Xlator, stack
from kadalu_ssh.volgen.options import apply, apply_only, is_on, log_options, ssl_options, value_of

_LOG = log_options("brick")


def brick_graph(
    volume: Volume, slot: Slot, node: Node, shared_brick_count: int, timestamp_file: str
) -> list[Xlator]:
    """Bottom (posix) to top (server). Features are there but off, to be switched by reload."""
    path = slot.unit.path
    graph = [_posix(volume, path, shared_brick_count)]
    if slot.role == "arbiter":
        stack(graph, Xlator(f"{volume.xlator_name}-arbiter", "features/arbiter"))
    for kind, options in _layers(volume, node, path, timestamp_file):
        name = f"{volume.xlator_name}-{kind.rpartition('/')[2]}"
        stack(graph, apply(Xlator(name, kind, options), volume.options))
    stack(graph, apply(_io_stats(volume, path), volume.options))
    stack(graph, apply(_server(volume, path), volume.options))
    return graph


def _posix(volume: Volume, path: str, shared_brick_count: int) -> Xlator:
    options = {"directory": path, "volume-id": volume.id}
    if is_on(volume.options, "features.quota") or is_on(volume.options, "features.trash"):
        options["update-link-count-parent"] = "on"
    if checksum := volume.options.get("storage.fips-mode-rchecksum"):
        options["fips-mode-rchecksum"] = checksum
    options["shared-brick-count"] = str(shared_brick_count)
    name = f"{volume.xlator_name}-posix"
    return apply(Xlator(name, "storage/posix", options), volume.options)


def _layers(
    volume: Volume, node: Node, path: str, timestamp_file: str
) -> Iterator[tuple[str, dict[str, str]]]:
    """What lies between posix and io-stats, with the options that the table does not give."""
    yield (
        "features/trash",
        {"trash-dir": ".trashcan", "brick-path": path, "trash-internal-op": "off"},
    )
    yield "features/changelog", _changelog(path)
    yield "features/bitrot-stub", {"export": path, "bitrot": "disable"}
    if is_on(volume.options, "features.acl"):
        yield "features/access-control", {}
    yield "features/locks", {}
    if "features/simple-quota" in node.capabilities.xlators:
        yield "features/simple-quota", _simple_quota(volume)
    yield "features/worm", {}
    yield "features/read-only", {"read-only": "off"}
    yield "features/leases", {}
    yield "features/upcall", {}
    yield "performance/io-threads", {}
    yield "features/selinux", {}
    yield "features/marker", _marker(volume, timestamp_file)
    yield "features/barrier", {}
    yield "features/index", _index(volume, path)
    yield "features/quota", _quota(volume)
    yield from _extras(volume)


def _extras(volume: Volume) -> Iterator[tuple[str, dict[str, str]]]:
    """What is only there when it is asked for: switching it needs a restart of the unit."""
    if is_on(volume.options, "network.compression"):
        yield "features/cdc", {"mode": "server"}
    if is_on(volume.options, "features.tag-namespaces"):
        yield "features/namespace", {}
    if is_on(volume.options, "features.sdfs"):
        yield "features/sdfs", {"pass-through": "false"}


def _changelog(path: str) -> dict[str, str]:
    return {
        "changelog-brick": path,
        "changelog-dir": f"{path}/.glusterfs/changelogs",
        "changelog-notification": "off",
    }


def _simple_quota(volume: Volume) -> dict[str, str]:
    alone = {"no-distribute": "true"} if len(volume.groups) == 1 else {}
    return {**alone, "pass-through": "true", "use-backend": "false"}


def _marker(volume: Volume, timestamp_file: str) -> dict[str, str]:
    return {
        "volume-uuid": volume.id, "timestamp-file": timestamp_file, "quota-version": "0",
        "xtime": "off", "gsync-force-xtime": "off",
    }  # fmt: skip


def _index(volume: Volume, path: str) -> dict[str, str]:
    base = {"index-base": f"{path}/.glusterfs/indices"}
    if volume.kind == "disperse":
        return base | {"xattrop64-watchlist": "trusted.ec.dirty"}
    return base | {
        "xattrop-dirty-watchlist": "trusted.afr.dirty",
        "xattrop-pending-watchlist": f"trusted.afr.{volume.xlator_name}-",
    }


def _quota(volume: Volume) -> dict[str, str]:
    # Not an id, whatever its name says.
    name = {"volume-uuid": volume.xlator_name}
    return name | {"server-quota": value_of(volume.options, "features.quota")}


def _io_stats(volume: Volume, path: str) -> Xlator:
    """Its name is what clients ask for as `remote-subvolume`."""
    options = {"unique-id": path, "volume-id": volume.id}
    return apply_only(Xlator(path, "debug/io-stats", options), volume.options, _LOG)


def _server(volume: Volume, path: str) -> Xlator:
    options = {
        "transport-type": "tcp",
        **ssl_options(volume.options),
        "transport.address-family": value_of(volume.options, "transport.address-family"),
        f"auth.login.{path}.allow": volume.username,
        f"auth.login.{volume.username}.password": volume.password,
        "auth-path": path,
        **_ssl_allow(volume, path),
        f"auth.addr.{path}.allow": value_of(volume.options, "auth.allow"),
    }
    if reject := volume.options.get("auth.reject"):
        options[f"auth.addr.{path}.reject"] = reject
    return Xlator(f"{volume.xlator_name}-server", "protocol/server", options)


def _ssl_allow(volume: Volume, path: str) -> dict[str, str]:
    allowed = volume.options.get("auth.ssl-allow")
    return {f"auth.login.{path}.ssl-allow": allowed} if allowed else {}
