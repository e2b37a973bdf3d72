"""Make storage units: once in a unit's life, all of a call or none."""

import os

import fence
import filesystems
import making
import marks
from common import ModuleError, sync_dir, uuid_bytes


def run(params, ctx):
    """{"fence", "units": [{"path", "unit_id", "volume_id", "group", "position", "role", "fs_uuid",
    "fsid", "create_parents": bool, "adopt": bool, "empty": {"mode", "uid", "gid"} | None,
    "copies": bool}]}
    → {"units": [{"path", "made_dirs": [path]}]}.

    A unit that is there already, with the same ids, is left as it is, and completed where an
    earlier call was cut short. With `adopt`, a directory that has this volume's id and data is put
    back in service. With `empty`, it takes the place of one that had data: its root is marked so
    that AFR never takes it for a good copy, and is as those of the others: should a client look at
    it before it is healed, it sees no difference. Raises ModuleError `refused`.
    """
    fence.enter(ctx, params["fence"])
    table = filesystems.mounts()
    for unit in params["units"]:
        _refuse_unfit(unit, params["fence"]["cluster_id"], table)
    making.begin(params["fence"]["cluster_id"], params["units"])
    made = []
    try:
        done = {"units": [_make(unit, params["fence"], made) for unit in params["units"]]}
    except BaseException:
        _undo(made)
        raise
    making.end(params["fence"]["cluster_id"], params["units"])
    return done


def _undo(made):
    """Take back what was made, the last first; what cannot be taken back must not hide why."""
    for step in reversed(made):
        try:
            step()
        except OSError:
            pass


def _refuse_unfit(unit, cluster_id, table):
    reason = _unfit(unit, cluster_id, table)
    if reason:
        raise ModuleError("refused", reason)


def _unfit(unit, cluster_id, table):
    """Why this path cannot become this unit; None when it can, or is it already."""
    path = unit["path"]
    if os.path.realpath(path) != path:
        return "%s is reached through a symbolic link (%s)" % (path, os.path.realpath(path))
    parent = marks.marked_parent(path)
    if parent:
        return "%s lies inside %s, which belongs to a volume" % (path, parent["path"])
    return (
        _wrong_fs(unit, table) or _wrong_volume(unit, cluster_id)
        or _used(unit, cluster_id) or _no_parent(unit)
    )  # fmt: skip


def _wrong_fs(unit, table):
    base = unit["path"]
    while not os.path.isdir(base):
        base = os.path.dirname(base)
    mount = filesystems.mount_of(base, table)
    if unit.get("fs_uuid") and unit["fs_uuid"] not in filesystems.fs_names(base, mount):
        return "%s is on another file system than when it was checked" % unit["path"]
    if unit.get("fsid") and unit["fsid"] != filesystems.fsid(base, mount):
        return "%s is on another file system than when it was checked" % unit["path"]
    return None


def _wrong_volume(unit, cluster_id):
    found, record = marks.volume_id(unit["path"]), marks.record(unit["path"])
    if found and found != unit["volume_id"]:
        return "%s belongs to another volume (volume id %s)" % (unit["path"], found)
    if found and not (unit.get("adopt") or _is_it(record, unit, cluster_id)):
        return "%s belongs to this volume already, as another storage unit" % unit["path"]
    return None


def _is_it(record, unit, cluster_id):
    wanted = {"cluster": cluster_id, "volume": unit["volume_id"], "unit": unit["unit_id"]}
    return bool(record) and all(record.get(key) == value for key, value in wanted.items())


def _used(unit, cluster_id):
    """Files in a directory without a volume id are somebody's, unless we were interrupted there."""
    path = unit["path"]
    if marks.volume_id(path) or not os.path.lexists(path):
        return None
    if not os.path.isdir(path):
        return "%s is not a directory" % path
    if _is_it(marks.record(path), unit, cluster_id):
        return None
    names = sorted(name for name in os.listdir(path) if name != "lost+found")
    return "%s is not empty (%s)" % (path, ", ".join(names[:3])) if names else None


def _no_parent(unit):
    parent = os.path.dirname(unit["path"])
    if unit.get("create_parents") or os.path.isdir(parent):
        return None
    return "%s does not exist" % parent


def _make(unit, fenced, made):
    """Make one unit, or what is missing of it; `made` collects how to undo each step.

    The volume id comes last: a directory that has it also has the record.
    """
    path = unit["path"]
    dirs = _make_dirs(path, made)
    home = marks.keeper(path)
    _make_dir(home, 0o600, made)
    _make_dir(os.path.join(home, "indices"), 0o600, made)
    if not _is_it(marks.record(path), unit, fenced["cluster_id"]):
        _set(home, marks.RECORD, _record(unit, fenced, len(dirs)), 0, made)
    if unit.get("empty") and marks.volume_id(path) is None:
        _take_place(path, unit, made)
    if marks.volume_id(path) is None:
        _set(path, marks.VOLUME_ID, uuid_bytes(unit["volume_id"]), os.XATTR_CREATE, made)
    sync_dir(home)
    sync_dir(path)
    return {"path": path, "made_dirs": made_dirs(path, marks.record(path))}


def _take_place(path, unit, made):
    root = unit["empty"]
    os.chown(path, root["uid"], root["gid"])
    os.chmod(path, root["mode"])
    if unit.get("copies"):
        _set(path, marks.DIRTY, marks.ENTRIES_DIRTY, 0, made)


def _record(unit, fenced, depth):
    """`made`: how many directories, from the unit's own upwards, did not exist before it.

    `before`: of a unit that had a volume id already, the record that it had.
    """
    record = {key: unit[key] for key in ("group", "position")}
    record.update(
        cluster=fenced["cluster_id"], volume=unit["volume_id"], unit=unit["unit_id"],
        role=unit.get("role", "data"), task=fenced.get("task"), made=depth,
    )  # fmt: skip
    if marks.volume_id(unit["path"]):
        before = marks.record(unit["path"]) or {}
        record["before"] = {key: before[key] for key in before if key != "before"}
        record["made"] = before.get("made", 0)
    return marks.encoded(record)


def made_dirs(path, record):
    """The directories that were made for a unit, the deepest first."""
    dirs = []
    for _ in range((record or {}).get("made", 0)):
        dirs.append(path)
        path = os.path.dirname(path)
    return dirs


def _make_dirs(path, made):
    """Make the directory and its missing parents; returns what was made, the deepest first."""
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for folder in reversed(missing):
        _make_dir(folder, 0o755, made)
        sync_dir(os.path.dirname(folder))
    return missing


def _make_dir(path, mode, made):
    if not os.path.isdir(path):
        os.mkdir(path, mode)
        made.append(lambda: os.rmdir(path))
        os.chmod(path, mode)


def _set(path, name, value, flags, made):
    before = marks.get(path, name)
    os.setxattr(path, name, value, flags)
    if before is None:
        made.append(lambda: marks.drop(path, name))
    else:
        made.append(lambda: os.setxattr(path, name, before))
