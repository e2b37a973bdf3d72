"""What node modules share. Python 3.6, standard library only.

Modules are loaded by the worker under their bare names, so they import each other so:
`from common import ModuleError`.
"""

import errno
import fcntl
import json
import os

LIB = "/var/lib/kadalu"
RUN = "/run/kadalu"
LOG = "/var/log/kadalu"
UNITS = "/etc/systemd/system"
UNFINISHED = ".kadalu-new"
"""Ends the name of a file that is being written, until it is whole."""


class ModuleError(Exception):
    """An answer to the controller: `kind` it may branch on, `reason` the user reads."""

    def __init__(self, kind, reason, detail=""):
        Exception.__init__(self, reason)
        self.kind = kind
        self.reason = reason
        self.detail = detail


def write_atomic(path, text, mode=0o600, durable_name=True):
    """Replace `path` by `text`: durable, whole or not at all.

    Without `durable_name` the caller syncs the directory, once for all its files.
    """
    data = text.encode("utf-8")
    temporary = path + UNFINISHED
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
        try:
            os.fchmod(handle, mode)
            _write_all(handle, data)
            os.fsync(handle)
        finally:
            os.close(handle)
        os.rename(temporary, path)
    except OSError as error:
        remove_quietly(temporary)
        raise OSError(error.errno, error.strerror, path)
    if durable_name:
        sync_dir(os.path.dirname(path))


def sweep(folders):
    """Remove what a power cut or a kill left unfinished. Only with the host's lock held."""
    for folder in folders:
        if os.path.isdir(folder):
            for name in os.listdir(folder):
                if name.endswith(UNFINISHED):
                    remove_quietly(os.path.join(folder, name))


def _write_all(handle, data):
    while data:
        data = data[os.write(handle, data) :]


def sync_dir(path):
    """Make renames and unlinks in `path` durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_quietly(path):
    """Unlink `path`; an absent one is fine. Returns whether it was there."""
    try:
        os.unlink(path)
        return True
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR):
            raise
        return False


def read_text(path):
    """The file's text, or None when there is none."""
    try:
        with open(path, "r", encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def read_json(path):
    """The file's JSON, or None when there is none. Raises ModuleError when it is damaged."""
    text = read_text(path)
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise ModuleError("refused", "%s is damaged: %s" % (path, error))


def write_json(path, value):
    """As write_atomic, sorted and indented."""
    write_atomic(path, json.dumps(value, indent=1, sort_keys=True) + "\n")


def make_dirs(path, mode=0o700):
    """Make `path` and its parents; an existing directory is left as it is."""
    if not os.path.isdir(path):
        os.makedirs(path, mode, exist_ok=True)


def cluster_dir(base, cluster_id):
    """`/var/lib/kadalu/<cluster-id>` and the like; refuses an id that is not one."""
    if not cluster_id or "/" in cluster_id or cluster_id.startswith("."):
        raise ModuleError("refused", "not a cluster id: %r" % (cluster_id,))
    return os.path.join(base, cluster_id)


def memberships():
    """{cluster id: {"node_id", "epoch", "serial"}} of the clusters that have claimed this host.

    `epoch` and `serial` of the newest work it has seen: 0 before any. Damaged files are left out.
    """
    found = {}
    if not os.access(LIB, os.R_OK | os.X_OK):
        return found
    for cluster_id in os.listdir(LIB):
        try:
            home = os.path.join(LIB, cluster_id)
            identity = read_json(os.path.join(home, "identity.json"))
            seen = read_json(os.path.join(home, "fence.json")) or {}
        except (OSError, ModuleError):
            continue
        if identity:
            found[cluster_id] = {
                "node_id": identity.get("node_id"),
                "epoch": seen.get("epoch", 0), "serial": seen.get("serial", 0),
            }  # fmt: skip
    return found


def uuid_text(data):
    """16 bytes → `8-4-4-4-12` hexadecimal digits."""
    digits = data.hex()
    return "-".join(digits[a:b] for a, b in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32)))


def uuid_bytes(text):
    """The reverse of uuid_text. Raises ModuleError for what is none."""
    data = bytes.fromhex(text.replace("-", ""))
    if len(data) != 16:
        raise ModuleError("refused", "not a UUID: %r" % (text,))
    return data


def boot_id():
    """What is another one after every boot: the kernel's id, and when its first process began.

    A container that is started again has the kernel's old id, but a new first process.
    """
    kernel = (read_text("/proc/sys/kernel/random/boot_id") or "").strip()
    stat = read_text("/proc/1/stat") or ""
    # Field 22 is the start time; the name in field 2 may hold anything but ")".
    began = stat.rpartition(")")[2].split()[19:20]
    return "%s.%s" % (kernel, began[0] if began else "0")


def try_flock(ctx, path):
    """Hold an exclusive flock on `path` until this worker ends. Returns whether it is held.

    The file is never unlinked: two processes could hold two files of one name. The handle is not
    inherited by children, so the lock goes with the worker.
    """
    held = ctx.state.setdefault("locks", {})
    if path in held:
        return True
    make_dirs(os.path.dirname(path))
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        os.close(handle)
        return False
    held[path] = handle
    return True


def release_flock(ctx, path):
    """Let go of a lock that try_flock took."""
    handle = ctx.state.get("locks", {}).pop(path, None)
    if handle is not None:
        os.close(handle)
