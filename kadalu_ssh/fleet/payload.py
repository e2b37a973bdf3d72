"""What is sent to a node's Python: the bootstrap on the command line, the rest on stdin."""

import json
import struct
import zlib
from functools import cache
from importlib.resources import files

MAGIC = b"KADALU-WORKER-1\n"
PROGRAM = "the worker ended"

READY = b"sys.version_info("
"""Printed before anything is read: with a sudo password, nothing may be sent earlier."""

# No quotes, no dollar, no backslash: every login shell passes it on as it is.
BOOTSTRAP = (
    "import sys,zlib;print(sys.version_info);sys.stdout.flush();"
    "exec(zlib.decompress(sys.stdin.buffer.read(int(sys.stdin.buffer.readline()))))"
)


@cache
def boot_message() -> bytes:
    """The worker's source, after what it needs itself: decimal length, newline, compressed."""
    modules = files("kadalu_ssh.modules")
    boot = {"common": (modules / "common.py").read_text(encoding="utf-8")}
    source = f"BOOT = {boot!r}\n{(modules / 'worker.py').read_text(encoding='utf-8')}"
    data = zlib.compress(source.encode(), 9)
    return b"%d\n%s" % (len(data), data)


@cache
def modules_frame() -> bytes:
    """The frame with every module that runs on nodes, by name; compressed once for all nodes."""
    sources = {
        entry.name[:-3]: entry.read_text(encoding="utf-8")
        for entry in files("kadalu_ssh.modules").iterdir()
        if entry.name.endswith(".py")
        and entry.name not in ("worker.py", "common.py", "__init__.py")
    }
    data = zlib.compress(json.dumps({"modules": sources}, sort_keys=True).encode(), 6)
    return b"Z" + struct.pack(">I", len(data)) + data
