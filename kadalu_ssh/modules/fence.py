"""Who may change this host now: our identity here, the host's lock, and the newest work seen."""

import os

import audit
from common import (
    LIB,
    RUN,
    UNITS,
    ModuleError,
    cluster_dir,
    read_json,
    sweep,
    try_flock,
    write_json,
)


def identity_path(cluster_id):
    return os.path.join(cluster_dir(LIB, cluster_id), "identity.json")


def read_identity(cluster_id):
    """{"cluster_id", "node_id", "name", "role"}, or None on a host that was not claimed."""
    return read_json(identity_path(cluster_id))


def others(cluster_id):
    """Identities of this host in other clusters."""
    try:
        names = sorted(os.listdir(LIB))
    except FileNotFoundError:
        return []
    found = [read_json(os.path.join(LIB, n, "identity.json")) for n in names if n != cluster_id]
    return [identity for identity in found if identity]


def node_of(cluster_id):
    """Id of another cluster that has this host as a node, or None."""
    nodes = [i["cluster_id"] for i in others(cluster_id) if i.get("role", "node") == "node"]
    return nodes[0] if nodes else None


def require_identity(cluster_id, node_id=None):
    """Refuse, as `not_ours`, to work on a host that is not the one the controller means."""
    found = read_identity(cluster_id)
    if found is None:
        raise ModuleError("not_ours", "this host does not belong to cluster %s" % cluster_id)
    if found.get("cluster_id") != cluster_id or node_id not in (None, found.get("node_id")):
        raise ModuleError(
            "not_ours",
            "this host is %s (%s), not the one that was meant: look at DNS and the inventory"
            % (found.get("name"), found.get("node_id")),
        )
    return found


def check(fence):
    """Refuse work that is older than what this host has seen. Returns what is recorded."""
    path = os.path.join(cluster_dir(LIB, fence["cluster_id"]), "fence.json")
    seen = read_json(path)
    if seen and (fence["epoch"], fence["serial"]) < (seen["epoch"], seen["serial"]):
        raise ModuleError(
            "fenced",
            "this host has seen newer work (epoch %d, serial %d) than this command's (%d, %d)"
            % (seen["epoch"], seen["serial"], fence["epoch"], fence["serial"]),
        )
    return seen


def enter(ctx, fence):
    """Hold this host's lock until the worker ends, and record the work that is about to be done.

    `fence`: {"cluster_id", "epoch", "serial", "task", "who", "command"}. Raises ModuleError:
    `not_ours` when the host was not claimed, `locked` when another worker changes things, `fenced`
    when this work is old.
    """
    cluster_id = fence["cluster_id"]
    require_identity(cluster_id)
    if not try_flock(ctx, os.path.join(cluster_dir(RUN, cluster_id), "node.lock")):
        raise ModuleError("locked", "another command is changing this host")
    wanted = {key: fence.get(key) for key in ("epoch", "serial", "task")}
    if "audit" not in ctx.state:
        home = cluster_dir(LIB, cluster_id)
        sweep([home, os.path.join(home, "meta"), os.path.join(home, "volfiles"), UNITS])
    audit.begin(ctx, fence)
    if check(fence) != wanted:
        write_json(os.path.join(cluster_dir(LIB, cluster_id), "fence.json"), wanted)
