"""The marks of a storage unit: GlusterFS's volume id on its root, our own record on `.glusterfs`.

The record is not on the root: GlusterFS heals the root's trusted.* xattrs as data. Seen on 11.1:
AFR copied one unit's record over those of the others, and a disperse volume's root, whose units
answered with different values, could never be healed. `.glusterfs` is below what it looks at.
"""

import errno
import json
import os

import filesystems
from common import uuid_text

VOLUME_ID = "trusted.glusterfs.volume-id"
GFID = "trusted.gfid"
RECORD = "trusted.kadalu.unit"
DIRTY = "trusted.afr.dirty"
ENTRIES_DIRTY = bytes.fromhex("000000000000000000000001")
"""Numbers of pending data, metadata and entry operations, 32 bits each."""
_ABSENT = (errno.ENODATA, errno.ENOENT, errno.ENOTDIR, errno.EOPNOTSUPP)


def get(path, name):
    """The xattr's bytes, or None where there is none."""
    try:
        return os.getxattr(path, name)
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise


def drop(path, name):
    """Remove an xattr; an absent one is fine."""
    try:
        os.removexattr(path, name)
    except OSError as error:
        if error.errno not in _ABSENT:
            raise


def volume_id(path):
    """The volume id as text, or None."""
    value = get(path, VOLUME_ID)
    return uuid_text(value) if value is not None and len(value) == 16 else None


def keeper(path):
    """The directory of the unit at `path` that carries our record."""
    return os.path.join(path, ".glusterfs")


def record(path):
    """Our record {"cluster", "volume", "unit", "group", "position", ...}, or None."""
    try:
        value = get(keeper(path), RECORD)
    except PermissionError:
        return None  # a mounted volume lets nobody look into its .glusterfs: no storage unit
    if value is None:
        return None
    try:
        return json.loads(value.decode("utf-8"))
    except ValueError:
        return {}


def encoded(record):
    """A record as it is kept."""
    return json.dumps(record, sort_keys=True, separators=(",", ":")).encode("utf-8")


def marked_parent(path):
    """The nearest parent that belongs to a volume: {"path", "volume_id"}, or None."""
    parent = os.path.dirname(path)
    while True:
        if get(parent, VOLUME_ID) is not None or get(parent, GFID) is not None:
            return {"path": parent, "volume_id": volume_id(parent)}
        if parent == os.path.dirname(parent):
            return None
        parent = os.path.dirname(parent)


def mismatch(unit, cluster_id):
    """Why the unit at `unit["path"]` is not the one the document means; None when it is.

    `unit`: {"path", "unit_id", "volume_id", "fs_uuid"}. Nothing is ever repaired here: a missing
    mark means that the disk is not mounted, or is another disk.
    """
    path = unit["path"]
    if not os.path.isdir(path):
        return (
            "%s does not exist" % path if not os.path.lexists(path) else "%s: no directory" % path
        )
    if os.path.realpath(path) != os.path.normpath(path):
        return "%s is reached through a symbolic link" % path
    found = volume_id(path)
    if found != unit["volume_id"]:
        return _wrong_volume(path, found)
    return _wrong_record(path, unit, cluster_id) or _wrong_fs(path, unit)


def _wrong_volume(path, found):
    if found is None:
        return "%s carries no volume id: is its disk mounted?" % path
    return "%s belongs to another volume (volume id %s)" % (path, found)


def _wrong_record(path, unit, cluster_id):
    found = record(path)
    if not found:
        return "%s carries no record of kadalu (%s)" % (path, RECORD)
    if cluster_id and found.get("cluster") != cluster_id:
        return "%s belongs to cluster %s" % (path, found.get("cluster"))
    if found.get("unit") != unit["unit_id"]:
        return "%s is another storage unit (%s)" % (path, found.get("unit"))
    return None


def _wrong_fs(path, unit):
    wanted = unit.get("fs_uuid")
    if not wanted:
        return None
    names = filesystems.fs_names(path, filesystems.mount_of(path))
    if wanted in names:
        return None
    return "%s is on file system %s, not on %s" % (path, (names + ["unknown"])[0], wanted)
