"""`python -m kadalu_ssh.fleet.keeper SOCKET`: holds connections and workers between commands.

A command asks for a host with one line, and then speaks the worker's protocol over the same socket:
frames go through as they are, so that heartbeats, and with them fencing, stay between the command
and the worker. Only the end differs: the worker is told that the command is over, lets go of its
locks, and stays. One that a command left without a word is closed, and lets go by ending.
"""

import asyncio
import fcntl
import json
import os
import socket
import struct
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from kadalu_ssh.fleet.channel import HEARTBEAT, SILENCE, FleetChannel
from kadalu_ssh.fleet.fleet import Fleet
from kadalu_ssh.fleet.frames import FrameReader, packed, unpacked
from kadalu_ssh.fleet.kept import asked_for
from kadalu_ssh.fleet.payload import MAGIC
from kadalu_ssh.fleet.settings import ConnectError, FleetSettings
from kadalu_ssh.model.channel import Json

_BYE = b'{"bye"'
_LOOK_SECONDS = 1.0
_HELLO_SECONDS = 5.0
_FIRST_SECONDS = 5.0
"""For the command that started it to come."""


class Kept:
    """A worker, lent to a command or idle."""

    def __init__(self, channel: FleetChannel, fleet: Fleet) -> None:
        self.fleet = fleet
        self.pipe = channel.pipe
        self.hello = channel.hello
        self.lost = False
        self.until = 0.0
        """When it is given up, if nobody wants it."""
        self._frames = channel.frames
        self._borrower: asyncio.StreamWriter | None = None
        self._greeting: asyncio.Future[Json] | None = None
        self._heard = self._spoke = time.monotonic()
        self._pump = asyncio.create_task(self._pass_on())

    async def _pass_on(self) -> None:
        """Everything the worker says, to whoever has it."""
        try:
            while True:
                frame = await self._frames.frame()
                self._heard = time.monotonic()
                if self._borrower:
                    self._borrower.write(frame)
                elif self._greeting and "hello" in (message := unpacked(frame)):
                    self._greeting.set_result(message["hello"])
                    self._greeting = None
        except (EOFError, OSError, ValueError):
            self.lost = True
            if self._borrower:
                self._borrower.close()
            if self._greeting:
                self._greeting.cancel()

    async def greet(self, result: str = "") -> bool:
        """End what it did before, and have it say who it is now. False when it does not answer."""
        self._greeting = asyncio.get_running_loop().create_future()
        try:
            self.pipe.write(packed({"again": result}))
            async with asyncio.timeout(_HELLO_SECONDS):
                self.hello = await self._greeting
        except (OSError, TimeoutError, asyncio.CancelledError):
            self.lost = True
        return not self.lost

    async def lend(self, reader: FrameReader, writer: asyncio.StreamWriter) -> None:
        """Until the command says bye. It is lost when the command goes without a word, or leaves
        calls behind: the worker must not begin with those.
        """
        writer.write(MAGIC + packed({"hello": self.hello}))
        self._borrower = writer
        try:
            while not (frame := await reader.frame()).startswith(_BYE, 5):
                self.pipe.write(frame)
        except (EOFError, OSError):
            self.lost = True
            return
        finally:
            self._borrower = None
        said = unpacked(frame)
        if said["busy"]:
            self.lost = True
            self.pipe.write(frame)
            await self.pipe.ended()
        else:
            await self.greet(said["bye"])

    def beat(self, now: float) -> None:
        """An idle one hears of us, and is given up when it says nothing."""
        if now - self._heard > SILENCE:
            self.lost = True
        elif now - self._spoke >= HEARTBEAT:
            self._spoke = now
            with suppress(OSError):
                self.pipe.write(packed({"heartbeat": 1}))

    async def close(self) -> None:
        """The worker ends with its stdin; what the command said last is in the journal."""
        self._pump.cancel()
        await self.pipe.close()


