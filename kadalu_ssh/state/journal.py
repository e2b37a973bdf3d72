"""The task: what a command set out to do, durable on a majority before it does it."""

from typing import Any

import msgspec

from kadalu_ssh.model.errors import Failed
from kadalu_ssh.model.records import Document, Record


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


def decode_task(text: str, source: str) -> Task:
    """Raises Failed naming `source` and the field."""
    try:
        return msgspec.json.decode(text, type=Task)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise Failed(f"{source} holds a task that cannot be read: {error}") from error
