"""What can go wrong, and the exit code each kind has.

KadaluError
 ├─ Refused      2  bad input, or a precondition that failed before anything was touched
 ├─ Failed       1  it went wrong; nothing, or only recorded things, changed
 ├─ Pending      3  done on some nodes, the rest is recorded for later
 ├─ Unreachable  4  no node that was needed could be reached
 ├─ Unknown      5  a connection was lost in the middle of a change
 └─ Locked       6  the lock is held, or has no majority
"""

from collections.abc import Iterable
from typing import NamedTuple


class NodeError(NamedTuple):
    """One node's reason, as it is printed under the first line of an error."""

    name: str
    reason: str


class KadaluError(Exception):
    """An error the user reads: what failed, why on each node, what to do next."""

    exit_code = 1

    def __init__(
        self, message: str, nodes: Iterable[NodeError] = (), hint: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.nodes = tuple(nodes)
        self.hint = hint


class Refused(KadaluError):
    exit_code = 2


class Failed(KadaluError):
    exit_code = 1


class Pending(KadaluError):
    exit_code = 3


class Unreachable(KadaluError):
    exit_code = 4


class Unknown(KadaluError):
    exit_code = 5


class Locked(KadaluError):
    exit_code = 6
