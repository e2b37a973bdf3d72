"""An SSH server in this process that runs commands for real, and can be told to misbehave."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

USER_KEY = asyncssh.generate_private_key("ssh-ed25519")


@dataclass
class Misbehaviour:
    """What the server does wrong."""

    noise: bytes = b""
    """Printed by the login shell before anything else."""
    instead: str = ""
    """A command that is run in place of the one that was asked for."""
    path: str = ""
    """Put before PATH: a place for a sudo of the test's own."""
    connections: int = 0
    connected: list[asyncssh.SSHServerConnection] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)


async def pump(source: Any, sink: Any) -> None:
    """Bytes from one stream to another, until the first ends or the second is gone."""
    with contextlib.suppress(OSError, asyncssh.Error):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    with contextlib.suppress(OSError, AttributeError):
        sink.close() if isinstance(sink, asyncio.StreamWriter) else None


@asynccontextmanager
async def ssh_server(
    wrong: Misbehaviour, key: asyncssh.SSHKey | None = None
) -> AsyncIterator[tuple[int, asyncssh.SSHAcceptor]]:
    """Yields the port on 127.0.0.1."""

    children: list[asyncio.subprocess.Process] = []

    class Server(asyncssh.SSHServer):
        def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
            wrong.connections += 1
            wrong.connected.append(conn)

    async def run(process: "asyncssh.SSHServerProcess[bytes]") -> None:
        wrong.commands.append(process.command or "")
        process.stdout.write(wrong.noise)
        child = await asyncio.create_subprocess_shell(
            f"PATH={wrong.path}:$PATH; {wrong.instead or process.command or ''}",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        children.append(child)
        assert child.stdin and child.stdout and child.stderr
        into = asyncio.create_task(pump(process.stdin, child.stdin))
        await asyncio.gather(pump(child.stdout, process.stdout), pump(child.stderr, process.stderr))
        status = await child.wait()
        into.cancel()
        with contextlib.suppress(OSError):
            process.exit(status)

    acceptor = await asyncssh.create_server(
        Server, "127.0.0.1", 0, process_factory=run, encoding=None,
        server_host_keys=[key or asyncssh.generate_private_key("ssh-ed25519")],
        authorized_client_keys=asyncssh.import_authorized_keys(
            USER_KEY.export_public_key().decode()
        ),
    )  # fmt: skip
    try:
        yield acceptor.get_port(), acceptor
    finally:
        acceptor.close()
        await end_all(children)


async def end_all(children: Iterable[asyncio.subprocess.Process]) -> None:
    """What a test cut off must not outlive its loop."""
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()
    await asyncio.sleep(0)  # the pipes' own goodbyes


def write_key(folder: Path, key: asyncssh.SSHKey = USER_KEY) -> Path:
    path = folder / "id"
    key.write_private_key(str(path))
    path.chmod(0o600)
    return path
