"""One mutating command at a time on this laptop: a flock that dies with its process."""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kadalu_ssh.files import make_private, read_text
from kadalu_ssh.model.errors import Failed, Locked

_RETRY_SECONDS = 0.1
_SPACE = 1 << 20
_FILES = 4


@contextmanager
def local_lock(directory: Path, holder: str, timeout: float) -> Iterator[None]:
    """Hold `directory/lock`; raises Locked naming the holder after `timeout` seconds.

    The file is never unlinked: unlinking a flock file lets two processes hold it at once.
    """
    handle = _open(directory / "lock")
    try:
        _acquire(handle, directory / "lock", timeout)
        _sign(handle, directory / "lock", holder)
        yield
    finally:
        os.close(handle)


def _open(path: Path) -> int:
    try:
        make_private(path.parent)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Failed(f"cannot open {path}: {error.strerror}") from error


def _sign(handle: int, path: Path, holder: str) -> None:
    """Say who holds it. A full disk is noticed here, before anything is touched: what a command
    did on nodes has to be saved here in the end."""
    try:
        _need_space(handle)
        os.ftruncate(handle, 0)
        os.pwrite(handle, holder.encode(errors="replace"), 0)
    except OSError as error:
        raise Failed(
            f"cannot write {path}: {error.strerror}",
            hint="nothing was touched; free some space or mend its directory, then retry",
        ) from error


def _need_space(handle: int) -> None:
    disk = os.fstatvfs(handle)
    # Some file systems count no inodes at all.
    if disk.f_bavail * disk.f_frsize < _SPACE or (disk.f_files and disk.f_favail < _FILES):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _acquire(handle: int, path: Path, timeout: float) -> None:
    end = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                raise Locked(
                    f"another kadalu command runs on this machine: {read_text(path) or 'unknown'}",
                    hint="wait for it to end, or give --lock-timeout SECONDS",
                ) from None
            time.sleep(_RETRY_SECONDS)
        except OSError as error:  # a network file system without locks
            raise Failed(f"cannot lock {path}: {error.strerror}") from error
        else:
            return
