"""Give storage units up: undo their making, wipe them, or leave them as they are."""

import os
import shutil

import fence
import filesystems
import init_unit
import making
import marks
from common import ModuleError, sync_dir

_ANONYMOUS = ".glusterfs-anonymous-inode-"
_TRUSTED = ("trusted.gfid", "trusted.glusterfs.", "trusted.afr.", "trusted.ec.")


def run(params, ctx):
    """{"fence", "units": [{"path", "unit_id", "volume_id", "wipe": bool, "undo": bool}]}
    → {"units": [{"path", "result"}]}; `result`: undone | wiped | kept | absent.

    undo: takes back what init_unit made, only where no data has arrived. wipe: removes all data,
    only of the very unit that is named; a mount point stays. Neither: data and marks stay, so that
    the unit can be put back in service. Raises ModuleError `refused` before anything is removed.
    """
    fence.enter(ctx, params["fence"])
    cluster_id = params["fence"]["cluster_id"]
    ours = [unit for unit in params["units"] if _is_ours(unit, cluster_id)]
    for unit in ours:
        if unit.get("wipe") or unit.get("undo"):
            _refuse_in_use(unit)
    dropped = [_drop(unit, unit in ours, cluster_id, ctx) for unit in params["units"]]
    making.end(cluster_id, params["units"])
    return {"units": dropped}


def _is_ours(unit, cluster_id):
    """False when there is nothing left of it. Raises ModuleError when it is another's."""
    path, record = unit["path"], marks.record(unit["path"])
    found = marks.volume_id(path)
    if record is None and found is None:
        if unit.get("wipe") and os.path.isdir(path) and set(os.listdir(path)) - {"lost+found"}:
            raise ModuleError("refused", "%s carries no marks: is its disk mounted?" % path)
        return False
    wanted = {"cluster": cluster_id, "volume": unit["volume_id"], "unit": unit["unit_id"]}
    mine = all((record or {}).get(key) == value for key, value in wanted.items())
    # A wipe that was cut short after the record went: nothing but the volume id is left.
    mine = mine or (record is None and bool(unit.get("wipe")) and not _record_last(path))
    if not mine and unit.get("undo"):
        return False
    if not mine or found not in (None, unit["volume_id"]):
        raise ModuleError("refused", "%s is another storage unit; it was left alone" % path)
    return True


def _refuse_in_use(unit):
    below = filesystems.mounts_below(unit["path"])
    if below:
        raise ModuleError("refused", "%s is mounted inside the storage unit" % below[0])
    pid = _serving_process(unit["unit_id"])
    if pid:
        raise ModuleError("refused", "%s is served by process %s" % (unit["path"], pid))


def _serving_process(unit_id):
    """The glusterfsd that was started with this unit's volfile."""
    name = ("brick-%s.vol" % unit_id).encode("ascii")
    for pid in os.listdir("/proc"):
        if pid.isdigit():
            try:
                with open("/proc/%s/cmdline" % pid, "rb") as file:
                    argv = file.read().split(b"\0")
            except OSError:
                continue  # it ended meanwhile
            if argv[0].endswith(b"glusterfsd") and any(a.endswith(name) for a in argv):
                return pid
    return None


def _drop(unit, ours, cluster_id, ctx):
    path = unit["path"]
    if not ours:
        result = "undone" if _is_ending(unit) and making.sweep(cluster_id, unit) else "absent"
    elif unit.get("undo"):
        result = _undo(path)
    elif unit.get("wipe"):
        result = _wipe(unit, cluster_id, ctx)
    else:
        result = "kept"
    return {"path": path, "result": result}


def _undo(path):
    """Only what init_unit made; data that arrived since keeps everything."""
    record = marks.record(path)
    if "before" in record:
        return _give_back(path, record["before"])
    if not _is_pristine(path):
        return "kept"
    for name in _record_last(path):
        _remove_tree(os.path.join(path, name))
    return _unmark(path, record, "undone")


def _record_last(path):
    """What is in a unit, with what carries its record last: until then it can be told again."""
    names = sorted(set(os.listdir(path)) - {"lost+found"})
    return sorted(names, key=lambda name: os.path.join(path, name) == marks.keeper(path))


def _give_back(path, before):
    """An adopted unit is again what it was."""
    if before:
        os.setxattr(marks.keeper(path), marks.RECORD, marks.encoded(before))
    else:
        marks.drop(marks.keeper(path), marks.RECORD)
    return "undone"


def _is_pristine(path):
    """True when nothing is in it but what GlusterFS itself makes: no file of a user."""
    names = set(os.listdir(path)) - {".glusterfs", "lost+found"}
    return all(
        (name == ".trashcan" or name.startswith(_ANONYMOUS)) and _has_no_file(path, name)
        for name in names
    )


def _has_no_file(path, name):
    return not any(files for _, _, files in os.walk(os.path.join(path, name)))


def _is_ending(unit):
    return bool(unit.get("undo") or unit.get("wipe"))


def _wipe(unit, cluster_id, ctx):
    """Data first and marks last: a wipe that was cut short can be run again."""
    path = unit["path"]
    record = marks.record(path)
    if record:
        making.begin_wipe(cluster_id, unit, init_unit.made_dirs(path, record))
    for name in _record_last(path):
        ctx.check_cancelled()
        _remove_tree(os.path.join(path, name))
    result = _unmark(path, record, "wiped")
    making.sweep(cluster_id, unit)
    return result


def _remove_tree(path):
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def _unmark(path, record, result):
    """Remove the directories that were made for the unit, or, of those that stay, the marks."""
    for folder in init_unit.made_dirs(path, record):
        try:
            os.rmdir(folder)
            sync_dir(os.path.dirname(folder))
        except OSError:
            break
    if os.path.isdir(path):
        for name in os.listxattr(path):
            if name.startswith(_TRUSTED) and name != marks.VOLUME_ID:
                marks.drop(path, name)
        marks.drop(path, marks.VOLUME_ID)
    return result
