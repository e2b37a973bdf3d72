"""What is at a path, before it becomes a storage unit. Leaves nothing behind."""

import errno
import os

import filesystems
import marks

_PROBE = "trusted.kadalu.probe"


def probe(path):
    """Everything that decides whether `path` can be a storage unit; bytes and counts.

    For a path that does not exist yet, the values of the file system are those of its nearest
    existing parent: that is where it would be made.
    """
    table = filesystems.mounts()
    base = nearest(path)
    mount = filesystems.mount_of(base, table)
    found = {
        "exists": os.path.lexists(path),
        "is_dir": os.path.isdir(path),
        "is_symlink": os.path.islink(path),
        "real_path": os.path.realpath(path),
        "parent_exists": os.path.isdir(os.path.dirname(path)),
        "volume_id": marks.volume_id(path),
        "parent_volume_id": marks.marked_parent(path),
        "record": marks.record(path),
        "mount_point": mount["point"],
        "is_mount_point": os.path.realpath(path) == mount["point"],
        "is_rootfs": mount["device"] == filesystems.mount_of("/", table)["device"],
        "fs_type": mount["type"],
        "fs_uuid": filesystems.fs_uuid(base, mount),
        "fsid": filesystems.fsid(base, mount),
        "xattr": why_no_xattr(base),
    }
    found.update(_entries(path))
    found.update(filesystems.space(base))
    return found


def nearest(path):
    """The path itself if it is a directory, else its nearest parent that is one."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def free_bytes(path):
    """Free for users, on the file system that holds `path`."""
    return filesystems.space(nearest(path))["free_bytes"]


def _entries(path):
    """Names in the directory; a file system's own lost+found does not make it used."""
    try:
        names = sorted(name for name in os.listdir(path) if name != "lost+found")
    except OSError:
        names = []
    return {"empty": not names, "entries": names[:5]}


def why_not_writable(path):
    """None when a file can be made in `path` (or in the parent where it would be), else why not."""
    return _try_file(nearest(path), lambda handle: None)


def why_no_xattr(folder):
    """None when the file system takes GlusterFS's xattrs, else why not."""
    return _try_file(folder, lambda handle: os.setxattr(handle, _PROBE, b"1"))


def _try_file(folder, use):
    try:
        handle = _nameless_file(folder)
    except OSError as error:
        return error.strerror
    try:
        use(handle)
    except OSError as error:
        return error.strerror
    finally:
        os.close(handle)
    return None


def _nameless_file(folder):
    """A file that is gone as soon as it is closed."""
    try:
        return os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT):
            raise
    name = os.path.join(folder, ".kadalu-probe-%d" % os.getpid())
    handle = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    os.unlink(name)
    return handle
