"""What every operation is given, and what every operation gives back.

An operation is a coroutine `op(ctx, ...) -> Outcome`. It knows no argv, prints nothing, and asks
through `ctx.reporter`. The CLI renders `Outcome.data`, as JSON or as text.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from kadalu_ssh.model.errors import NodeError
from kadalu_ssh.model.secret import Secret

HostKeyChecking = Literal["strict", "accept-new", "off"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The global flags, resolved."""

    workspace: Path
    inventory: Path
    cluster: str | None = None
    forks: int = 30
    timeout: float = 10.0
    """Seconds to wait for a connection."""
    keep_connections: float = 0.0
    """Seconds for which connections are kept for the next command."""
    lock_timeout: float = 30.0
    """Seconds to wait for the cluster lock."""
    host_key_checking: HostKeyChecking = "accept-new"
    force_no_quorum: bool = False
    ssh_password: Secret | None = None
    """For hosts whose inventory has none, and so the next one."""
    become_password: Secret | None = None
    dry_run: bool = False
    command: str = ""
    """The command line without values that may be secret: for lock holders and audit lines."""


class Reporter(Protocol):
    """How an operation talks to the user while it runs."""

    def progress(self, node: str, text: str) -> None:
        """A live line for `node` ("" for the whole command)."""
        ...

    def warn(self, text: str) -> None: ...

    def confirm(self, question: str) -> None:
        """Return when the user agrees; raise Refused when not, or when nobody can be asked."""
        ...

    def confirm_name(self, question: str, name: str) -> None:
        """As confirm, but the user has to type `name`."""
        ...


@dataclass(frozen=True)
class Change:
    """One manifest item on one node: what was, or in a dry run would be, done."""

    node: str
    item: str
    status: str
    change: str = ""
    diff: str = ""
    reason: str = ""


@dataclass
class Outcome:
    """What an operation did or found out."""

    summary: str = ""
    """One line for a human: `Volume prod/vol1 was created and started.` Empty for a listing."""
    data: dict[str, Any] = field(default_factory=dict)
    """The JSON document (plain types: sizes in bytes, times ISO 8601 UTC)."""
    changes: list[Change] = field(default_factory=list)
    pending: list[NodeError] = field(default_factory=list)
    """Hosts that missed it, with the reason. They make the exit code 3, except clients that do not
    answer: these never decide it.
    """
    warnings: list[str] = field(default_factory=list)
    dry_run: bool = False
    exit_code: int = 0

    def take(self, other: "Outcome") -> None:
        """Add what a further step of the same command did."""
        self.changes += other.changes
        self.pending += [n for n in other.pending if n not in self.pending]
        self.exit_code = self.exit_code or other.exit_code

    def missed(self, nodes: Iterable[NodeError]) -> None:
        """Record nodes that are behind now."""
        self.pending.extend(nodes)
        if self.pending and self.exit_code == 0:
            self.exit_code = 3


class FinishedFirst(Exception):
    """Not an error: what was asked for had been begun before, and settling that finished it."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.summary)
        self.outcome = outcome


@dataclass(frozen=True)
class Context:
    settings: Settings
    reporter: Reporter

    def confirm(self, question: str) -> None:
        """Ask, except in a dry run, which does nothing that needs an answer."""
        if not self.settings.dry_run:
            self.reporter.confirm(question)
