"""Put before a worker's main(): every change it makes to its node is a point. Python 3.6.

A change is a call that alters a file, a directory or an xattr, or a program that is run. The points
of a command are numbered per node. `POINT["record"]`: they are written to /root/points. At the one
that is asked for, the worker stops and waits until /root/point-hit is removed. A later worker of
the same command, one that undoes, stops at none.
"""

import os
import socket
import time

POINT = {}  # replaced by the controller's wrapper
_LIST, _HIT, _USED = "/root/points", "/root/point-hit", "/root/point-used"
_CHANGES = (
    "mkdir",
    "rename",
    "link",
    "unlink",
    "rmdir",
    "setxattr",
    "removexattr",
    "chmod",
    "kill",
)
_OPEN, _EXISTS = os.open, os.path.exists
_count = [0]


def _point(what):
    if POINT.get("host") != socket.gethostname():
        return
    number, _count[0] = _count[0], _count[0] + 1
    if POINT.get("record"):
        handle = _OPEN(_LIST, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(handle, ("%d %s\n" % (number, what)).encode("utf-8", "replace"))
        os.close(handle)
    elif number == POINT.get("number") and not _EXISTS(_USED):
        os.close(_OPEN(_USED, os.O_WRONLY | os.O_CREAT, 0o600))
        os.close(_OPEN(_HIT, os.O_WRONLY | os.O_CREAT, 0o600))
        while _EXISTS(_HIT):
            time.sleep(0.02)


def _wrapped(name, call):
    def run(*args, **options):
        if "kadalu-probe" not in str(args) and "trusted.kadalu.probe" not in str(args):
            _point("before %s %s" % (name, args[0]))
            result = call(*args, **options)
            _point("after %s %s" % (name, args[0]))
            return result
        return call(*args, **options)

    return run


def _install(context):
    for name in _CHANGES:
        setattr(os, name, _wrapped(name, getattr(os, name)))
    command = context.command

    def run(self, argv, *args, **options):
        changes = argv[0] == "systemctl" and argv[1] not in ("show", "--version")
        if changes:
            _point("before " + " ".join(argv))
        result = command(self, argv, *args, **options)
        if changes:
            _point("after " + " ".join(argv))
        return result

    context.command = run
