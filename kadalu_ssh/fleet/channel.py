"""The controller's end of the worker protocol (see modules/worker.py for the other)."""

import asyncio
import itertools
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol

from kadalu_ssh.fleet.frames import FrameReader, packed
from kadalu_ssh.fleet.payload import boot_message, modules_frame
from kadalu_ssh.fleet.settings import ConnectError, FleetStats
from kadalu_ssh.model.channel import CallFailed, ChannelLost, Json

HEARTBEAT = 5.0
SILENCE = 30.0
GRACE = 5.0
"""Seconds by which our limit is later than the node's."""
_BYE_CHARACTERS = 500


class Pipe(Protocol):
    """A process on a node, as bytes in and out. SSH and the local transport provide it."""

    stays: bool
    """Whether it is there for the next command, too, when it has heard the end of this one."""

    async def read(self, count: int) -> bytes: ...
    def write(self, data: bytes) -> None: ...
    def stderr_tail(self) -> str: ...
    def exit_status(self) -> int | None: ...
    async def ended(self) -> None: ...
    async def close(self) -> None: ...


class FleetChannel:
    """One connected node. Calls are answered in order; several may be under way."""

    def __init__(self, name: str, pipe: Pipe, stats: FleetStats) -> None:
        self.name = name
        self.hello: Json = {}
        self.pipe = pipe
        self.frames = FrameReader(pipe)
        self._stats = stats
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Json]] = {}
        self._unanswered: set[int] = set()
        """Calls that the worker has yet to answer, also those that nobody waits for any more."""
        self._events: dict[int, Callable[[Json], None]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._heard = time.monotonic()
        self.lost = False
        self._taught = False

    # --- life ---

    async def start(self, limit: float, modules: bool = True) -> None:
        """Send the worker and its modules, wait for its hello. Raises ConnectError.

        Without `modules` these wait for the first call, if there ever is one.
        """
        self.pipe.write(boot_message())
        if modules:
            self._send_modules()
        await self._greet(limit)

    async def take_over(self, limit: float) -> None:
        """Wait for the hello of a worker that runs already and has its modules."""
        self._taught = True
        await self._greet(limit)

    async def _greet(self, limit: float) -> None:
        try:
            async with asyncio.timeout(limit):
                await self.frames.skip_noise()
                self.hello = (await self.frames.message())["hello"]
        except TimeoutError:
            raise ConnectError("shell", f"it did not start Python within {limit:g} s") from None
        except (EOFError, ValueError, KeyError) as error:
            raise ConnectError(
                "shell", f"it did not start Python: {self._last_words(error)}"
            ) from None
        self._stats.round_trips += 1

    def run(self) -> None:
        """Begin to read answers and to send heartbeats."""
        self._heard = time.monotonic()
        self._tasks = [asyncio.create_task(self._read_loop()), asyncio.create_task(self._beat())]

    def _send_modules(self) -> None:
        self.pipe.write(modules_frame())
        self._taught = True

    def _last_words(self, error: Exception) -> str:
        return self.pipe.stderr_tail().strip() or str(error) or "no answer"

    async def close(self, result: str = "") -> None:
        """Say bye; the worker ends and lets its locks go. `result`: for the host's journal."""
        if not self.lost:
            with suppress(OSError, ChannelLost):
                said = (result or "ended")[:_BYE_CHARACTERS]
                self._send({"bye": said, "busy": bool(self._unanswered)})
                # sshd drops what it has not passed on when the connection goes.
                if result or self.pipe.stays:
                    await self.pipe.ended()
        for task in self._tasks:
            task.cancel()
        await self.pipe.close()
        self._fail("closed")

    # --- calls ---

    async def call(
        self, module: str, params: Mapping[str, Any], *, limit: float = 60.0,
        on_event: Callable[[Json], None] | None = None,
    ) -> Json:  # fmt: skip
        """Run `module` on the node. Raises CallFailed or ChannelLost."""
        if self.lost:
            raise ChannelLost("connection lost")
        number = next(self._ids)
        future: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        self._unanswered.add(number)
        if on_event:
            self._events[number] = on_event
        self._stats.round_trips += 1
        try:
            if not self._taught:
                self._send_modules()
            self._send({"id": number, "module": module, "params": params, "limit": limit})
            async with asyncio.timeout(limit + GRACE):
                return _result(await future)
        except TimeoutError:
            self._fail(f"no answer within {limit + GRACE:g} s")
            raise ChannelLost(f"no answer within {limit + GRACE:g} s") from None
        finally:
            self._waiting.pop(number, None)
            self._events.pop(number, None)

    def _send(self, message: Mapping[str, Any]) -> None:
        try:
            self.pipe.write(packed(message))
        except (OSError, RuntimeError) as error:
            self._fail(str(error))
            raise ChannelLost("connection lost") from error

    # --- background ---

    async def _read_loop(self) -> None:
        try:
            while True:
                message = await self.frames.message()
                self._heard = time.monotonic()
                self._deliver(message)
        except (EOFError, OSError, ValueError) as error:
            self._fail(str(error))

    def _deliver(self, message: Json) -> None:
        number = message.get("id", 0)
        if "event" in message:
            if callback := self._events.get(number):
                callback(message["event"])
            return
        self._unanswered.discard(number)
        if (future := self._waiting.get(number)) and not future.done():
            future.set_result(message)

    async def _beat(self) -> None:
        with suppress(ChannelLost):
            while True:
                await asyncio.sleep(HEARTBEAT)
                if time.monotonic() - self._heard > SILENCE:
                    self._fail(f"nothing heard for {SILENCE:g} s")
                self._send({"heartbeat": 1})

    def _fail(self, reason: str) -> None:
        """Everything that waits learns that its outcome is unknown."""
        self.lost = True
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ChannelLost(f"connection lost ({reason})"))


def _result(message: Json) -> Json:
    if "error" in message:
        error = message["error"]
        raise CallFailed(error["kind"], error["reason"], error.get("detail", ""))
    result: Json = message["result"]
    return result
