"""Making hosts ours, and giving them back."""

from collections.abc import Mapping
from dataclasses import dataclass

from kadalu_ssh.model.channel import CallFailed
from kadalu_ssh.operations.context import Change
from kadalu_ssh.operations.lag import host_owner
from kadalu_ssh.operations.phases import Env, Report, sort_answers
from kadalu_ssh.operations.session import CallResult


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
            return Report(
                [Change(n, "identity", "would_remove", "release") for n in self.names.values()],
                set(self.names),
            )
        report = await Claim(self.names).identity(env, "release")
        report.reached |= {(host, host_owner(host)) for host in report.done}
        return report

    async def undo(self, env: Env) -> Report:
        return Report()
