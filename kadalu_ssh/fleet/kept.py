"""A command's side of kept connections: the keeper's socket, and a worker behind it.

With `keep`, a process of the same user (fleet/keeper.py) holds connections and their workers for
some time after a command, as OpenSSH's ControlPersist does, so that the next one logs in nowhere.
"""

import asyncio
import hashlib
import json
import os
import stat
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from kadalu_ssh.fleet.settings import LOGIN_TIMEOUT, ConnectError, FleetSettings
from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.reach import Reach
from kadalu_ssh.model.secret import Secret

_START_SECONDS = 5.0
_LOGIN_SECONDS = 2 * LOGIN_TIMEOUT
"""For a login, and for Python to start; what the keeper waits for a host itself is less."""
_RETRY_SECONDS = 0.01
_RETRIES = 50
"""Before it is started once more: one that just ends may have been in the way."""
_CLOSE_SECONDS = 2.0
_PACKAGE = Path(__file__).parents[1]
_PATHS, _SECRETS = ("key_file",), ("password", "become_password")


class KeptPipe:
    """A worker that the keeper lends, as bytes in and out (see channel.Pipe)."""

    stays = True

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._over = asyncio.Event()

    async def read(self, count: int) -> bytes:
        try:
            data = await self._reader.read(count)
        except OSError:
            data = b""
        if not data:
            self._over.set()
        return data

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    def stderr_tail(self) -> str:
        return ""

    def exit_status(self) -> int | None:
        return None

    async def ended(self) -> None:
        """Wait until the worker has ended the command, and is back with the keeper."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._over.wait()

    async def close(self) -> None:
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()


# --- where the keeper is ---


def socket_path() -> Path | None:
    """Of this user's keeper for this very kadalu; None where no private directory can be had."""
    run = os.environ.get("XDG_RUNTIME_DIR")
    folder = Path(run) if run else Path(tempfile.gettempdir()) / f"kadalu-{os.getuid()}"
    with suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
        if ours and not found.st_mode & 0o077:
            return folder / f"kadalu-{_who_and_what()}.sock"
    return None


def _who_and_what() -> str:
    """What must be alike for a worker to be shared: the program, and what SSH reads."""
    programs = [*(_PACKAGE / "modules").glob("*.py"), *(_PACKAGE / "fleet").glob("*.py")]
    newest = max(entry.stat().st_mtime_ns for entry in programs)
    words = [sys.executable, str(_PACKAGE), str(newest)]
    words += [os.environ.get(name, "") for name in ("HOME", "SSH_AUTH_SOCK")]
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:16]


# --- asking it ---


class NoKeeper(Exception):
    """There is none that works: the host is connected as without it."""


class Keeping:
    """The keeper, as one command knows it. One that does not work is not tried again."""

    def __init__(self) -> None:
        self._starting = asyncio.Lock()
        self._path = socket_path()
        self._broken = self._path is None

    async def worker(self, reach: Reach, settings: FleetSettings) -> tuple[KeptPipe, bool]:
        """A worker on a host, and whether it was there already. Raises ConnectError, NoKeeper."""
        reader, writer = await self._dial()
        pipe = KeptPipe(reader, writer)
        writer.write(json.dumps(request(reach, settings)).encode() + b"\n")
        try:
            async with asyncio.timeout(settings.connect_timeout + _LOGIN_SECONDS):
                answer: Json = json.loads(await reader.readline())
        except (OSError, ValueError, TimeoutError):
            self._broken = True
            await pipe.close()
            raise NoKeeper from None
        if "failure" in answer:
            await pipe.close()
            raise ConnectError(*answer["failure"])
        return pipe, answer["kept"]

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async with self._starting:
            if self._path and not self._broken:
                with suppress(OSError):
                    return await _dial(self._path)
            self._broken = True
        raise NoKeeper


async def _dial(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Raises OSError when there is none, and none can be started."""
    for tries in range(int(_START_SECONDS / _RETRY_SECONDS)):
        with suppress(FileNotFoundError, ConnectionRefusedError):
            return await asyncio.open_unix_connection(path)
        if tries % _RETRIES == 0:
            start_keeper(path)
        await asyncio.sleep(_RETRY_SECONDS)
    raise TimeoutError


def start_keeper(path: Path) -> None:
    """In the background, out of reach of this terminal's signals."""
    null = subprocess.DEVNULL
    argv = [sys.executable, "-P", "-m", "kadalu_ssh.fleet.keeper", str(path)]
    subprocess.Popen(
        argv, stdin=null, stdout=null, stderr=null, start_new_session=True, cwd="/",
        env={**os.environ, "PYTHONPATH": str(_PACKAGE.parent)},
    )  # fmt: skip


# --- what is asked ---


def request(reach: Reach, settings: FleetSettings) -> Json:
    """`way`: what two commands must have in common to use one connection."""
    return {
        "keep": settings.keep,
        "connect_timeout": settings.connect_timeout,
        "way": {
            "reach": _plain(reach),
            "known_hosts": str(settings.known_hosts),
            "record_keys": settings.record_keys,
            "host_key_checking": settings.host_key_checking,
        },
    }


def _plain(reach: Reach) -> dict[str, Any]:
    found = {field.name: getattr(reach, field.name) for field in fields(reach)}
    found |= {key: str(found[key]) for key in _PATHS if found[key] is not None}
    return found | {key: found[key].reveal() for key in _SECRETS if found[key] is not None}


def asked_for(request: Json) -> tuple[Reach, FleetSettings]:
    """The other way round."""
    way = request["way"]
    plain = dict(way["reach"])
    plain |= {key: Path(plain[key]) for key in _PATHS if plain[key] is not None}
    plain |= {key: Secret(plain[key]) for key in _SECRETS if plain[key] is not None}
    settings = FleetSettings(
        known_hosts=Path(way["known_hosts"]),
        record_keys=way["record_keys"],
        host_key_checking=way["host_key_checking"],
    )
    return Reach(**plain), replace(settings, connect_timeout=request["connect_timeout"])
