"""The task: what a command set out to do, durable on a majority before it does it."""

import getpass
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import msgspec

from kadalu_ssh.files import read_text, write_private
from kadalu_ssh.model.errors import Failed, KadaluError, Unknown
from kadalu_ssh.model.records import Document, Record
from kadalu_ssh.state.document import encode

_KEEP = 200


class Task(Record, frozen=True, kw_only=True):
    """An intent. Any controller can settle it from this record and the committed document."""

    id: str
    operation: str
    """Name of the phase builder in `operations.plans`."""
    params: dict[str, Any] = {}  # noqa: RUF012 - msgspec copies it
    """What the builder needs besides the two documents."""
    command: str
    who: str
    since: str
    """ISO 8601 UTC."""
    parent: str
    """Digest of the committed document it starts from."""
    new: Document
    phase: int = 0
    """Index of the phase that was entered last; phases before it are complete."""
    forward_only: bool = False
    """A forward-only phase was entered: the task can only be finished."""

    @property
    def title(self) -> str:
        """The operation as the user calls it: `volume create`, `mount`."""
        return self.operation.replace(".", " ").removeprefix("client ")


def decode_task(text: str, source: str) -> Task:
    """Raises Failed naming `source` and the field."""
    try:
        return msgspec.json.decode(text, type=Task)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise Failed(f"{source} holds a task that cannot be read: {error}") from error


def utc_now() -> str:
    """ISO 8601, UTC, seconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def who() -> str:
    """`user@host` of this controller, for lock holders and audit lines."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


class Entry(Record, frozen=True, kw_only=True):
    """What this laptop knows of a task that it began or settled."""

    id: str
    operation: str
    command: str
    who: str
    since: str
    serial: int
    """Of the document it makes."""
    result: Literal["running", "done", "undone", "failed", "unknown"] = "running"
    ended: str = ""
    detail: str = ""


class Journal:
    """`tasks/`: a file per task, the newest _KEEP. For the eye: what counts is the intent."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "tasks"

    def entries(self) -> list[Entry]:
        """Oldest first. Files that cannot be read are left out."""
        found = []
        for path in self.directory.glob("*.json"):
            with suppress(msgspec.MsgspecError, Failed):
                found.append(msgspec.json.decode(read_text(path) or "", type=Entry))
        return sorted(found, key=lambda entry: (entry.since, entry.serial))

    def begin(self, task: Task) -> None:
        """Raises Failed when this laptop cannot save: before anything is changed anywhere."""
        for old in self.entries()[: -_KEEP + 1]:
            (self.directory / f"{old.id}.json").unlink(missing_ok=True)
        self._save(
            Entry(
                id=task.id, operation=task.operation, command=task.command, who=task.who,
                since=task.since, serial=task.new.serial,
            )
        )  # fmt: skip

    def end(self, task: Task, result: str, detail: str = "") -> None:
        """What came of it. A full disk does not change what was done."""
        values = {"result": result, "ended": utc_now(), "detail": detail}
        entry = Entry(
            id=task.id, operation=task.operation, command=task.command, who=task.who,
            since=task.since, serial=task.new.serial,
        )  # fmt: skip
        with suppress(Failed):
            self._save(msgspec.structs.replace(entry, **values))

    @contextmanager
    def recording(self, task: Task) -> Iterator[None]:
        """Write down that a task begins, and how it ends."""
        self.begin(task)
        try:
            yield
        except KadaluError as error:
            result = "unknown" if isinstance(error, Unknown) else "failed"
            self.end(task, result, error.message)
            raise
        self.end(task, "done")

    def _save(self, entry: Entry) -> None:
        write_private(self.directory / f"{entry.id}.json", encode(entry))
