"""`history/`: every document this laptop saved, and whether each follows the one before."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

from kadalu_ssh.files import read_text
from kadalu_ssh.model.errors import Failed
from kadalu_ssh.model.records import Document
from kadalu_ssh.state.document import decode, digest, text_digest

_NAME = re.compile(r"(\d{1,9})-(\d{8,12})-([0-9a-f]{8})\.json", re.ASCII)


class Entry(NamedTuple):
    """One file; its name tells where in the chain it stands."""

    epoch: int
    serial: int
    mark: str
    """The first eight digits of its digest."""
    path: Path

    @property
    def label(self) -> str:
        return f"{self.epoch}-{self.serial}"


@dataclass(frozen=True)
class Kept:
    """A document of the history, and the digests it has or had.

    The digest of its text was taken by the kadalu that wrote it; one with more fields in its
    records takes another of the same document.
    """

    document: Document
    digests: frozenset[str]


@dataclass(frozen=True)
class Fault:
    """What is wrong with one entry."""

    entry: Entry
    unreadable: bool
    reason: str


class History:
    """Of one cluster. Files are read when they are needed, once."""

    def __init__(self, directory: Path) -> None:
        """`directory` is the cluster's."""
        self.folder = directory / "history"
        self.read = cache(_read)

    @cached_property
    def entries(self) -> list[Entry]:
        """Oldest first; what is not named like an entry is none of ours."""
        try:
            found = [_entry(path) for path in self.folder.iterdir()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise Failed(f"cannot read {self.folder}: {error.strerror}") from error
        return sorted(entry for entry in found if entry)

    def select(self, wanted: str) -> list[Entry]:
        """`SERIAL`, `EPOCH-SERIAL` or `EPOCH-SERIAL-DIGEST` → the entries that it fits."""
        parts = wanted.split("-")
        if len(parts) == 1:
            return [e for e in self.entries if parts[0].lstrip("0") == _plain(e.serial)]
        keys = [part.lstrip("0") for part in parts[:2]]
        found = [e for e in self.entries if keys == [_plain(e.epoch), _plain(e.serial)]]
        return [e for e in found if e.mark in parts[2:]] if parts[2:] else found

    def newest(self) -> Document | None:
        """The newest document that can be read."""
        for entry in reversed(self.entries):
            kept = self.readable(entry)
            if kept:
                return kept.document
        return None

    def readable(self, entry: Entry) -> Kept | None:
        try:
            return self.read(entry)
        except Failed:
            return None

    def ancestors(self, document: Document) -> Iterator[frozenset[str]]:
        """Digests of what `document` came from, newest first, as far back as is known here."""
        child: Document | None = document
        while child is not None and child.parent:
            kept = self._parent(child)
            yield frozenset([child.parent]) | (kept.digests if kept else frozenset())
            child = kept.document if kept else None

    def descends(self, document: Document, other: Document) -> bool:
        """Whether the parents lead from `document` back to `other`."""
        wanted = digest(other)
        return any(wanted in digests for digests in self.ancestors(document))

    def _parent(self, child: Document) -> Kept | None:
        mark, serial = child.parent[:8], child.serial - 1
        near = [e for e in self.entries if e.mark == mark or e.serial == serial]
        kept = (self.readable(entry) for entry in near)
        return next((k for k in kept if k and child.parent in k.digests), None)

    def contradicts(self, document: Document) -> bool:
        """Whether another document was saved here with this one's epoch and serial, and not it."""
        place = (document.epoch, document.serial)
        kept = [self.readable(e) for e in self.entries if (e.epoch, e.serial) == place]
        found = [k for k in kept if k]
        return bool(found) and not any(digest(document) in k.digests for k in found)

    def faults(self) -> list[Fault]:
        """Entries that cannot be read, are not what they are named, or have another parent."""
        found = (self._fault(entry) for entry in self.entries)
        return [fault for fault in found if fault]

    def _fault(self, entry: Entry) -> Fault | None:
        try:
            kept = self.read(entry)
        except Failed as error:
            return Fault(entry, True, error.message)
        before = [e for e in self.entries if (e.epoch, e.serial) == (entry.epoch, entry.serial - 1)]
        parents = [p for p in map(self.readable, before) if p]
        if parents and not any(kept.document.parent in parent.digests for parent in parents):
            return Fault(entry, False, f"{entry.label} does not follow {before[0].label}")
        return None


def _plain(number: int) -> str:
    """Without leading zeros; 0 is empty."""
    return str(number).lstrip("0")


def _entry(path: Path) -> Entry | None:
    match = _NAME.fullmatch(path.name)
    return Entry(int(match[1]), int(match[2]), match[3], path) if match else None


def _read(entry: Entry) -> Kept:
    """Raises Failed for a file that cannot be read, or whose name does not fit it."""
    text = read_text(entry.path) or ""
    document = decode(text, str(entry.path), hint="the other entries: kadalu state history")
    digests = frozenset([text_digest(text), digest(document)])
    fits = (document.epoch, document.serial) == (entry.epoch, entry.serial)
    if not fits or not any(found.startswith(entry.mark) for found in digests):
        raise Failed(f"{entry.path} is not what its name says: it was edited")
    return Kept(document, digests)
