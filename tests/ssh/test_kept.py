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
from kadalu_ssh.fleet import kept as kept_module
from kadalu_ssh.fleet.frames import packed
from kadalu_ssh.fleet.keeper import Keeper, keep
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


def test_calls_that_a_command_left_behind_are_not_begun(tmp_path: Path) -> None:
    """Interrupted, as by ctrl-C: what runs is ended, what waits never begins."""
    wrong = Misbehaviour()
    mark = tmp_path / "begun"
    program = f"import time; open({str(mark)!r}, 'a').write('x'); time.sleep(0.5)"

    async def main() -> None:
        async with ssh_server(wrong) as (port, _), kept():

            async def leave(channel: FleetChannel) -> None:
                await teach(channel, "slow", f"def run(params, ctx):\n    {program}\n")
                calls = [asyncio.create_task(channel.call("slow", {})) for _ in range(3)]
                while not mark.exists():  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                for call in calls:
                    call.cancel()

            await command(tmp_path, port, leave)
            await command(tmp_path, port)
            await asyncio.sleep(1.2)  # for calls that must not come

    asyncio.run(main())
    assert mark.read_text() == "x"
    assert wrong.connections == 2


async def teach(channel: FleetChannel, name: str, source: str) -> None:
    """One more module for the worker."""
    channel.pipe.write(packed({"modules": {name: source}}))


def test_one_that_is_taken_while_another_is_given_up() -> None:
    keeper = Keeper()

    class Old:
        lost, until, fleet = False, 0.0, Fleet(settings(Path()))

        def beat(self, now: float) -> None: ...

        async def close(self) -> None:
            keeper._idle.pop("b", None)  # a command comes meanwhile

    keeper._idle = {"a": Old(), "b": Old()}  # type: ignore[dict-item]
    asyncio.run(keeper._give_up_old(1.0))
    assert keeper._idle == {}


def test_a_keeper_that_says_nothing_is_gone_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_module, "_LOGIN_SECONDS", -4.8)
    wrong = Misbehaviour()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def main() -> None:
        path = socket_path()
        assert path
        server = await asyncio.start_unix_server(say_nothing, path)
        async with ssh_server(wrong) as (port, _):
            await command(tmp_path, port)
        server.close()

    asyncio.run(main())
    assert wrong.connections == 1


def test_a_keeper_that_cannot_start_is_not_waited_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_module, "_START_SECONDS", 0.3)
    started: list[Path] = []
    monkeypatch.setattr(kept_module, "start_keeper", started.append)
    wrong = Misbehaviour()

    async def main() -> None:
        chosen = replace(settings(tmp_path), keep=30.0)
        async with ssh_server(wrong) as (port, _), Fleet(chosen) as fleet:
            hosts = [replace(reach(tmp_path, port), name=f"n{n}") for n in range(4)]
            assert len((await fleet.open(hosts)).channels) == 4

    asyncio.run(main())
    assert len(started) == 1


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
