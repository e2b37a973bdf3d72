"""Which file system holds a path, and what names it. Reads only; starts no program."""

import fcntl
import os
import struct

from common import uuid_text

# (request, size of the answer, where the 16 bytes of the UUID are in it); all need no privilege.
_UUID_IOCTLS = {
    "": [(0x80111500, 17, 1)],  # FS_IOC_GETFSUUID, Linux 6.9
    "btrfs": [(0x8400941F, 1024, 16)],  # BTRFS_IOC_FS_INFO
    "xfs": [(0x80705864, 112, 48)],  # XFS_IOC_FSGEOMETRY_V1
}
# Their f_fsid is made from the UUID on disk; elsewhere it is a device number, or new at each mount.
_STABLE_FSID = ("ext2", "ext3", "ext4", "zfs", "f2fs")
_VOLATILE = ("overlay", "tmpfs", "ramfs", "proc", "sysfs", "devtmpfs")


def mounts():
    """The mount table: [{"point", "type", "source", "device", "options"}], in mounting order."""
    table = []
    with open("/proc/self/mountinfo", "r", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            left, _, right = line.rstrip("\n").partition(" - ")
            fields, rest = left.split(" "), right.split(" ")
            table.append({
                "point": _unescape(fields[4]), "device": fields[2], "options": fields[5],
                "type": rest[0], "source": _unescape(rest[1]),
            })  # fmt: skip
    return table


def _unescape(text):
    """mountinfo writes blanks and backslashes in octal."""
    parts = text.split("\\")
    return parts[0] + "".join(chr(int(part[:3], 8)) + part[3:] for part in parts[1:])


def is_inside(path, directory):
    """True when `path` is `directory` or lies below it. Both absolute and normalized."""
    return path == directory or directory == "/" or path.startswith(directory + "/")


def mount_of(path, table=None):
    """The mount that holds an existing path: the longest, and of equals the last, mount point."""
    real = os.path.realpath(path)
    best = {"point": "/", "type": "", "source": "", "device": "", "options": ""}
    for mount in mounts() if table is None else table:
        if is_inside(real, mount["point"]) and len(mount["point"]) >= len(best["point"]):
            best = mount
    return best


def mounts_below(path, table=None):
    """Mount points strictly below `path`."""
    real = os.path.realpath(path)
    points = [mount["point"] for mount in (mounts() if table is None else table)]
    return [point for point in points if point != real and is_inside(point, real)]


def fs_names(path, mount):
    """Every lasting name of the file system that holds `path`, the best first; may be empty.

    A kernel or udev update may add a better name: compare a recorded one with all of them.
    """
    kind = mount["type"]
    if kind in _VOLATILE or kind.startswith("fuse"):
        return []
    names = [_ioctl_uuid(path, call) for call in _UUID_IOCTLS[""] + _UUID_IOCTLS.get(kind, [])]
    names.append(_udev_uuid(mount))
    if kind in _STABLE_FSID:
        names.append("fsid:%016x" % f_fsid(path))
    return list(dict.fromkeys(name for name in names if name))


def fs_uuid(path, mount):
    """The best lasting name of the file system that holds `path`; empty when there is none."""
    return (fs_names(path, mount) + [""])[0]


def fsid(path, mount):
    """Equal for two paths exactly when they share one file system, whatever is mounted how."""
    return fs_uuid(path, mount) or "dev:%d" % os.stat(path).st_dev


def _ioctl_uuid(path, call):
    request, size, offset = call
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        answer = fcntl.ioctl(handle, request, bytes(size))
    except OSError:
        return ""
    finally:
        os.close(handle)
    value = answer[offset : offset + 16]
    return uuid_text(value) if any(value) else ""


def _udev_uuid(mount):
    """As blkid would say, from udev's links; FAT and the like have short ones."""
    folder = "/dev/disk/by-uuid"
    try:
        device = os.stat(mount["source"]).st_rdev
        for name in os.listdir(folder):
            if os.stat(os.path.join(folder, name)).st_rdev == device and device:
                return name.lower()
    except OSError:
        pass
    return ""


def f_fsid(path):
    """statvfs' f_fsid; os.statvfs has it from Python 3.7 on."""
    status = os.statvfs(path)
    number = getattr(status, "f_fsid", None)
    if number is not None:
        return number
    import ctypes  # slow to load, and only Python 3.6 needs it

    words = ctypes.create_string_buffer(256)
    ctypes.CDLL(None, use_errno=True).statvfs(os.fsencode(path), words)
    return struct.unpack_from("9N", words.raw)[8]


def space(path):
    """{"free_bytes", "size_bytes", "used_bytes", "inodes_free", "inodes", "read_only"}.

    Free is what users may take: what ext4 keeps for root is neither free nor used.
    """
    status = os.statvfs(path)
    return {
        "free_bytes": status.f_bavail * status.f_frsize,
        "used_bytes": (status.f_blocks - status.f_bfree) * status.f_frsize,
        "size_bytes": status.f_blocks * status.f_frsize,
        "inodes_free": status.f_favail,
        "inodes": status.f_files,
        "read_only": bool(status.f_flag & os.ST_RDONLY),
    }


def users(path, limit=5):
    """Processes that stand in, or have open, something below a mount point: ["bash (pid 12)"].

    Read from links in /proc, which never touches the mount itself: it may hang.
    """
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        home = "/proc/" + pid
        if len(found) < limit and any(is_inside(link, path) for link in _links(home)):
            with open(home + "/comm") as file:
                found.append("%s (pid %s)" % (file.readline().strip(), pid))
    return found


def _links(home):
    """What a process has as its directory, its root, and its open files; nothing if it ended."""
    links = []
    try:
        names = ["cwd", "root"] + ["fd/" + name for name in os.listdir(home + "/fd")]
        for name in names:
            links.append(os.readlink(os.path.join(home, name)))
    except OSError:
        pass
    return links
