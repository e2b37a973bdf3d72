"""Who really holds the cluster lock here, and the end of a worker that does not let it go.

The lock file is never unlinked: two processes could then hold two files of one name.
"""

import os
import signal
import time

from common import RUN, ModuleError, cluster_dir, read_json

WORKER = b"exec(zlib.decompress(sys.stdin.buffer.read("
"""In the command line of every kadalu worker: its bootstrap."""

PATIENCE = 6.0
"""Seconds after SIGTERM: a worker kills what it runs first, within a second."""
_STEP = 0.1


def run(params, ctx):
    """`op`: find | end, on {"cluster_id"}.

    find → {"held": bool, "holder": what the holder wrote | None, "processes": [{"pid", "start",
    "worker": bool, "command": [word]}]}; a lock may be held by a process that cannot be seen.
    end {"pid", "start"} → {"ended": "SIGTERM" | "SIGKILL" | "gone", "left": [{"pid", "command"}]}:
    a worker that holds the lock, and nothing else; `left` is what it had started and goes on.
    """
    path = os.path.join(cluster_dir(RUN, params["cluster_id"]), "cluster.lock")
    if params["op"] == "end":
        return _end(path, params["pid"], params["start"], ctx)
    return _find(path, os.path.join(os.path.dirname(path), "cluster.holder"))


def _find(path, note):
    found = _stat(path)
    pids = _lockers(found) if found else []
    seen = [_describe(pid, found) for pid in pids if pid > 0 and _has_open(pid, found)]
    return {
        "held": bool(pids), "holder": _note(note) if pids else None,
        "processes": [process for process in seen if process],
    }  # fmt: skip


def _stat(path):
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _note(path):
    """It is beside the lock for people: a damaged one is no reason to say nothing."""
    try:
        return read_json(path)
    except ModuleError:
        return None


# --- who ---


def _lockers(found):
    """Pids that /proc/locks names for the file; 0 or less where the kernel shows none.

    Some file systems show another device number there than stat does. So only a process that is
    seen to have the file open counts in spite of that.
    """
    device = "%02x:%02x" % (os.major(found.st_dev), os.minor(found.st_dev))
    with open("/proc/locks") as file:
        lines = [line.split() for line in file]
    # A line with "->" is of one that waits.
    locks = [(f[5].rpartition(":"), int(f[4])) for f in lines if len(f) > 5 and f[1] == "FLOCK"]
    mine = [(at, pid) for (at, _, inode), pid in locks if inode == str(found.st_ino)]
    return [pid for at, pid in mine if at == device or (pid > 0 and _has_open(pid, found))]


def _has_open(pid, found):
    folder = "/proc/%d/fd" % pid
    try:
        return any(_is_same(os.path.join(folder, name), found) for name in os.listdir(folder))
    except OSError:
        return False


def _is_same(path, found):
    try:
        other = os.stat(path)
    except OSError:
        return False
    return (other.st_dev, other.st_ino) == (found.st_dev, found.st_ino)


def _describe(pid, found):
    start = _stat_fields(pid)[19:20]
    command = _command(pid)
    if not start:
        return None
    worker = _is_worker(command) and pid != os.getpid()
    words = [word.decode("utf-8", "backslashreplace")[:80] for word in command[:6]]
    return {"pid": pid, "start": start[0], "worker": worker, "command": words}


def _command(pid):
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as file:
            return file.read().rstrip(b"\0").split(b"\0")
    except OSError:
        return []


def _is_worker(command):
    """`python3 -I -S -c BOOTSTRAP`, as the controller starts it."""
    return len(command) == 5 and command[1:4] == [b"-I", b"-S", b"-c"] and WORKER in command[4]


def _stat_fields(pid):
    """Fields of /proc/PID/stat after the name: state, parent, …; none when it is gone."""
    try:
        with open("/proc/%d/stat" % pid, "rb") as file:
            text = file.read().decode("ascii", "replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


# --- its end ---


def _end(path, pid, start, ctx):
    left = []
    for number, name in ((signal.SIGTERM, "SIGTERM"), (signal.SIGKILL, "SIGKILL")):
        # Looked at again each time: the pid may be another process's by now.
        if not _may_end(path, pid, start):
            return {"ended": "gone", "left": left}
        left = _children(pid)
        _send(pid, number)
        if _is_gone_soon(pid, start, ctx):
            return {"ended": name, "left": [child for child in left if _is_alive(child)]}
    raise ModuleError("refused", "process %d does not end: look at it with ps on this host" % pid)


def _may_end(path, pid, start):
    """False when it is gone, or let the lock go. Raises ModuleError for what is no worker."""
    found = _stat(path)
    if _is_gone(pid, start) or not found or pid not in _lockers(found):
        return False
    if not _is_worker(_command(pid)) or pid == os.getpid() or not _has_open(pid, found):
        raise ModuleError("refused", "process %d is no kadalu worker: it was left alone" % pid)
    return True


def _send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def _is_gone_soon(pid, start, ctx):
    end = time.monotonic() + PATIENCE
    while not _is_gone(pid, start):
        if time.monotonic() > end:
            return False
        ctx.check_cancelled()
        time.sleep(_STEP)
    return True


def _is_gone(pid, start):
    """A zombie holds nothing any more."""
    fields = _stat_fields(pid)
    return fields[19:20] != [start] or fields[0] == "Z"


def _children(pid):
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    found = [(child, _stat_fields(child)) for child in pids]
    return [_child(child, f[19]) for child, f in found if len(f) > 19 and f[1] == str(pid)]


def _child(pid, start):
    command = b" ".join(_command(pid)).decode("utf-8", "backslashreplace")
    return {"pid": pid, "start": start, "command": command[:200]}


def _is_alive(child):
    return not _is_gone(child["pid"], child["start"])
