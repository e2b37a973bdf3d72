"""A meta server's part: the cluster lock, and its replica of the document and of the intent."""

import json
import os

from common import (
    LIB,
    RUN,
    ModuleError,
    cluster_dir,
    make_dirs,
    read_json,
    read_text,
    release_flock,
    remove_quietly,
    sync_dir,
    try_flock,
    write_atomic,
    write_json,
)

_KEEP = 20


def run(params, ctx):
    """`op`: lock | unlock | holds | peek | read | write, on {"cluster_id"}; memberships.

    lock {"holder"} → {"locked", "holder"}; unlock, holds → {"locked"}; peek → {"locked", "holder"};
    read → {"document": text | None, "intent": text | None, "holder"};
    write {"document": text, absent: left alone; "intent": text, None or absent: removed} → {};
    memberships → {"memberships": [{"cluster_id", "node_id", "role", "name", "replica": bool}]}.
    """
    return _OPS[params["op"]](params, ctx)


def _lock_path(params):
    return os.path.join(cluster_dir(RUN, params["cluster_id"]), "cluster.lock")


def _holder_path(params):
    return os.path.join(cluster_dir(RUN, params["cluster_id"]), "cluster.holder")


def _home(params):
    return os.path.join(cluster_dir(LIB, params["cluster_id"]), "meta")


def _lock(params, ctx):
    if not try_flock(ctx, _lock_path(params)):
        return {"locked": False, "holder": read_json(_holder_path(params))}
    write_json(_holder_path(params), params.get("holder") or {})
    return {"locked": True, "holder": params.get("holder")}


def _unlock(params, ctx):
    if _held(params, ctx):
        remove_quietly(_holder_path(params))
        release_flock(ctx, _lock_path(params))
    return {"locked": False}


def _held(params, ctx):
    return _lock_path(params) in ctx.state.get("locks", {})


def _holds(params, ctx):
    return {"locked": _held(params, ctx)}


def _peek(params, ctx):
    """Whether anybody holds the lock. Trying to take it could make another's attempt fail."""
    locked = _held(params, ctx) or _is_locked(_lock_path(params))
    return {"locked": locked, "holder": read_json(_holder_path(params)) if locked else None}


def _is_locked(path):
    try:
        inode = os.stat(path).st_ino
    except FileNotFoundError:
        return False
    with open("/proc/locks") as file:
        fields = [line.split() for line in file]
    return any(f[1] == "FLOCK" and f[5].split(":")[2] == str(inode) for f in fields)


def _read(params, ctx):
    home = _home(params)
    return {
        "document": read_text(os.path.join(home, "document.json")),
        "intent": read_text(os.path.join(home, "intent.json")),
        "holder": read_json(_holder_path(params)),
    }


def _write(params, ctx):
    if not _held(params, ctx):
        raise ModuleError("fenced", "the cluster lock is not held here any more")
    home, document, intent = _home(params), params.get("document"), params.get("intent")
    if document is not None:
        make_dirs(home)
        write_atomic(os.path.join(home, "document.json"), document)
        _keep_history(home, json.loads(document))
    if intent is not None:
        make_dirs(home)
        write_atomic(os.path.join(home, "intent.json"), intent)
    elif remove_quietly(os.path.join(home, "intent.json")):
        sync_dir(home)
    return {}


def _keep_history(home, document):
    """Keep the last _KEEP documents, as further names of the files: nothing is written twice."""
    folder = os.path.join(home, "history")
    make_dirs(folder)
    name = "%06d-%08d.json" % (document.get("epoch", 0), document.get("serial", 0))
    remove_quietly(os.path.join(folder, name))
    os.link(os.path.join(home, "document.json"), os.path.join(folder, name))
    for old in sorted(os.listdir(folder))[:-_KEEP]:
        remove_quietly(os.path.join(folder, old))


def _memberships(params, ctx):
    """The clusters that this host has something of: all that a laptop without state can ask."""
    try:
        names = sorted(os.listdir(LIB))
    except FileNotFoundError:
        names = []
    found = [_membership(name) for name in names]
    return {"memberships": [item for item in found if item["node_id"] or item["replica"]]}


def _membership(cluster_id):
    home = os.path.join(LIB, cluster_id)
    path = os.path.join(home, "meta", "document.json")
    identity = _damaged_is_empty(os.path.join(home, "identity.json"))
    return {
        "cluster_id": cluster_id, "node_id": identity.get("node_id"),
        "role": identity.get("role", "node"), "replica": os.path.exists(path),
        "name": _damaged_is_empty(path).get("name"),
    }  # fmt: skip


def _damaged_is_empty(path):
    try:
        found = read_json(path)
    except ModuleError:
        found = None
    return found if isinstance(found, dict) else {}


_OPS = {
    "lock": _lock, "unlock": _unlock, "holds": _holds, "peek": _peek,
    "read": _read, "write": _write, "memberships": _memberships,
}  # fmt: skip
