"""Hosts made to match a document, through `modules/converge.py`."""

from collections.abc import Sequence
from dataclasses import dataclass

from kadalu_ssh.manifest import Manifest
from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.errors import NodeError
from kadalu_ssh.model.records import Document
from kadalu_ssh.operations.context import Change
from kadalu_ssh.operations.phases import Env, Report, sort_answers, without_strangers


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What one converge may touch."""

    owners: tuple[str, ...] | None
    """None: everything on the host."""
    may_stop: tuple[str, ...] = ()
    """Services that may be stopped although they serve data."""
    may_restart: tuple[str, ...] = ()
    tombstones: tuple[str, ...] = ()
    """Owners that are gone on purpose."""
    fresh: bool = False
    """Most of the files will differ: send them at once, and save a round trip."""
    stop_only: bool = False
    """Stop and disable what should not run, and do nothing else."""
    undoing: bool = False


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
    name: str = "converge"
    forward_only: bool = False
    tolerant: bool = False
    between: Document | None = None
    """A step on the way to the new document: hosts are made to match this one instead."""
    broken: tuple[str, ...] = ()
    """Items that were not in place before either: undoing does not wait for them."""

    @property
    def hosts(self) -> tuple[str, ...]:
        return self.targets

    async def do(self, env: Env) -> Report:
        scope = Scope(
            owners=self.owners, may_stop=self.may_stop, tombstones=self.tombstones, fresh=self.fresh
        )
        report = await converge(env, self.between or env.new, self.targets, scope)
        wanted = {(host, owner) for host in self.targets for owner in self.owners}
        report.missed = wanted - report.reached
        return report

    async def undo(self, env: Env) -> Report:
        scope = Scope(
            owners=self.owners, may_stop=self.undo_stop, tombstones=self.owners, undoing=True
        )
        report = await converge(env, env.old, self.targets, scope)
        report.failed = [e for e in report.failed if not e.reason.startswith(self.broken)]
        return report


@dataclass(frozen=True)
class StopUnwanted:
    """Stop what earlier commits stopped or removed while a host was off. Nothing takes it back."""

    targets: tuple[str, ...]
    owners: tuple[str, ...]
    may_stop: tuple[str, ...]
    tombstones: tuple[str, ...] = ()
    name: str = "stop what should not run"
    forward_only: bool = False
    tolerant: bool = True

    @property
    def hosts(self) -> tuple[str, ...]:
        return self.targets

    async def do(self, env: Env) -> Report:
        scope = Scope(
            owners=self.owners, may_stop=self.may_stop, tombstones=self.tombstones, stop_only=True
        )
        return await converge(env, env.new, self.targets, scope)

    async def undo(self, env: Env) -> Report:
        return Report()


async def converge(env: Env, document: Document, hosts: Sequence[str], scope: Scope) -> Report:
    """Send digests first, contents only for what differs; read back what was done."""
    manifests = {h: env.manifest(document, h) for h in hosts if h in env.session.channels}
    params = {host: _params(env, manifest, scope) for host, manifest in manifests.items()}
    if scope.fresh:
        for host, manifest in manifests.items():
            params[host]["contents"] = _contents_of(manifest, scope.owners or ())
    answers = await env.session.call("converge", params, 180)
    again = {
        host: params[host] | {"contents": {s: manifests[host].contents[s] for s in answer["need"]}}
        for host, answer in answers.items()
        if isinstance(answer, dict) and "need" in answer
    }
    if again:
        answers |= await env.session.call("converge", again, 180)
    if scope.undoing:
        answers = without_strangers(answers)
    good, report = sort_answers(env.session, answers)
    for host, result in good.items():
        report.add(_read_result(env, host, result, _owners(manifests[host], scope)))
    return report


def _contents_of(manifest: Manifest, owners: Sequence[str]) -> dict[str, str]:
    """The texts of the owners' files, by digest."""
    files = (item for item in manifest.items if item["kind"] == "file" and item["owner"] in owners)
    return {item["sha256"]: manifest.contents[item["sha256"]] for item in files}


def _owners(manifest: Manifest, scope: Scope) -> set[str]:
    """The owners that this converge settles; one that only stops things settles none."""
    if scope.stop_only:
        return set()
    if scope.owners is None:
        return {item["owner"] for item in manifest.items} | set(scope.tombstones)
    return set(scope.owners)


def _params(env: Env, manifest: Manifest, scope: Scope) -> Json:
    # The node's own directories come with whatever is put into them.
    owners = None if scope.owners is None else ["node", *scope.owners]
    return {
        "manifest": manifest.wire(),
        "owners": owners,
        "check": env.check,
        "contents": {},
        "secrets": sorted(manifest.secrets),
        "may_stop": list(scope.may_stop),
        "may_restart": list(scope.may_restart),
        "fence": env.fence,
        "tombstones": list(scope.tombstones),
        "stop_only": scope.stop_only,
    }


def _read_result(env: Env, host: str, result: Json, owners: set[str]) -> Report:
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
            # What cannot be dropped may belong to any of the single units that are given up.
            owners = {o for o in owners - {item["owner"]} if not o.startswith("unit:")}
    if not report.failed:
        report.done.add(host)
    report.reached |= {(host, owner) for owner in owners}
    if result["restart_needed"]:
        report.restarts[host] = tuple(result["restart_needed"])
    return report
