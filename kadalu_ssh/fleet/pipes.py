"""A process as bytes in and out: over SSH, or on this machine. One face for both."""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from kadalu_ssh.fleet.command import Command
from kadalu_ssh.fleet.payload import READY
from kadalu_ssh.fleet.settings import ConnectError

if TYPE_CHECKING:
    import asyncssh

_STDERR_KEPT = 4096
_CLOSE_SECONDS = 2.0


class _Stderr:
    """Keeps the end of stderr, and tells when sudo has asked."""

    def __init__(self) -> None:
        self.text = ""
        self.changed = asyncio.Event()

    def feed(self, data: bytes) -> None:
        self.text = (self.text + data.decode("utf-8", "backslashreplace"))[-_STDERR_KEPT:]
        self.changed.set()


async def _read(stream: "asyncssh.SSHReader[bytes]", count: int) -> bytes:
    """Nothing more comes from a connection that is gone: to us that is its end."""
    import asyncssh

    try:
        return await stream.read(count)
    except asyncssh.Error:
        return b""


class SshPipe:
    """A process on a connection; closing it closes the connection."""

    stays = False

    def __init__(
        self, conn: "asyncssh.SSHClientConnection", process: "asyncssh.SSHClientProcess[bytes]"
    ) -> None:
        self._conn = conn
        self._process = process
        self.stderr = _Stderr()
        self._reader = asyncio.create_task(self._read_stderr())

    async def _read_stderr(self) -> None:
        while data := await _read(self._process.stderr, 1024):
            self.stderr.feed(data)
        self.stderr.changed.set()

    async def read(self, count: int) -> bytes:
        return await _read(self._process.stdout, count)

    def write(self, data: bytes) -> None:
        self._process.stdin.write(data)

    def stderr_tail(self) -> str:
        return self.stderr.text

    def exit_status(self) -> int | None:
        return self._process.exit_status

    async def ended(self) -> None:
        """Wait until all that the process printed is here."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._process.wait_closed()
                await self._reader

    async def close(self) -> None:
        """The worker has been told; do not wait long for a node that is gone."""
        with suppress(OSError):
            self._process.stdin.write_eof()
        self._conn.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._conn.wait_closed()
        self._conn.abort()
        self._reader.cancel()


class LocalPipe:
    """A child of this process."""

    stays = False

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.stderr = _Stderr()
        self._reader = asyncio.create_task(self._read_stderr())

    async def _read_stderr(self) -> None:
        assert self._process.stderr
        while data := await self._process.stderr.read(1024):
            self.stderr.feed(data)
        self.stderr.changed.set()

    async def read(self, count: int) -> bytes:
        assert self._process.stdout
        return await self._process.stdout.read(count)

    def write(self, data: bytes) -> None:
        assert self._process.stdin
        self._process.stdin.write(data)

    def stderr_tail(self) -> str:
        return self.stderr.text

    def exit_status(self) -> int | None:
        return self._process.returncode

    async def ended(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._process.wait()
                await self._reader

    async def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        await self.ended()
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        self._reader.cancel()


AnyPipe = SshPipe | LocalPipe


async def local_pipe(command: Command) -> LocalPipe:
    """Start `command` on this machine."""
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(
            *command.argv, stdin=pipe, stdout=pipe, stderr=pipe
        )
    except OSError as error:
        raise ConnectError("no_python", f"{command.argv[0]}: {error.strerror}") from error
    return LocalPipe(process)


async def give_password(pipe: AnyPipe, command: Command) -> bytes:
    """Answer sudo when it asks, and never before. Returns what was read from stdout meanwhile.

    sudo asks on stderr; Python's first line on stdout says that it did not need to. sudo-rs ignores
    the form of `-p` in some releases but keeps its text in the prompt.
    """
    assert command.password
    started = asyncio.create_task(_first_output(pipe))
    try:
        while not started.done():
            asked = asyncio.create_task(pipe.stderr.changed.wait())
            await asyncio.wait({started, asked}, return_when=asyncio.FIRST_COMPLETED)
            asked.cancel()
            pipe.stderr.changed.clear()
            if command.prompt in pipe.stderr.text:
                pipe.stderr.text = pipe.stderr.text.replace(command.prompt, "")
                if getattr(pipe, "answered", False):
                    raise ConnectError("sudo_password", "sudo refused the password")
                pipe.answered = True  # type: ignore[union-attr]
                pipe.write(command.password.reveal().encode() + b"\n")
        return started.result()
    finally:
        started.cancel()


async def _first_output(pipe: AnyPipe) -> bytes:
    data = b""
    while READY not in data:
        more = await pipe.read(4096)
        if not more:
            return data
        data += more
    return data
