"""The steps that operations are made of. Each does one thing on some hosts, and may undo it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from kadalu_ssh.manifest import Manifest, Texts, manifest_for
from kadalu_ssh.model.channel import CallFailed, ChannelLost, Json
from kadalu_ssh.model.errors import NodeError
from kadalu_ssh.model.records import Document
from kadalu_ssh.operations.context import Change
from kadalu_ssh.operations.session import CallResult, Session
from kadalu_ssh.state.journal import who

_UNKNOWN = "connection lost; what it did is unknown"


@dataclass
class Report:
    """What one phase came to, over all its hosts."""

    changes: list[Change] = field(default_factory=list)
    done: set[str] = field(default_factory=set)
    """Hosts where everything of the phase is in place."""
    reached: set[tuple[str, str]] = field(default_factory=set)
    """(host, owner): the host has all that the document says of the owner, or nothing any more."""
    missed: set[tuple[str, str]] = field(default_factory=set)
    """(host, owner): this phase was to bring it there, and did not: earlier ones do not count."""
    wiped: set[tuple[str, str]] = field(default_factory=set)
    """(host, storage unit): its data is gone."""
    restarts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Host → services that run with files that have changed since."""
    failed: list[NodeError] = field(default_factory=list)
    unknown: list[NodeError] = field(default_factory=list)

    def add(self, other: "Report") -> None:
        self.changes += other.changes
        self.done |= other.done
        self.reached = (self.reached - other.missed) | other.reached
        self.wiped |= other.wiped
        for host, services in other.restarts.items():
            self.restarts[host] = tuple(dict.fromkeys((*self.restarts.get(host, ()), *services)))
        self.failed += other.failed
        self.unknown += other.unknown


@dataclass(frozen=True)
class Env:
    """What a phase works with."""

    session: Session
    old: Document
    new: Document
    task_id: str
    check: bool = False
    manifests: dict[tuple[int, str], Manifest] = field(default_factory=dict)
    texts: dict[int, tuple[Document, Texts]] = field(default_factory=dict)

    def manifest(self, document: Document, host: str) -> Manifest:
        """What `host` should have of the old, the new or a document between; built once."""
        # The document is kept beside its texts: an id is another's once its object is gone.
        _, texts = self.texts.setdefault(id(document), (document, Texts(document)))
        key = (id(document), host)
        if key not in self.manifests:
            self.manifests[key] = manifest_for(document, host, texts)
        return self.manifests[key]

    @property
    def fence(self) -> Json:
        """What a node compares to refuse work that is older than what it has seen."""
        return {
            "cluster_id": self.new.cluster_id,
            "epoch": self.new.epoch,
            "serial": self.new.serial,
            "task": self.task_id,
            "who": who(),
            "command": self.session.ctx.settings.command,
        }


class Phase(Protocol):
    """A step of an operation."""

    @property
    def name(self) -> str: ...

    @property
    def hosts(self) -> tuple[str, ...]: ...

    @property
    def forward_only(self) -> bool:
        """From here on the task can only be finished."""
        ...

    @property
    def tolerant(self) -> bool:
        """A host that fails is left behind, and the operation goes on without it."""
        ...

    async def do(self, env: Env) -> Report: ...

    async def undo(self, env: Env) -> Report: ...


def without_strangers(answers: Mapping[str, CallResult]) -> dict[str, CallResult]:
    """For undoing: a host that is not ours (any more, or yet) has nothing of ours to take back."""
    return {
        host: answer
        for host, answer in answers.items()
        if not (isinstance(answer, CallFailed) and answer.kind == "not_ours")
    }


def sort_answers(
    session: Session, answers: Mapping[str, CallResult]
) -> tuple[dict[str, Json], Report]:
    """Answers → (results by host, a report with what failed and what is unknown)."""
    report = Report()
    good: dict[str, Json] = {}
    for host, answer in answers.items():
        if isinstance(answer, dict):
            good[host] = answer
        elif isinstance(answer, ChannelLost):
            report.unknown.append(NodeError(session.host_name(host), _UNKNOWN))
        else:
            report.failed.append(session.error(host, answer))
    return good, report
