"""How far a crawl is: a file that a later run of it, and whoever asks for the status, reads."""

import copy
import os
import threading
import time

from common import read_json, write_json

_SAVE_EVERY = 1.0
_FAILURES_KEPT = 20
_BLANK = {
    "state": "running", "phase": "layout", "reason": None,
    "layout_at": None, "layout_done": False, "directories": 0, "directories_total": None,
    "at": None, "folder": None, "name": None, "left": {}, "total_bytes": None, "total_files": None,
    "bytes_scanned": 0, "files_scanned": 0, "bytes_moved": 0, "files_moved": 0,
    "skipped": {}, "files_failed": 0, "failures": [], "percent": 0, "seconds": 0.0, "alive": 0.0,
}  # fmt: skip


class Book(object):
    """The numbers, by name; `save` writes them down at most once a second."""

    def __init__(self, path, moves_files):
        self.path = path
        self.moves_files = moves_files
        self.values = dict(copy.deepcopy(_BLANK), **(read_json(path) or {}))
        self._lock = threading.Lock()
        self._saved = 0.0
        self._began = time.monotonic()
        self._before = self.values["seconds"]

    def __getitem__(self, name):
        return self.values[name]

    def begin(self):
        """A run of it begins, perhaps not the first."""
        self.set(state="running", reason=None)

    def end(self, state, reason=None):
        """It is over: complete, failed or interrupted."""
        if state == "complete":
            self.values["percent"] = 100
        self.set(state=state, reason=reason)

    def set(self, **values):
        """Change numbers, and write all of them down now."""
        self.values.update(values)
        self._write()

    def take(self, batch):
        """Write down which files are next, before anything is done with them: who goes on after a
        crash knows which of them were not counted, though they may be gone from here by then.

        `batch`: ((the folder before, folder, name), bytes, linked), in the order of the walk.
        """
        at, folder, name = batch[-1][0]
        left = {os.path.join(f, n): [size, linked] for (_, f, n), size, linked in batch}
        self.set(at=at, folder=folder, name=name, left=left)

    def count(self, path, outcome, why=None):
        """A file was dealt with: `moved`, `failed`, or the reason why it was left where it is."""
        with self._lock:
            size = self.values["left"].pop(path)[0]
            self.values["files_scanned"] += 1
            self.values["bytes_scanned"] += size
            if outcome == "moved":
                self.values["files_moved"] += 1
                self.values["bytes_moved"] += size
            elif outcome == "failed":
                self.values["files_failed"] += 1
                failures = self.values["failures"] + [{"path": path, "reason": why}]
                self.values["failures"] = failures[-_FAILURES_KEPT:]
            else:
                skipped = self.values["skipped"]
                skipped[outcome] = skipped.get(outcome, 0) + 1

    def save(self):
        """Write down, unless that was done a moment ago."""
        if time.monotonic() - self._saved >= _SAVE_EVERY:
            self._write(_SAVE_EVERY)

    def _write(self, unless_since=0.0):
        with self._lock:
            now = time.monotonic()
            if now - self._saved < unless_since:
                return  # another thread just did
            self._saved = now
            self.values["seconds"] = self._before + self._saved - self._began
            self.values["alive"] = time.time()
            self.values["percent"] = max(self.values["percent"], self._percent())
            write_json(self.path, self.values)

    def _percent(self):
        """100 is only for what is complete: files may come while it runs. Where files are moved,
        the layout counts for nothing: they are what takes time.
        """
        if not self.moves_files:
            done, total = self.values["directories"], self.values["directories_total"]
        else:
            done, total = self.values["bytes_scanned"], self.values["total_bytes"]
        return min(99, int(100 * done / total)) if total else 0
