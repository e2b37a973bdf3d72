"""Storage units that are being made or wiped: written down, durable, before the first step.

A making that was cut short before its marks were set leaves empty directories; without this nobody
could tell whose they are; nor, of a wipe whose record went first, which directories were ours.
"""

import os

import marks
from common import LIB, cluster_dir, read_json, remove_quietly, write_json


def path_of(cluster_id):
    return os.path.join(cluster_dir(LIB, cluster_id), "making.json")


def begin(cluster_id, units):
    """Note, for each unit, its path and the directory that was there before it."""
    noted = read_json(path_of(cluster_id)) or {}
    kept = {key: entry for key, entry in noted.items() if _is_open(entry)}
    for unit in units:
        if marks.record(unit["path"]) is None:
            kept.setdefault(unit["unit_id"], {"path": unit["path"], "base": _base(unit["path"])})
    if kept != noted:
        write_json(path_of(cluster_id), kept)


def begin_wipe(cluster_id, unit, dirs):
    """Note which directories were made for a unit, the deepest first, while its record says so."""
    noted = read_json(path_of(cluster_id)) or {}
    base = os.path.dirname(dirs[-1]) if dirs else unit["path"]
    noted[unit["unit_id"]] = {"path": unit["path"], "base": base}
    write_json(path_of(cluster_id), noted)


def end(cluster_id, units):
    """Forget these: they are made, or taken back. (Not synced: an old entry does no harm.)"""
    noted = read_json(path_of(cluster_id)) or {}
    left = {key: noted[key] for key in noted if key not in [unit["unit_id"] for unit in units]}
    if noted and not left:
        remove_quietly(path_of(cluster_id))
    elif left != noted:
        write_json(path_of(cluster_id), left)


def sweep(cluster_id, unit):
    """Remove the empty directories of a making that got no further; returns whether it was one."""
    entry = (read_json(path_of(cluster_id)) or {}).get(unit["unit_id"])
    if not entry or entry["path"] != unit["path"]:
        return False
    home = marks.keeper(unit["path"])
    for folder in [os.path.join(home, "indices"), home] + _made(entry):
        try:
            os.rmdir(folder)
        except OSError:
            pass  # not there, or not empty any more: then it is not ours to remove
    return True


def _made(entry):
    """From the unit's own directory up to, and without, the one that was there."""
    folders, path = [], entry["path"]
    while path != entry["base"] and path != os.path.dirname(path):
        folders.append(path)
        path = os.path.dirname(path)
    return folders


def _base(path):
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def _is_open(entry):
    return os.path.isdir(entry["path"]) and marks.record(entry["path"]) is None
