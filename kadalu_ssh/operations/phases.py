"""The steps that operations are made of. Each does one thing on some hosts, and may undo it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from kadalu_ssh.manifest import Manifest, manifest_for
from kadalu_ssh.model.channel import CallFailed, ChannelLost, Json
from kadalu_ssh.model.errors import NodeError
from kadalu_ssh.model.records import Document
from kadalu_ssh.operations.context import Change
from kadalu_ssh.operations.session import CallResult, Session

_UNKNOWN = "connection lost; what it did is unknown"


@dataclass
class Report:
    """What one phase came to, over all its hosts."""

    changes: list[Change] = field(default_factory=list)
    done: set[str] = field(default_factory=set)
    """Hosts where everything of the phase is in place."""
    failed: list[NodeError] = field(default_factory=list)
    unknown: list[NodeError] = field(default_factory=list)

    def add(self, other: "Report") -> None:
        self.changes += other.changes
        self.done |= other.done
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
    manifests: dict[tuple[bool, str], Manifest] = field(default_factory=dict)

    def manifest(self, document: Document, host: str) -> Manifest:
        """What `host` should have of the old or the new document; built once per command."""
        key = (document is self.new, host)
        if key not in self.manifests:
            self.manifests[key] = manifest_for(document, host)
        return self.manifests[key]

    @property
    def fence(self) -> Json:
        """What a node compares to refuse work that is older than what it has seen."""
        return {
            "cluster_id": self.new.cluster_id,
            "epoch": self.new.epoch,
            "serial": self.new.serial,
            "task": self.task_id,
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
    def after_commit(self) -> bool:
        """Done once the document is committed: what it does cannot be wanted back."""
        ...

    @property
    def tolerant(self) -> bool:
        """A host that fails is left behind, and the operation goes on without it."""
        ...

    async def do(self, env: Env) -> Report: ...

    async def undo(self, env: Env) -> Report: ...


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


@dataclass(frozen=True)
class InitUnits:
    """Make storage units: the directory, the volume id, the marks. Once in a unit's life."""

    units: Mapping[str, Sequence[Json]]
    """Host id → units, as `modules/init_unit.py` takes them."""
    name: str = "make storage units"
    forward_only: bool = False
    tolerant: bool = False
    after_commit: bool = False

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(self.units)

    async def do(self, env: Env) -> Report:
        if env.check:
            return Report(changes=self._planned(env), done=set(self.units))
        params = {host: {"fence": env.fence, "units": units} for host, units in self.units.items()}
        good, report = sort_answers(env.session, await env.session.call("init_unit", params))
        report.done |= set(good)
        report.changes += [c for c in self._planned(env) if c.node in self._names(env, good)]
        return report

    def _names(self, env: Env, hosts: Mapping[str, Any]) -> set[str]:
        return {env.session.host_name(host) for host in hosts}

    def _planned(self, env: Env) -> list[Change]:
        status = "would_change" if env.check else "changed"
        return [
            Change(env.session.host_name(host), f"unit:{unit['path']}", status, "make storage unit")
            for host, units in self.units.items()
            for unit in units
        ]

    async def undo(self, env: Env) -> Report:
        return await drop_units(env, self.units, undo=True)


@dataclass(frozen=True)
class DropUnits:
    """Give storage units up: with `wipe`, remove what is in them."""

    units: Mapping[str, Sequence[Json]]
    name: str = "wipe storage units"
    forward_only: bool = True
    tolerant: bool = True
    after_commit: bool = False

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(self.units)

    async def do(self, env: Env) -> Report:
        if env.check:
            return Report(
                changes=[
                    Change(
                        env.session.host_name(host), f"unit:{unit['path']}", "would_remove", "wipe"
                    )
                    for host, units in self.units.items()
                    for unit in units
                ],
                done=set(self.units),
            )
        return await drop_units(env, self.units, undo=False)

    async def undo(self, env: Env) -> Report:
        return Report()


async def drop_units(env: Env, units: Mapping[str, Sequence[Json]], undo: bool) -> Report:
    """Call `drop_unit` where the hosts are connected; the others are reported as failed."""
    params = {
        host: {
            "fence": env.fence,
            "units": [
                {
                    "path": unit["path"], "unit_id": unit["unit_id"],
                    "volume_id": unit["volume_id"], "wipe": not undo, "undo": undo,
                }
                for unit in listed
            ],
        }
        for host, listed in units.items()
    }  # fmt: skip
    good, report = sort_answers(env.session, await env.session.call("drop_unit", params, 600))
    report.done |= set(good)
    return report


