"""What a GlusterFS process wrote to its log when it did not start."""

import os
import re

_TAIL = 64 * 1024
# These follow from an earlier line, or are written by every process.
_NOISE = re.compile(
    r"No suitable I/O engine|initializing translator failed|^graph: init failed"
    r"|Initialization of volume|: exiting|cleanup_and_exit"
)


def size(path):
    """Bytes of a log; 0 when there is none yet."""
    try:
        return os.path.getsize(path or "")
    except OSError:
        return 0


def errors(path, offset=0, count=3):
    """The first errors after byte `offset`, without their stamps, each once.

    The first: an error of GlusterFS is followed by those of everything that needed what failed.
    """
    messages = [_message(line) for line in _lines(path, offset) if _is_error(line)]
    telling = [message for message in messages if not _NOISE.search(message)] or messages
    return list(dict.fromkeys(telling))[:count]


def _lines(path, offset):
    try:
        with open(path or "", "rb") as file:
            end = file.seek(0, os.SEEK_END)
            # A log that became shorter was rotated: all of it is new.
            file.seek(max(offset if offset <= end else 0, end - _TAIL))
            return file.read().decode("utf-8", "backslashreplace").splitlines()
    except OSError:
        return []


def _is_error(line):
    return line.startswith("[") and line.partition("] ")[2][:2] in ("E ", "C ")


def _message(line):
    """`[stamp] E [MSGID: 1] [file.c:1:func] 0-vol-posix: text` → `vol-posix: text`."""
    rest = line.partition("] ")[2][2:]
    while rest.startswith("[") and "] " in rest:
        rest = rest.partition("] ")[2]
    text = rest.partition("-")[2] if rest[:1].isdigit() else rest
    return text.strip().rstrip(".")
