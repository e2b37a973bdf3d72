"""One command's view of a cluster: its document, its inventory, its connected hosts."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from kadalu_ssh.fleet import Fleet, FleetSettings
from kadalu_ssh.inventory import Inventory, load
from kadalu_ssh.model.channel import CallFailed, Channel, ChannelLost, Json
from kadalu_ssh.model.errors import NodeError, Refused, Unreachable
from kadalu_ssh.model.names import shown
from kadalu_ssh.model.reach import Reach
from kadalu_ssh.model.records import Document, Node, Volume
from kadalu_ssh.operations.context import Context
from kadalu_ssh.state.workspace import Workspace

CallResult = Json | CallFailed | ChannelLost


class Session:
    """The document and the channels. Hosts are called by id; messages use their names."""

    def __init__(
        self, ctx: Context, workspace: Workspace, inventory: Inventory, document: Document,
        fleet: Fleet,
    ) -> None:  # fmt: skip
        self.ctx = ctx
        self.workspace = workspace
        self.inventory = inventory
        self.document = document
        self.fleet = fleet
        self.channels: dict[str, Channel] = {}
        self.failures: dict[str, NodeError] = {}
        self._names: dict[str, str] = {}
        self._unlisted: set[str] = set()
        """Hosts that the inventory does not tell how to reach."""

    # --- looking up ---

    def volume(self, name: str) -> Volume:
        for volume in self.document.volumes:
            if volume.name == name:
                return volume
        known = ", ".join(sorted(v.name for v in self.document.volumes)) or "none yet"
        raise Refused(
            f"there is no volume {shown(name)} in cluster {self.document.name}",
            hint=f"known: {known}",
        )

    def node(self, name: str) -> Node:
        for node in self.document.nodes:
            if node.name == name:
                return node
        known = ", ".join(sorted(n.name for n in self.document.nodes)) or "none yet"
        raise Refused(
            f"{shown(name)} is not a node of cluster {self.document.name}",
            hint=f"known: {known}; to add it: kadalu node add {name}",
        )

    def host_name(self, host_id: str) -> str:
        """The inventory name of a node or client host, also of one that is just being added."""
        if host_id in self._names:
            return self._names[host_id]
        names = {node.id: node.name for node in self.document.nodes}
        names |= {host.id: host.name for host in self.document.hosts}
        names |= {t.host: t.name for t in self.document.tombstones if t.name is not None}
        return names.get(host_id, host_id)

    def connect_names_of(self, document: Document) -> None:
        """Know the hosts of another document by name too: those that a task was adding."""
        self._names |= {node.id: node.name for node in document.nodes}
        self._names |= {host.id: host.name for host in document.hosts}
        self._names |= {t.host: t.name for t in document.tombstones if t.name is not None}

    # --- connecting and calling ---

    async def connect(self, host_ids: Iterable[str], modules: bool = True) -> None:
        """Connect what is not connected yet. Failures are kept in `failures`, none is raised."""
        wanted = [h for h in dict.fromkeys(host_ids) if h not in self.channels]
        await self.connect_names({host_id: self.host_name(host_id) for host_id in wanted}, modules)

    async def reconnect(self, host_ids: Iterable[str]) -> None:
        """As `connect`, and also what was connected, but is lost: for commands that wait."""
        wanted = list(host_ids)
        for host_id in wanted:
            if host_id in self.channels and self.channels[host_id].lost:
                del self.channels[host_id]
        await self.connect(wanted)

    async def connect_names(self, names: Mapping[str, str], modules: bool = True) -> None:
        """As `connect`, for hosts that are not in the document: id → inventory name."""
        self._names |= names
        self._share_channels(names)
        reaches = self._reaches({h: n for h, n in names.items() if h not in self.channels})
        opened = await self.fleet.open(reaches.values(), self._ready, modules)
        for host_id, reach in reaches.items():
            if reach.name in opened.channels:
                self.channels[host_id] = opened.channels[reach.name]
                self.failures.pop(host_id, None)
            else:
                reason = opened.failures[reach.name].reason
                self.failures[host_id] = NodeError(reach.name, reason)

    def _share_channels(self, names: Mapping[str, str]) -> None:
        """A host that a task gave another id has one worker all the same: it holds the lock."""
        open_ones = {c.name: c for c in self.channels.values() if not c.lost}
        for host_id, name in names.items():
            if name in open_ones and host_id not in self.channels:
                self.channels[host_id] = open_ones[name]

    def _reaches(self, names: Mapping[str, str]) -> dict[str, Reach]:
        reaches: dict[str, Reach] = {}
        for host_id, name in names.items():
            try:
                reaches[host_id] = _with_passwords(self.inventory.reach(name), self.ctx)
            except Refused as error:
                self.failures[host_id] = NodeError(name, error.message)
                self._unlisted.add(host_id)
        return reaches

    def _ready(self, name: str, failure: str | None) -> None:
        self.ctx.reporter.progress(name, failure or "connected")

    def need(self, host_ids: Iterable[str], what: str) -> None:
        """Raise Refused, or Unreachable when none answers, unless all of `host_ids` answer."""
        wanted = list(dict.fromkeys(host_ids))
        down = [self.failures[h] for h in wanted if h in self.failures]
        if not down:
            return
        silent = len(down) == len(wanted) and not self._unlisted.intersection(wanted)
        error = Unreachable if silent else Refused
        raise error(f"{what}: {len(down)} of {len(wanted)} nodes cannot be reached", nodes=down)

    def need_one(self, host_ids: Iterable[str], what: str) -> None:
        """Raise as `need` does, only when not one of `host_ids` answers."""
        wanted = list(host_ids)
        if not any(host in self.channels for host in wanted):
            self.need(wanted, what)

    async def call(
        self, module: str, params: Mapping[str, Mapping[str, Any]], limit: float = 60.0
    ) -> dict[str, CallResult]:
        """Call `module` on several hosts at once: host id → parameters. Never raises for a host."""

        async def one(host_id: str) -> CallResult:
            try:
                return await self.channels[host_id].call(module, params[host_id], limit=limit)
            except (CallFailed, ChannelLost) as error:
                return error

        hosts = [host_id for host_id in params if host_id in self.channels]
        answers = await asyncio.gather(*(one(host_id) for host_id in hosts))
        return dict(zip(hosts, answers, strict=True))

    def error(self, host_id: str, reason: object) -> NodeError:
        """A host's reason under the host's name."""
        text = reason.reason if isinstance(reason, CallFailed) else str(reason)
        return NodeError(self.host_name(host_id), text)

    def split(self, answers: Mapping[str, CallResult]) -> tuple[dict[str, Json], list[NodeError]]:
        """Answers → (results by host, the errors of the others)."""
        good = {h: a for h, a in answers.items() if isinstance(a, dict)}
        bad = [self.error(h, a) for h, a in answers.items() if not isinstance(a, dict)]
        return good, bad


def _with_passwords(reach: Reach, ctx: Context) -> Reach:
    """What was asked for, or is in the environment, where the inventory has nothing."""
    return replace(
        reach,
        password=reach.password or ctx.settings.ssh_password,
        become_password=reach.become_password or ctx.settings.become_password,
    )


@asynccontextmanager
async def open_session(
    ctx: Context, cluster: str | None = None, inventory: Inventory | None = None
) -> AsyncIterator[Session]:
    """The cluster named by `cluster`, else by the flags, else the only one.

    `inventory`: instead of what is in the file.
    """
    workspace = Workspace(ctx.settings.workspace)
    _, cluster_id = workspace.resolve(cluster or ctx.settings.cluster)
    document = workspace.load(cluster_id)
    async with session_for(ctx, workspace, document, inventory) as session:
        yield session


@asynccontextmanager
async def session_for(
    ctx: Context, workspace: Workspace, document: Document, inventory: Inventory | None = None
) -> AsyncIterator[Session]:
    """A session on a document that need not be saved yet."""
    inventory = inventory or load(ctx.settings.inventory)
    for warning in inventory.warnings:
        ctx.reporter.warn(warning)
    known_hosts = workspace.directory(document.cluster_id) / "known_hosts"
    async with Fleet(fleet_settings(ctx, known_hosts)) as fleet:
        yield Session(ctx, workspace, inventory, document, fleet)


def fleet_settings(ctx: Context, known_hosts: Path) -> FleetSettings:
    return FleetSettings(
        forks=ctx.settings.forks,
        connect_timeout=ctx.settings.timeout,
        keep=ctx.settings.keep_connections,
        host_key_checking=ctx.settings.host_key_checking,
        known_hosts=known_hosts,
        record_keys=not ctx.settings.dry_run,
    )
