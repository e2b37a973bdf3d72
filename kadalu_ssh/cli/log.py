"""The log file: what went wrong inside, in full, where only its owner reads it."""

import os
import sys
import time
import traceback
from pathlib import Path

from kadalu_ssh.files import make_private

_LIMIT = 5 * 1024 * 1024


def log_path() -> Path:
    """`$XDG_STATE_HOME/kadalu/kadalu.log`."""
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(base).expanduser() / "kadalu" / "kadalu.log"


def log_trace(error: Exception, words: list[str]) -> Path:
    """Append a trace; returns the file, also when it could not be written."""
    path = log_path()
    try:
        make_private(path.parent)
        if path.exists() and path.stat().st_size > _LIMIT:
            path.replace(path.with_suffix(".log.1"))
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a") as file:
            file.write(f"--- {time.strftime('%Y-%m-%dT%H:%M:%S')} kadalu {words}\n")
            file.write("".join(traceback.format_exception(error)))
    except OSError as failure:
        print(f"warning: cannot write {path}: {failure.strerror}", file=sys.stderr)
    return path
