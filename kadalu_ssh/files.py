"""Files that are whole or absent: written beside, made durable, renamed into place."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from kadalu_ssh.model.errors import Failed


def write_private(path: Path, text: str) -> None:
    """Replace `path` by `text`, mode 0600, durable when this returns.

    Raises Failed, with the old file untouched, when the disk is full or read-only.
    """
    try:
        make_private(path.parent)
        _replace(path, text.encode())
    except OSError as error:
        raise Failed(
            f"cannot save {path}: {error.strerror}",
            hint="the file is as it was before; free some space or mend its directory, then retry",
        ) from error


def make_private(directory: Path) -> None:
    """Make a directory and its missing parents, mode 0700. (mkdir's mode is not for parents.)"""
    if not directory.is_dir():
        make_private(directory.parent)
        directory.mkdir(mode=0o700, exist_ok=True)


def _replace(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make a rename or an unlink in `path` durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_text(path: Path) -> str | None:
    """The file's text, or None when there is none. Raises Failed when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise Failed(f"cannot read {path}: {error}") from error
