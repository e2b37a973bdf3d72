"""How services, storage units and mounts are: one systemctl call, the rest is read."""

import os
import time

import filesystems
import marks
import network
import systemd

_INDICES = ("xattrop", "dirty")


def run(params, ctx):
    """{"cluster_id", "services": [names], "units": [{"path", "unit_id", "volume_id", "port",
    "fs_uuid"}], "mounts": [paths]} → {"services": {name: {"active", "sub", "pid", "enabled",
    "result", "since", "restarts"}}, "units": {unit_id: {...}}, "mounts": {path: {...}}, "time"}.

    `since`: seconds since the epoch, None when not active. Units: bytes and inodes, `listening`,
    `blocked` (why it is not the unit that is meant, or None), `heal_pending`: entries in its heal
    index, `fs_uuid`, `fs_type`, `device`. Nothing is asked of GlusterFS. With `users`: true, mounts
    tell the processes that hold them as well.
    """
    cluster_id = params.get("cluster_id")
    listening = network.listening_ports()
    states = systemd.show(ctx, params.get("services") or [])
    return {
        "services": {name: _service(state) for name, state in states.items()},
        "units": {u["unit_id"]: _unit(u, cluster_id, listening) for u in params.get("units") or []},
        "mounts": _mounts(params.get("mounts") or [], params.get("users", False)),
        "time": time.time(),
    }


def _service(state):
    active = systemd.is_active(state)
    return {
        "active": active,
        "state": state["ActiveState"],
        "sub": state["SubState"],
        "pid": int(state.get("MainPID") or 0),
        "enabled": systemd.is_enabled(state),
        "result": state.get("Result", ""),
        "restarts": int(state.get("NRestarts") or 0),
        "since": _epoch(state.get("ActiveEnterTimestampMonotonic")) if active else None,
    }


def _epoch(microseconds):
    """systemd's clock since boot → the host's wall clock now."""
    if not microseconds or microseconds == "0":
        return None
    return time.time() - (time.monotonic() - int(microseconds) / 1e6)


def _unit(unit, cluster_id, listening):
    found = {
        "blocked": marks.mismatch(unit, cluster_id),
        "listening": unit.get("port") in listening,
        "heal_pending": None,
    }
    if os.path.isdir(unit["path"]):
        found.update(filesystems.space(unit["path"]))
        mount = filesystems.mount_of(unit["path"])
        found["fs_uuid"] = filesystems.fs_uuid(unit["path"], mount)
        found.update(fs_type=mount["type"], device=mount["source"])
        found["heal_pending"] = heal_pending(unit["path"])
    return found


def heal_pending(path):
    """Entries that wait for healing (or are being written just now); None without an index.

    A granular entry heal has a directory of its own besides its index entry: not counted twice.
    """
    counts = []
    for name in _INDICES:
        try:
            names = os.listdir(os.path.join(path, ".glusterfs", "indices", name))
        except OSError:
            continue
        counts.append(sum(1 for entry in names if not entry.startswith(name + "-")))
    return max(counts) if counts else None


def _mounts(paths, with_users):
    table = {mount["point"]: mount for mount in filesystems.mounts()}
    return {
        path: {
            "mounted": path in table,
            "type": table[path]["type"] if path in table else None,
            "source": table[path]["source"] if path in table else None,
            "users": filesystems.users(path) if with_users and path in table else [],
        }
        for path in paths
    }
