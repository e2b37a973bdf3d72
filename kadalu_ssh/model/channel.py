"""What an operation needs of a connected node. `fleet` provides it, tests can fake it."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

Json = dict[str, Any]


class CallFailed(Exception):
    """The module answered with an error: nothing is in doubt.

    `kind` is a short word a caller may branch on (`refused`, `locked`, `fenced`, `timeout`,
    `os`, `bug`); `reason` is the line a user reads.
    """

    def __init__(self, kind: str, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason
        self.detail = detail


class ChannelLost(Exception):
    """The connection went away before an answer: what the node did is unknown."""


class Channel(Protocol):
    """One connected node, with one Python there for the length of the command."""

    @property
    def name(self) -> str: ...

    @property
    def hello(self) -> Json:
        """What the worker said of its host: python, uid, hostname, boot_id, time, clusters."""
        ...

    @property
    def lost(self) -> bool:
        """The connection went away."""
        ...

    async def call(
        self,
        module: str,
        params: Mapping[str, Any],
        *,
        limit: float = 60.0,
        on_event: Callable[[Json], None] | None = None,
    ) -> Json:
        """Run `module` on the node and return its result.

        `limit` is in seconds and is enforced on the node a little earlier than here.
        Raises CallFailed or ChannelLost.
        """
        ...