@dataclass(frozen=True)
class Converge:
    """Make hosts match the new document, for the owners that the operation is about."""

    targets: tuple[str, ...]
    owners: tuple[str, ...]
    may_stop: tuple[str, ...] = ()
    """Services that this operation is there to stop."""
    undo_stop: tuple[str, ...] = ()
    """Services that undoing may stop: those it started."""
    tombstones: tuple[str, ...] = ()
    """Owners that are gone on purpose."""
    fresh: bool = False
    """The files are new on their hosts: send them at once, and save a round trip."""
    name: str = "converge"
    forward_only: bool = False
    tolerant: bool = False
    after_commit: bool = False

    @property
    def hosts(self) -> tuple[str, ...]:
        return self.targets

    async def do(self, env: Env) -> Report:
        return await converge(
            env, env.new, self.targets, self.owners, self.may_stop, self.tombstones, self.fresh
        )

    async def undo(self, env: Env) -> Report:
        return await converge(env, env.old, self.targets, self.owners, self.undo_stop, self.owners)


async def converge(
    env: Env, document: Document, hosts: Sequence[str], owners: Sequence[str],
    may_stop: Sequence[str], tombstones: Sequence[str], fresh: bool = False,
) -> Report:  # fmt: skip
    """Send digests first, contents only for what differs; read back what was done."""
    manifests = {h: env.manifest(document, h) for h in hosts if h in env.session.channels}
    params = {
        host: _converge_params(env, manifest, owners, may_stop, tombstones)
        for host, manifest in manifests.items()
    }
    if fresh:
        for host, manifest in manifests.items():
            params[host]["contents"] = contents_of(manifest, owners)
    answers = await env.session.call("converge", params, 180)
    again = {
        host: params[host] | {"contents": {s: manifests[host].contents[s] for s in answer["need"]}}
        for host, answer in answers.items()
        if isinstance(answer, dict) and "need" in answer
    }
    if again:
        answers |= await env.session.call("converge", again, 180)
    good, report = sort_answers(env.session, answers)
    for host, result in good.items():
        report.add(_read_result(env, host, result))
    return report


def contents_of(manifest: Manifest, owners: Sequence[str]) -> dict[str, str]:
    """The texts of the owners' files, by digest."""
    files = (item for item in manifest.items if item["kind"] == "file" and item["owner"] in owners)
    return {item["sha256"]: manifest.contents[item["sha256"]] for item in files}


def _converge_params(
    env: Env, manifest: Manifest, owners: Sequence[str], may_stop: Sequence[str],
    tombstones: Sequence[str],
) -> Json:  # fmt: skip
    return {
        "manifest": manifest.wire(),
        # The node's own directories come with whatever is put into them.
        "owners": ["node", *owners],
        "check": env.check,
        "contents": {},
        "secrets": sorted(manifest.secrets),
        "may_stop": list(may_stop),
        "may_restart": [],
        "fence": env.fence,
        "tombstones": list(tombstones),
    }


def _read_result(env: Env, host: str, result: Json) -> Report:
    name = env.session.host_name(host)
    report = Report()
    for item in result["items"]:
        change = Change(
            name, item["id"], item["status"],
            item.get("change", ""), item.get("diff", ""), item.get("reason", ""),
        )  # fmt: skip
        report.changes.append(change)
        if change.status in ("failed", "blocked"):
            report.failed.append(NodeError(name, f"{change.item}: {change.reason}"))
    if not report.failed:
        report.done.add(host)
    return report


@dataclass(frozen=True)
class Claim:
    """Make hosts ours: the work directories and `identity.json`."""

    names: Mapping[str, str]
    """Host id → name."""
    role: str = "node"
    name: str = "claim hosts"
    forward_only: bool = False
    tolerant: bool = False
    after_commit: bool = False

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(self.names)

    async def do(self, env: Env) -> Report:
        if env.check:
            return Report(
                [
                    Change(n, "identity", "would_change", f"claim as {self.role}")
                    for n in self.names.values()
                ],
                set(self.names),
            )
        return await self.identity(env, "claim")

    async def undo(self, env: Env) -> Report:
        return await self.identity(env, "release", undoing=True)

    async def identity(self, env: Env, op: str, undoing: bool = False) -> Report:
        """Claim or release; undoing forgives a host that was another's all along."""
        params = {
            host: {
                "op": op, "cluster_id": env.new.cluster_id, "node_id": host, "name": name,
                "role": self.role,
            }
            for host, name in self.names.items()
        }  # fmt: skip
        answers = await env.session.call("identity", params)
        if undoing:
            answers = {host: _not_ours(answer) for host, answer in answers.items()}
        good, report = sort_answers(env.session, answers)
        report.done |= set(good)
        return report


def _not_ours(answer: CallResult) -> CallResult:
    """A host that is another's has nothing of ours to give back."""
    refused = isinstance(answer, CallFailed) and answer.kind == "refused"
    return {} if refused else answer


@dataclass(frozen=True)
class Release:
    """Give hosts back: nothing of ours stays on them."""

    names: Mapping[str, str]
    role: str = "node"
    name: str = "release hosts"
    forward_only: bool = True
    tolerant: bool = True
    after_commit: bool = True

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(self.names)

    async def do(self, env: Env) -> Report:
        if env.check:
            return Report(
                [Change(n, "identity", "would_remove", "release") for n in self.names.values()],
                set(self.names),
            )
        return await Claim(self.names, self.role).identity(env, "release")

    async def undo(self, env: Env) -> Report:
        return Report()
