"""How to connect, and what came of it. Imports nothing heavy."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

CONNECT_RETRIES = 1
LOGIN_TIMEOUT = 30.0
KEEPALIVE_SECONDS = 10.0
KEEPALIVE_COUNT = 3


@dataclass(frozen=True, kw_only=True)
class FleetSettings:
    known_hosts: Path
    """Our own file: first contacts are recorded there."""
    record_keys: bool = True
    """Whether they are; not in a dry run."""
    forks: int = 30
    """Connections started at once."""
    connect_timeout: float = 10.0
    keep: float = 0.0
    """Seconds for which connections are kept for the next command; 0: not at all."""
    host_key_checking: Literal["strict", "accept-new", "off"] = "accept-new"
    ssh_config: Path = field(default_factory=lambda: Path("~/.ssh/config").expanduser())
    user_known_hosts: tuple[Path, ...] = field(
        default_factory=lambda: (
            Path("~/.ssh/known_hosts").expanduser(),
            Path("/etc/ssh/ssh_known_hosts"),
        )
    )


@dataclass(frozen=True)
class NodeFailure:
    """Why a host could not be used. `kind` may be branched on; `reason` is the user's line."""

    kind: str
    reason: str


class ConnectError(Exception):
    """Carries a NodeFailure to where results are gathered."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.failure = NodeFailure(kind, reason)


@dataclass
class FleetStats:
    """What a command cost, for the bench and the tests."""

    connections: int = 0
    execs: int = 0
    round_trips: int = 0
