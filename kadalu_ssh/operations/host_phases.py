"""Making hosts ours, and giving them back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kadalu_ssh.operations.context import Change
from kadalu_ssh.operations.lag import host_owner
from kadalu_ssh.operations.phases import Env, Report, sort_answers, without_strangers


@dataclass(frozen=True)
class Claim:
    """Make hosts ours: the work directories and `identity.json`."""

    names: Mapping[str, str]
    """Host id → name."""
    role: str = "node"
    name: str = "claim hosts"
    forward_only: bool = False
    tolerant: bool = False

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(self.names)

    async def do(self, env: Env) -> Report:
        if env.check:
            return Report(self._changes(self.names, "would_change"), set(self.names))
        report = await self.identity(env, "claim")
        report.changes += self._changes(report.done, "changed")
        return report

    def _changes(self, hosts: Iterable[str], status: str) -> list[Change]:
        words = f"claim as {self.role}"
        return [Change(self.names[host], "identity", status, words) for host in hosts]

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
            answers = without_strangers(answers)
        good, report = sort_answers(env.session, answers)
        report.done |= set(good)
        return report


@dataclass(frozen=True)
class Release:
    """Give hosts back: nothing of ours stays on them. What the document has given up already."""

    names: Mapping[str, str]
    name: str = "release hosts"
    forward_only: bool = True
    tolerant: bool = True

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(self.names)

    async def do(self, env: Env) -> Report:
        if env.check:
            return Report(self._changes(self.names, "would_remove"), set(self.names))
        report = await Claim(self.names).identity(env, "release")
        report.changes += self._changes(report.done, "removed")
        report.reached |= {(host, host_owner(host)) for host in report.done}
        return report

    def _changes(self, hosts: Iterable[str], status: str) -> list[Change]:
        return [Change(self.names[host], "identity", status, "release") for host in hosts]

    async def undo(self, env: Env) -> Report:
        return Report()
