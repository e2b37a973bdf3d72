"""What a crawl does: the layout of every directory, then every file of its unit."""

import errno
import itertools
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


_TWICE = "another group has another file of this name: see which is right, and remove one"
"""Nothing is in place in a group that leaves."""


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


def _size(found):
    """Bytes that are allocated, shared out among the names of a file: no matter which of them were
    counted before, all of them together are the file once.
    """
    return found.st_blocks * 512 // max(1, found.st_nlink - 1)


def _scan(job, book, stopping):
    """How much there is."""
    book.set(phase="counting")
    total, count = 0, 0
    for path in directories.walk(job["unit"]):
        if stopping.is_set():
            return
        for _, found in directories.files(job["unit"], path):
            total, count = total + _size(found), count + 1
        book.save()
    book.set(total_bytes=total, total_files=count)


def _migrate(job, book, stopping):
    """Ask for every file that it be moved to where its name says; DHT knows whether it is there."""
    book.set(phase="files")
    with ThreadPoolExecutor(crew_size(job["throttle"])) as crew:
        # First what an earlier run had before it when it ended.
        _have_moved(partial(_again, job, book, stopping), book, crew)
        found = _files(job["unit"], book, stopping)
        while not stopping.is_set():
            batch = list(itertools.islice(found, _CHUNK))
            if not batch:
                break
            book.take(batch)
            _have_moved(partial(_file, job, book, stopping), book, crew)
    return not stopping.is_set()


def _have_moved(act, book, crew):
    for _ in crew.map(act, sorted(book["left"])):
        pass


def _files(unit, book, stopping):
    """Yield ((the folder before, folder, name), bytes, whether it has other names) of all files
    after those that were taken already.
    """
    before, folder, name = book["at"], book["folder"], book["name"]
    for path in directories.walk(unit, before):
        if stopping.is_set():
            return
        for each, found in directories.files(unit, path):
            if path != folder or each > name:
                yield (before, path, each), _size(found), found.st_nlink > _LINKS
        before = path
        book.save()


def _again(job, book, stopping, path):
    """A file that an earlier run may have moved, and not written that down."""
    gone = not directories.holds(job["unit"], path)
    _file(job, book, stopping, path, "moved" if gone else "in place")


def _file(job, book, stopping, path, in_place="in place"):
    """Deal with a file, and count it; not when told to stop meanwhile.

    `in_place`: what it means that there is nothing to move.
    """
    if stopping.is_set():
        return
    outcome, why = _move(os.path.join(job["mount"], path), job["force"], stopping)
    linked = book["left"][path][1]
    if outcome == "failed" and linked and job["kind"] == "migrate":
        outcome = "hard links"  # DHT moves them only off a group that is leaving
    if outcome == "in place" == in_place and job["kind"] == "shrink":
        outcome, why = "failed", _TWICE
    if outcome:
        book.count(path, in_place if outcome == "in place" else outcome, why)
        book.save()


def _move(path, force, stopping):
    """("moved", or the reason why not; or "failed", and why). None: told to stop meanwhile."""
    value = b"force" if force else b"1"
    try:
        _patiently(lambda: os.setxattr(path, MIGRATE, value, follow_symlinks=False), stopping)
    except OSError as error:
        left = _LEFT.get(error.errno)
        return (left, None) if left else ("failed", error.strerror)
    return (None, None) if stopping.is_set() else ("moved", None)
