"""The log file: what was changed from here, and what went wrong inside, for its owner only."""

import os
import re
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

_LIMIT = 5 * 1024 * 1024
_SECRET = re.compile(r"(?i)([\w.-]*(?:passw|secret|token|credential)[\w.-]*=).+", re.DOTALL)
_SECRET_FLAGS = ("--invite",)


def log_path() -> Path:
    """`$XDG_STATE_HOME/kadalu/kadalu.log`."""
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(os.path.expanduser(base)) / "kadalu" / "kadalu.log"  # noqa: PTH111 (never raises)


def redacted(words: Sequence[str]) -> str:
    """The command line without values that may be secret."""
    shown, hide = ["kadalu"], False
    for word in words:
        shown.append("***" if hide else _SECRET.sub(r"\1***", word))
        hide = word in _SECRET_FLAGS
    return " ".join(shown)


def log_line(words: Sequence[str], what: str) -> None:
    """One line on a command that changes things. A log that cannot be written stops nothing."""
    with suppress(OSError):
        _append(f"{_now()} [{os.getpid()}] {redacted(words)!a}: {what!a}\n")


def log_trace(error: BaseException, words: Sequence[str]) -> Path:
    """Append a trace; returns the file, also when it could not be written."""
    try:
        trace = "".join(traceback.format_exception(error))
        _append(f"{_now()} [{os.getpid()}] {redacted(words)!a}\n{trace}")
    except OSError as failure:
        print(f"warning: cannot write {log_path()}: {failure.strerror}", file=sys.stderr)
    return log_path()


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _append(text: str) -> None:
    from kadalu_ssh.files import make_private

    path = log_path()
    make_private(path.parent)
    if path.exists() and path.stat().st_size > _LIMIT:
        path.replace(path.with_suffix(".log.1"))
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    data = text.encode(errors="backslashreplace")
    with os.fdopen(os.open(path, flags, 0o600), "ab") as file:
        file.write(data)
