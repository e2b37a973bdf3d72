"""What a volume needs besides files and services when a group comes: marks, a walk, its clients."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.errors import NodeError
from kadalu_ssh.model.records import Document, Volume
from kadalu_ssh.operations.connected import connected, late
from kadalu_ssh.operations.context import Change
from kadalu_ssh.operations.phases import Env, Report, sort_answers, without_strangers
from kadalu_ssh.volgen import client_volfile

_WALK_LIMIT = 24 * 3600.0
_CLIENTS_LIMIT = 60.0


@dataclass(frozen=True)
class MarkRoots:
    """Say which part of the root's names each group has. Harmless to leave where it was set."""

    units: Mapping[str, Sequence[Json]]
    """Host id → units, as `modules/root_layout.py` takes them."""
    name: str = "mark the roots"
    forward_only: bool = False
    tolerant: bool = False

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(self.units)

    async def do(self, env: Env) -> Report:
        if env.check:
            return Report(done=set(self.units))
        params = {h: {"fence": env.fence, "units": list(u)} for h, u in self.units.items()}
        good, report = sort_answers(env.session, await env.session.call("root_layout", params))
        report.done |= set(good)
        return report

    async def undo(self, env: Env) -> Report:
        return Report()


@dataclass(frozen=True)
class WalkDirectories:
    """Look at every directory once by a mount that has all groups, so that all of them have it."""

    document: Document
    """In which the new groups are `adding`."""
    volume: Volume
    node: str
    unit: str
    """Path of a unit on `node` that has every directory."""
    name: str = "make the directories"
    forward_only: bool = False
    tolerant: bool = False
    later: float = 0.0
    """Seconds that clients are given first: then it is the last look. What they made while they
    learnt of the new group they look at themselves in a moment; looked at by two at once, a
    directory may be left with mode 000.
    """

    @property
    def hosts(self) -> tuple[str, ...]:
        return (self.node,)

    async def do(self, env: Env) -> Report:
        host = env.session.host_name(self.node)
        item = f"volume:{self.volume.name}"
        if env.check:
            return Report([Change(host, item, "would_change", self.name)], {self.node})
        await asyncio.sleep(self.later)
        params = {self.node: {"fence": env.fence, **self._params()}}
        answers = await env.session.call("walk", params, limit=_WALK_LIMIT)
        good, report = sort_answers(env.session, answers)
        for answer in good.values():
            words = f"{self.name}: {answer['directories']}"
            report.changes.append(Change(host, item, "changed", words))
            report.failed += [
                NodeError(host, f"/{path} of volume {self.volume.name} has lost its mode: chmod it")
                for path in answer.get("bare", ())
            ]
        return report

    def _params(self) -> Json:
        nodes = {node.id: node for node in self.document.nodes}
        able = nodes[self.node].capabilities
        # The directory of the shards is one like others here; features/shard would let nobody look.
        options = {**self.volume.options, "features.shard": "off"}
        volume = msgspec.structs.replace(self.volume, options=options)
        volfile = client_volfile(volume, nodes, able.release, trusted=True, with_adding=True)
        return {
            "volume_id": self.volume.id, "volfile": volfile, "unit": self.unit,
            "glusterfs": able.glusterfs_client, "units": len(self.volume.slots),
            "mend": self.later > 0,
        }  # fmt: skip

    async def undo(self, env: Env) -> Report:
        """The directories go with the units; a mount may be left of a call that was killed."""
        ended = {"fence": env.fence, "volume_id": self.volume.id, "end": True}
        answers = await env.session.call("walk", {self.node: ended})
        return sort_answers(env.session, without_strangers(answers))[1]


@dataclass(frozen=True)
class AwaitClients:
    """Wait until those who use the old groups are connected to the new ones too.

    A client that does not know a group does not see what is in it.
    """

    volume: Volume
    new: tuple[str, ...]
    """Ids of units."""
    nodes: tuple[str, ...]
    name: str = "wait for clients"
    forward_only: bool = True
    tolerant: bool = True

    @property
    def hosts(self) -> tuple[str, ...]:
        return self.nodes

    async def do(self, env: Env) -> Report:
        end = time.monotonic() + _CLIENTS_LIMIT
        late = [] if env.check else await self._late(env)
        while late and time.monotonic() < end:
            await asyncio.sleep(0.5)
            late = await self._late(env)
        why = f"is not connected to all of {self.volume.name} yet: unmount it, mount it again"
        return Report(failed=[NodeError(host, why) for host in late])

    async def _late(self, env: Env) -> list[str]:
        """Hosts that are connected to an old unit, and not to every new one that answers."""
        found = await connected(env.session, self.volume)
        return late(found, [unit for unit in found if unit not in self.new], self.new)

    async def undo(self, env: Env) -> Report:
        return Report()
