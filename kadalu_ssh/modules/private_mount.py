"""A mount that nobody else sees, for as long as a piece of work on a volume takes."""

import os
import subprocess
import time

from common import ModuleError, make_dirs, read_text

_PATIENCE = 60.0


def mount(run, program, volfile, point, log, options=()):
    """Mount `volfile` on `point`. `run(argv)` → (exit status, stdout, stderr).

    One that an earlier try left there goes first. Raises ModuleError.
    """
    unmount(run, point)
    make_dirs(point)
    make_dirs(os.path.dirname(log))
    argv = [program, "--process-name", "kadalu-crawl", "-f", volfile, "-l", log]
    status, out, err = run(argv + list(options) + [point])
    if status != 0 or not is_mounted(point):
        said = (err or out).strip().splitlines()[-1:] or ["see %s" % log]
        raise ModuleError("glusterfs", "the volume could not be mounted: %s" % said[0])


def unmount(run, point):
    """Take the mount away, also one whose process is gone; the directory goes too."""
    while is_mounted(point):
        status, _, err = run(["umount", "-l", point])
        if status != 0:
            raise ModuleError("glusterfs", "%s: %s" % (point, err.strip()))
    try:
        os.rmdir(point)
    except OSError:
        pass


def is_mounted(point):
    """By the mount table: a stat would hang on a mount that nobody serves."""
    with open("/proc/self/mountinfo", "r", encoding="utf-8", errors="surrogateescape") as file:
        return any(line.split(" ")[4] == point for line in file)


def wait_whole(point, units, limit=_PATIENCE):
    """Wait until the mount is connected to so many storage units. Raises ModuleError."""
    end = time.monotonic() + limit
    while True:
        found = _connected(point)
        if found >= units:
            return
        if time.monotonic() > end:
            text = "the mount reaches %d of %d storage units" % (found, units)
            raise ModuleError("glusterfs", text)
        time.sleep(0.1)


def _connected(point):
    """How many clients of the mount's graph are connected, as GlusterFS's own `.meta` tells."""
    graph = os.path.join(point, ".meta", "graphs", "active")
    try:
        texts = [read_text(os.path.join(graph, name, "private")) for name in os.listdir(graph)]
    except OSError:
        return 0
    clients = [text for text in texts if text and "[xlator.protocol.client." in text]
    return sum("\nconnected = 1\n" in text for text in clients)


def program(argv):
    """Run a program to its end, whatever became of the call; → (exit status, stdout, stderr)."""
    pipe = subprocess.PIPE
    done = subprocess.run(argv, check=False, stdout=pipe, stderr=pipe)
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode()
