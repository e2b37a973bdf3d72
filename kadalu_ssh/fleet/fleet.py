"""The hosts of one command: opened together, one connection and one exec each."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Self

from kadalu_ssh.fleet.channel import FleetChannel
from kadalu_ssh.fleet.command import Command, command_for, early_end
from kadalu_ssh.fleet.settings import (
    LOGIN_TIMEOUT,
    ConnectError,
    FleetSettings,
    FleetStats,
    NodeFailure,
)
from kadalu_ssh.model.reach import Reach

if TYPE_CHECKING:
    from kadalu_ssh.fleet.kept import Keeping
    from kadalu_ssh.fleet.pipes import AnyPipe
    from kadalu_ssh.fleet.ssh import Connector

OnReady = Callable[[str, str | None], None]


@dataclass
class Opened:
    """By `Reach.name`: every host is in one of the two."""

    channels: dict[str, FleetChannel] = field(default_factory=dict)
    failures: dict[str, NodeFailure] = field(default_factory=dict)


class Fleet:
    """Use as an async context manager; leaving it closes every channel."""

    def __init__(self, settings: FleetSettings, resting: bool = False) -> None:
        """`resting`: somebody else reads the channels."""
        self.settings = settings
        self._resting = resting
        self.stats = FleetStats()
        self.result = ""
        """What came of the command, for the journals of the hosts that it changed."""
        self._channels: list[FleetChannel] = []
        self._connector: Connector | None = None
        self._keeping: Keeping | None = None
        self._starts = asyncio.Semaphore(settings.forks)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        await asyncio.gather(*(channel.close(self.result) for channel in self._channels))
        await self.close_bastions()

    async def close_bastions(self) -> None:
        if self._connector:
            await self._connector.close()

    async def open(
        self, reaches: Iterable[Reach], on_ready: OnReady | None = None, modules: bool = True
    ) -> Opened:
        """Connect to all at once, at most `forks` starting at a time. Never raises for a host.

        `modules=False` where nothing may ever be called: they are sent when it is, after all.
        """
        opened = Opened()

        async def one(reach: Reach) -> None:
            failure = None
            try:
                async with self._starts:
                    opened.channels[reach.name] = await self._open(reach, modules)
            except ConnectError as error:
                failure = opened.failures[reach.name] = error.failure
            if on_ready:
                on_ready(reach.name, failure.reason if failure else None)

        await asyncio.gather(*(one(reach) for reach in reaches))
        return opened

    async def _open(self, reach: Reach, modules: bool) -> FleetChannel:
        if reach.local:
            channel = await self._open_local(reach, modules)
        else:
            kept = await self._open_kept(reach) if self.settings.keep else None
            channel = kept or await self._open_ssh(reach, modules)
        if not self._resting:
            channel.run()
        self._channels.append(channel)
        return channel

    async def _open_kept(self, reach: Reach) -> FleetChannel | None:
        """Through the keeper; None where there can be none."""
        from kadalu_ssh.fleet.kept import Keeping, NoKeeper

        self._keeping = self._keeping or Keeping()
        try:
            pipe, there = await self._keeping.worker(reach, self.settings)
        except NoKeeper:
            return None
        channel = FleetChannel(reach.name, pipe, self.stats)
        try:
            await channel.take_over(LOGIN_TIMEOUT)
        except ConnectError:  # the keeper ended just now
            await pipe.close()
            return None
        self.stats.connections += not there
        self.stats.execs += not there
        return channel

    async def _open_local(self, reach: Reach, modules: bool) -> FleetChannel:
        import getpass

        from kadalu_ssh.fleet.pipes import local_pipe

        user = getpass.getuser()
        command = command_for(reach, user)
        return await self._start(reach, user, await local_pipe(command), command, modules)

    async def _open_ssh(self, reach: Reach, modules: bool) -> FleetChannel:
        from kadalu_ssh.fleet.ssh import Connector, ssh_pipe

        if self._connector is None:
            self._connector = Connector(self.settings, self.stats)
        conn = await self._connector.open(reach)
        user = str(conn.get_extra_info("username"))
        command = command_for(reach, user)
        return await self._start(reach, user, await ssh_pipe(conn, command), command, modules)

    async def _start(
        self, reach: Reach, user: str, pipe: "AnyPipe", command: Command, modules: bool
    ) -> FleetChannel:
        from kadalu_ssh.fleet.pipes import give_password

        self.stats.execs += 1
        channel = FleetChannel(reach.name, pipe, self.stats)
        try:
            if command.password:
                async with asyncio.timeout(LOGIN_TIMEOUT):
                    await give_password(pipe, command)
            await channel.start(LOGIN_TIMEOUT, modules)
        except (ConnectError, TimeoutError) as error:
            await pipe.ended()
            found = early_end(reach, user, pipe.exit_status(), pipe.stderr_tail())
            await pipe.close()
            if isinstance(error, ConnectError) and error.failure.kind == "sudo_password":
                raise
            raise ConnectError(found.kind, found.reason) from error
        _refuse_unprivileged(channel, user)
        return channel


def _refuse_unprivileged(channel: FleetChannel, user: str) -> None:
    if channel.hello["uid"] != 0:
        raise ConnectError("no_sudo", f"{user} is not root there: remove ansible_become: false")
