"""A meta server's part: the cluster lock, and its replica of the document and of the intent."""

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
    """`op`: lock | unlock | holds | peek | read | write, on {"cluster_id"}.

    lock {"holder"} → {"locked", "holder"}; unlock, holds → {"locked"}; peek → {"locked", "holder"};
    read → {"document": text | None, "intent": text | None, "holder"};
    write {"document": text, absent: left alone; "intent": text, None or absent: removed} → {}.
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
    """Whether anybody holds the lock; asks the kernel, not the holder's note."""
    holder = read_json(_holder_path(params))
    if _held(params, ctx):
        return {"locked": True, "holder": holder}
    if not os.path.exists(_lock_path(params)):
        return {"locked": False, "holder": None}
    free = try_flock(ctx, _lock_path(params))
    if free:
        release_flock(ctx, _lock_path(params))
    return {"locked": not free, "holder": None if free else holder}


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
        _keep_history(home)
        write_atomic(os.path.join(home, "document.json"), document)
    if intent is not None:
        make_dirs(home)
        write_atomic(os.path.join(home, "intent.json"), intent)
    elif remove_quietly(os.path.join(home, "intent.json")):
        sync_dir(home)
    return {}


def _keep_history(home):
    """Keep the document that is about to be replaced, and the last _KEEP of them."""
    current = read_json(os.path.join(home, "document.json"))
    if current is None:
        return
    folder = os.path.join(home, "history")
    make_dirs(folder)
    name = "%06d-%08d.json" % (current.get("epoch", 0), current.get("serial", 0))
    write_json(os.path.join(folder, name), current)
    for old in sorted(os.listdir(folder))[:-_KEEP]:
        remove_quietly(os.path.join(folder, old))


_OPS = {
    "lock": _lock, "unlock": _unlock, "holds": _holds, "peek": _peek,
    "read": _read, "write": _write,
}  # fmt: skip