class Keeper:
    """Idle workers by what was asked for, and those who ask."""

    def __init__(self) -> None:
        self._idle: dict[str, Kept] = {}
        self._busy = 0
        self._opening: dict[FleetSettings, tuple[Fleet, int]] = {}
        """For hosts that are opened at the same time, so that keys are read once; how many are."""
        self._users: Counter[Fleet] = Counter()
        """Workers whose connection may lead through a bastion of that fleet."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One command's use of one host."""
        self._busy += 1
        try:
            if _peer(writer) == os.getuid() and (line := await reader.readline()):
                await self._serve(json.loads(line), reader, writer)
        except (OSError, ValueError):
            pass  # a command that went away
        finally:
            self._busy -= 1
            writer.close()

    async def _serve(
        self, request: Json, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        key = json.dumps(request["way"], sort_keys=True)
        kept = self._idle.pop(key, None)
        there = kept is not None and await kept.greet()
        if kept is None or not there:
            if kept:
                await self._give_up(kept)
            try:
                kept = await self._open(request)
            except ConnectError as error:
                failure = [error.failure.kind, error.failure.reason]
                writer.write(json.dumps({"failure": failure}).encode() + b"\n")
                return
        writer.write(json.dumps({"kept": there}).encode() + b"\n")
        await kept.lend(FrameReader(reader), writer)
        kept.until = time.monotonic() + request["keep"]
        if kept.lost or key in self._idle:
            await self._give_up(kept)
        else:
            self._idle[key] = kept

    async def _open(self, request: Json) -> Kept:
        reach, settings = asked_for(request)
        fleet, others = self._opening.get(settings) or (Fleet(settings, resting=True), 0)
        self._opening[settings] = fleet, others + 1
        try:
            opened = await fleet.open([reach])
        finally:
            fleet, others = self._opening.pop(settings)
            if others > 1:
                self._opening[settings] = fleet, others - 1
        if reach.name in opened.failures:
            failure = opened.failures[reach.name]
            await self._let_go(fleet)
            raise ConnectError(failure.kind, failure.reason)
        self._users[fleet] += 1
        return Kept(opened.channels[reach.name], fleet)

    async def _give_up(self, kept: Kept) -> None:
        await kept.close()
        self._users[kept.fleet] -= 1
        await self._let_go(kept.fleet)

    async def _let_go(self, fleet: Fleet) -> None:
        """Close its bastions, when nobody is connected through them any more."""
        opening = any(one is fleet for one, _ in self._opening.values())
        if not self._users[fleet] and not opening:
            del self._users[fleet]
            await fleet.close_bastions()

    async def watch(self) -> None:
        """Returns when nothing is kept any more."""
        while self._idle or self._busy:
            await asyncio.sleep(_LOOK_SECONDS)
            await self._give_up_old(time.monotonic())

    async def _give_up_old(self, now: float) -> None:
        for kept in self._idle.values():
            kept.beat(now)
        old = {k: kept for k, kept in self._idle.items() if kept.lost or now > kept.until}
        for key in old:  # at once: while they are closed, a command may come for another
            del self._idle[key]
        await asyncio.gather(*map(self._give_up, old.values()))

    async def close(self) -> None:
        await asyncio.gather(*(kept.close() for kept in self._idle.values()))


def _peer(writer: asyncio.StreamWriter) -> int:
    """The user at the other end of the socket; elsewhere than on Linux its directory keeps others
    out, and nothing else.
    """
    connection = writer.get_extra_info("socket")
    if not hasattr(socket, "SO_PEERCRED"):
        return os.getuid()
    size = struct.calcsize("3i")
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    return int(struct.unpack("3i", found)[1])


async def keep(path: Path, first: float = _FIRST_SECONDS) -> None:
    """Serve on `path` until nothing was wanted for as long as commands asked for."""
    with path.with_suffix(".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # another one is just starting
        path.unlink(missing_ok=True)  # noqa: ASYNC240
        keeper = Keeper()
        server = await asyncio.start_unix_server(keeper.serve, path)
        path.chmod(0o600)  # noqa: ASYNC240
        try:
            await asyncio.sleep(first)
            await keeper.watch()
        finally:
            path.unlink(missing_ok=True)  # noqa: ASYNC240
            server.close()
            await keeper.close()


if __name__ == "__main__":
    os.umask(0o077)
    asyncio.run(keep(Path(sys.argv[1])))
