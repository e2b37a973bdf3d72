"""What a crawl does: the layout of every directory, then every file of its unit."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import directories

FIX = "distribute.fix.layout"
MIGRATE = "trusted.distribute.migrate-data"
MARK = "trusted.kadalu.layout"
"""On the volume's root, set through a mount: the last run whose layout is fixed."""

_LINKS = 2
"""Names of a file that has one: the other is in .glusterfs."""
_CHUNK = 256
_TRIES = 20
_PAUSE = 3.0
# A unit that is restarted, or a file that is just being healed: it may work in a moment.
_AGAIN = (
    errno.ENOTCONN,
    errno.ESTALE,
    errno.EIO,
    errno.ETIMEDOUT,
    errno.EAGAIN,
    errno.ENOTRECOVERABLE,
)
_LEFT = {
    errno.EEXIST: "in place", errno.ENOENT: "gone", errno.ENOSPC: "no space there",
    errno.EBUSY: "locked",
}  # fmt: skip


def crew_size(throttle, cores=None):
    """How many files at a time. Bricks on few cores get slower by more: measured."""
    cores = cores or os.cpu_count() or 1
    if throttle == "lazy":
        return 1
    return min(4, max(1, cores // 2)) if throttle == "normal" else min(16, max(2, cores))


def work(job, book, stopping):
    """All that the job asks for. Returns False when it was told to stop before the end."""
    done = _layout(job, book, stopping) if job["lead"] else _wait(job, book, stopping)
    if not done or job["kind"] == "layout":
        return done
    if book["total_bytes"] is None:
        _scan(job, book, stopping)
    return not stopping.is_set() and _migrate(job, book, stopping)


# --- the layout ---


def _layout(job, book, stopping):
    """Give every directory a layout that the groups of the volume have a part in."""
    if not book["layout_done"]:
        book.set(phase="layout", directories_total=_count(job, book))
        for path in directories.walk(job["unit"], book["layout_at"]):
            if stopping.is_set():
                return False
            _patiently(partial(_fix, os.path.join(job["mount"], path)), stopping)
            book.values.update(layout_at=path, directories=book["directories"] + 1)
            book.save()
        book.set(layout_done=True)
    # Set again by a later run of this crawl: it may have died before.
    _patiently(lambda: os.setxattr(job["mount"], MARK, job["run"].encode()), stopping)
    return not stopping.is_set()


def _count(job, book):
    total = 0
    for _ in directories.walk(job["unit"]):
        total += 1
        book.save()
    return total


def _fix(path):
    try:
        os.setxattr(path, FIX, b"yes")
    except OSError as error:
        # .trashcan is not the user's to change; a directory may be gone.
        if error.errno not in (errno.ENOENT, errno.EPERM):
            raise


def _wait(job, book, stopping):
    """Until another group's crawl, the lead, has fixed the layout."""
    book.set(phase="waiting")
    while not stopping.is_set():
        try:
            if os.getxattr(job["mount"], MARK) == job["run"].encode():
                return True
        except OSError as error:
            if error.errno not in _AGAIN + (errno.ENODATA,):
                raise
        book.save()
        stopping.wait(1.0)
    return False


def _patiently(act, stopping):
    """Try again what a unit that is just away makes fail. Raises the last OSError."""
    for left in reversed(range(_TRIES)):
        try:
            return act()
        except OSError as error:
            if error.errno not in _AGAIN or not left:
                raise
            if stopping.wait(_PAUSE):
                return None
    return None


# --- the files ---


def _sized(files, seen):
    """(name, bytes, linked) of files: what is allocated, once for all the names of a file."""
    for name, found in files:
        linked = found.st_nlink > _LINKS
        size = 0 if linked and found.st_ino in seen else found.st_blocks * 512
        if linked:
            seen.add(found.st_ino)
        yield name, size, linked


def _scan(job, book, stopping):
    """How much there is."""
    book.set(phase="counting")
    total, count, seen = 0, 0, set()
    for path in directories.walk(job["unit"]):
        if stopping.is_set():
            return
        for _, size, _ in _sized(directories.files(job["unit"], path), seen):
            total, count = total + size, count + 1
        book.save()
    book.set(total_bytes=total, total_files=count)


def _migrate(job, book, stopping):
    """Ask for every file that it be moved to where its name says; DHT knows whether it is there."""
    book.set(phase="files")
    seen = set()
    with ThreadPoolExecutor(crew_size(job["throttle"])) as crew:
        for path in directories.walk(job["unit"], book["at"]):
            listed = list(_sized(directories.files(job["unit"], path), seen))
            for at in range(0, len(listed), _CHUNK):
                one = partial(_file, job, book, stopping, path)
                list(crew.map(one, listed[at : at + _CHUNK]))
                if stopping.is_set():
                    return False
                book.save()
            book.values["at"] = path
            book.save()
    return not stopping.is_set()


def _file(job, book, stopping, folder, found):
    name, size, linked = found
    if stopping.is_set():
        return
    path = os.path.join(folder, name)
    outcome, why = _move(os.path.join(job["mount"], path), job["force"], stopping)
    if outcome == "failed" and linked and job["kind"] == "migrate":
        outcome = "hard links"  # DHT moves them only off a group that is leaving
    if outcome:
        book.count(outcome, size, {"path": path, "reason": why})


def _move(path, force, stopping):
    """("moved", or the reason why not; or "failed", and why). None: told to stop meanwhile."""
    value = b"force" if force else b"1"
    try:
        _patiently(lambda: os.setxattr(path, MIGRATE, value, follow_symlinks=False), stopping)
    except OSError as error:
        left = _LEFT.get(error.errno)
        return (left, None) if left else ("failed", error.strerror)
    return (None, None) if stopping.is_set() else ("moved", None)
