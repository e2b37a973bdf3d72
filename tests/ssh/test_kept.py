"""Connections that are kept from one command to the next, and every way in which they end."""

import asyncio
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kadalu_ssh.fleet import Fleet, FleetChannel, Opened
from kadalu_ssh.fleet import keeper as keeper_module
from kadalu_ssh.fleet.keeper import keep
from kadalu_ssh.fleet.kept import socket_path
from kadalu_ssh.model.channel import ChannelLost
from tests.ssh.server import Misbehaviour, ssh_server
from tests.ssh.test_fleet import reach, settings

PEEK = {"op": "peek", "cluster_id": "none-such"}


@pytest.fixture(autouse=True)
def private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A place for the socket, and a home without anything of this machine's user."""
    run = tmp_path / "run"
    run.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(run))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setattr(keeper_module, "_LOOK_SECONDS", 0.05)


@asynccontextmanager
async def kept(seconds: float = 30.0) -> AsyncIterator["asyncio.Task[None]"]:
    """A keeper in this process."""
    path = socket_path()
    assert path
    task = asyncio.create_task(keep(path, first=seconds))
    while not path.exists():  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    yield task
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def command(
    tmp_path: Path, port: int, act: Callable[[FleetChannel], Awaitable[Any]] | None = None,
    **more: Any,
) -> Opened:  # fmt: skip
    """What one command does: connect, call, end."""
    async with Fleet(replace(settings(tmp_path), keep=30.0)) as fleet:
        result = await fleet.open([reach(tmp_path, port, **more)])
        for channel in result.channels.values():
            assert await channel.call("meta", PEEK) == {"locked": False, "holder": None}
            if act:
                await act(channel)
        return result


def test_the_second_command_logs_in_nowhere(tmp_path: Path) -> None:
    wrong = Misbehaviour(noise=b"Welcome!\n")

    async def main() -> None:
        async with ssh_server(wrong) as (port, _), kept():
            first = (await command(tmp_path, port)).channels["n1"].hello
            second = (await command(tmp_path, port)).channels["n1"].hello
            assert second["time"] > first["time"]  # the worker is asked again, each time

    asyncio.run(main())
    assert wrong.connections == len(wrong.commands) == 1


def test_two_commands_at_once_have_a_worker_each(tmp_path: Path) -> None:
    wrong = Misbehaviour()

    async def main() -> None:
        async with ssh_server(wrong) as (port, _), kept():

            async def another(channel: FleetChannel) -> None:
                await command(tmp_path, port)

            await command(tmp_path, port, another)
            assert wrong.connections == 2
            await command(tmp_path, port)
            assert wrong.connections == 2

    asyncio.run(main())


def test_a_worker_that_a_command_left_without_a_word_is_not_used_again(tmp_path: Path) -> None:
    wrong = Misbehaviour()

    async def main() -> None:
        async with ssh_server(wrong) as (port, _), kept():

            async def die(channel: FleetChannel) -> None:
                channel.pipe._writer.transport.abort()  # type: ignore[attr-defined]
                with pytest.raises(ChannelLost):
                    await channel.call("meta", PEEK)

            await command(tmp_path, port, die)
            await command(tmp_path, port)

    asyncio.run(main())
    assert wrong.connections == 2


def test_a_connection_that_ended_meanwhile_is_made_anew(tmp_path: Path) -> None:
    wrong = Misbehaviour()

    async def main() -> None:
        async with ssh_server(wrong) as (port, _), kept():
            await command(tmp_path, port)
            wrong.connected[0].abort()
            await command(tmp_path, port)

    asyncio.run(main())
    assert wrong.connections == 2


def test_another_way_in_is_another_connection(tmp_path: Path) -> None:
    wrong = Misbehaviour()

    async def main() -> None:
        async with ssh_server(wrong) as (port, _), kept():
            await command(tmp_path, port)
            await command(tmp_path, port, user="somebody")

    asyncio.run(main())
    assert wrong.connections == 2


def test_why_a_host_cannot_be_used_is_said_as_without_a_keeper(tmp_path: Path) -> None:
    async def main(keep_for: float) -> Any:
        wrong = Misbehaviour(instead="echo nothing here >&2; exit 127")
        chosen = replace(settings(tmp_path), keep=keep_for)
        async with ssh_server(wrong) as (port, _), kept(), Fleet(chosen) as fleet:
            return (await fleet.open([reach(tmp_path, port)])).failures["n1"]

    assert asyncio.run(main(30.0)) == asyncio.run(main(0.0))


def test_nothing_is_kept_for_longer_than_was_asked_for(tmp_path: Path) -> None:
    wrong = Misbehaviour()

    async def main() -> None:
        async with ssh_server(wrong) as (port, _), kept(seconds=0.5) as task:
            async with Fleet(replace(settings(tmp_path), keep=0.3)) as fleet:
                await fleet.open([reach(tmp_path, port)])
            async with asyncio.timeout(10):
                await task
        path = socket_path()
        assert path and not path.exists()

    asyncio.run(main())


def test_nobody_else_gets_at_the_socket(tmp_path: Path) -> None:
    async def main() -> None:
        async with kept():
            path = socket_path()
            assert path
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    asyncio.run(main())


def test_without_a_private_place_hosts_are_connected_as_ever(tmp_path: Path) -> None:
    (tmp_path / "run").chmod(0o755)
    wrong = Misbehaviour()

    async def main() -> None:
        assert socket_path() is None
        async with ssh_server(wrong) as (port, _):
            await command(tmp_path, port)
            await command(tmp_path, port)

    asyncio.run(main())
    assert wrong.connections == 2
