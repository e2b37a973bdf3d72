"""Claim a host for a cluster, or give it back."""

import os
import shutil

import fence
import ledger
from common import LIB, LOG, RUN, ModuleError, cluster_dir, make_dirs, sweep, write_json

_LEDGERS = ("identity.json", "fence.json", "making.json", "intended.json", "applied.json")


def run(params, ctx):
    """`op`: claim | release | prepare | read. Returns {"identity": {...} | None}.

    claim: {"cluster_id", "node_id", "name", "role": "node" | "client"}; a host is a node of one
    cluster at most, and may be a client of any number. release: {"cluster_id", "node_id"}.
    prepare: makes the work directories that are absent → {"made": [path]}, before any claim.
    """
    cluster_id = params["cluster_id"]
    if params["op"] == "prepare":
        return {"made": _prepare(cluster_id)}
    if params["op"] == "claim":
        _claim(cluster_id, params)
    elif params["op"] == "release":
        _release(cluster_id, params)
    return {"identity": fence.read_identity(cluster_id)}


def _prepare(cluster_id):
    """A host of the cluster gets the cluster's directories back too: /run is empty after a boot."""
    wanted = [LIB, RUN, LOG]
    if fence.read_identity(cluster_id):
        wanted += [cluster_dir(base, cluster_id) for base in (LIB, RUN, LOG)]
    absent = [path for path in wanted if not os.path.isdir(path)]
    for path in absent:
        make_dirs(path)
    return absent


def _claim(cluster_id, params):
    role = params.get("role", "node")
    other = fence.node_of(cluster_id)
    if role == "node" and other:
        raise ModuleError("refused", "this host is a node of cluster %s already" % other)
    found = fence.read_identity(cluster_id)
    if found and found["node_id"] != params["node_id"]:
        raise ModuleError(
            "refused",
            "this host is in this cluster already, as %s (%s)" % (found["name"], found["node_id"]),
        )
    for base in (LIB, RUN, LOG):
        make_dirs(cluster_dir(base, cluster_id))
    wanted = {key: params[key] for key in ("cluster_id", "node_id", "name")}
    wanted["role"] = role
    if found != wanted:
        write_json(fence.identity_path(cluster_id), wanted)


def _release(cluster_id, params):
    # A claim that was cut short leaves directories, and an identity that has no name yet.
    sweep([cluster_dir(LIB, cluster_id)])
    if fence.read_identity(cluster_id) is not None:
        fence.require_identity(cluster_id, params.get("node_id"))
        _forget(cluster_id)
    for base in (LIB, LOG):
        _rmdir(cluster_dir(base, cluster_id))


def _forget(cluster_id):
    """The last of what this host has of the cluster; refused while it serves it."""
    owned = ledger.Ledger(cluster_id).owned()
    left = sorted(key for key, item in owned.items() if item["kind"] not in ("dir", "replica"))
    if left:
        raise ModuleError("refused", "this host still has %s" % ", ".join(left[:5]))
    home = cluster_dir(LIB, cluster_id)
    shutil.rmtree(os.path.join(home, "meta"), ignore_errors=True)
    for name in _LEDGERS[::-1]:
        _unlink(os.path.join(home, name))
    for path in sorted((i["path"] for i in owned.values() if i["kind"] == "dir"), reverse=True):
        _rmdir(path)


def _unlink(path):
    if os.path.lexists(path):
        os.unlink(path)


def _rmdir(path):
    """Remove a directory that is empty; logs and what others put there stay."""
    try:
        os.rmdir(path)
    except OSError:
        pass
