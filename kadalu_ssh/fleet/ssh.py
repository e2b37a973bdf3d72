"""One SSH connection to one host, and one process on it."""

import asyncio
import errno
import os
import random
from contextlib import suppress

import asyncssh

from kadalu_ssh.fleet.command import Command
from kadalu_ssh.fleet.hostkeys import HostKeys, changed
from kadalu_ssh.fleet.pipes import SshPipe
from kadalu_ssh.fleet.route import Keys, Route, route_to
from kadalu_ssh.fleet.settings import (
    CONNECT_RETRIES,
    KEEPALIVE_COUNT,
    KEEPALIVE_SECONDS,
    LOGIN_TIMEOUT,
    ConnectError,
    FleetSettings,
    FleetStats,
)
from kadalu_ssh.model.reach import Reach

_NO_WAY = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN)
_CIPHERS = "^aes128-gcm@openssh.com,aes256-gcm@openssh.com"
"""First choice: asyncssh needs a third of the Python calls per packet of ChaCha20 for them."""


class _Client(asyncssh.SSHClient):
    """Judges the host's key, and remembers why it was refused."""

    def __init__(self, host_keys: HostKeys, route: Route, name: str) -> None:
        self.host_keys = host_keys
        self.route = route
        self.name = name
        self.refusal: ConnectError | None = None

    def validate_host_public_key(
        self, host: str, addr: str, port: int, key: asyncssh.SSHKey
    ) -> bool:
        self.refusal = self.host_keys.judge(self.route.alias, self.route.port, key, self.name)
        return self.refusal is None


class Connector:
    """Opens connections for one command: keys and known_hosts are read once, bastions shared."""

    def __init__(self, settings: FleetSettings, stats: FleetStats) -> None:
        self.settings = settings
        self.stats = stats
        self.host_keys = HostKeys(settings)
        self.keys = Keys()
        self._bastions: dict[str, asyncio.Task[asyncssh.SSHClientConnection]] = {}

    async def open(self, reach: Reach, via: str | None = None) -> asyncssh.SSHClientConnection:
        """Raises ConnectError with the user's line.

        `via`: the hops before this one in a ProxyJump chain; else ~/.ssh/config says.
        """
        route = route_to(reach, self.settings)
        jump = via or route.jump
        tunnel = await self.bastion(jump) if jump else None
        for attempt in range(CONNECT_RETRIES + 1):
            try:
                return await self._connect(reach, route, tunnel)
            except ConnectionResetError as error:
                # sshd's MaxStartups drops some of many that come at once.
                if attempt == CONNECT_RETRIES:
                    raise ConnectError("lost", f"connection reset during login: {error}") from error
                await asyncio.sleep(random.uniform(0.2, 1.0))  # noqa: S311
        raise AssertionError

    async def _connect(
        self, reach: Reach, route: Route, tunnel: asyncssh.SSHClientConnection | None
    ) -> asyncssh.SSHClientConnection:
        client = _Client(self.host_keys, route, reach.name)
        where = f"{route.host}:{route.port}"
        trusted = self.host_keys.trusted(route.alias, route.port)
        if self.settings.host_key_checking == "off":
            trusted = []
        self.stats.connections += 1
        keys = self.keys.load(route.key_files, route.explicit_keys)
        # A key file that cannot be read may be one that the agent holds opened.
        agent = None if reach.key_file and keys else os.environ.get("SSH_AUTH_SOCK")
        try:
            return await asyncssh.connect(
                route.host, route.port, tunnel=tunnel or (), username=route.user,
                client_factory=lambda: client, known_hosts=(trusted, [], []), config=None,
                # None would keep asyncssh from asking the agent; () has it look for itself.
                client_keys=keys or (() if agent else None), agent_path=agent,
                password=reach.password.reveal() if reach.password else None,
                preferred_auth="publickey,password" if reach.password else "publickey",
                encryption_algs=_CIPHERS,
                connect_timeout=self.settings.connect_timeout, login_timeout=LOGIN_TIMEOUT,
                keepalive_interval=KEEPALIVE_SECONDS, keepalive_count_max=KEEPALIVE_COUNT,
            )  # fmt: skip
        except ConnectionResetError:
            raise
        except (OSError, asyncssh.Error) as error:
            raise self._explain(error, client, reach, route, where, trusted) from error

    def _explain(
        self, error: Exception, client: _Client, reach: Reach, route: Route, where: str,
        trusted: list[asyncssh.SSHKey],
    ) -> ConnectError:  # fmt: skip
        if client.refusal:
            return client.refusal
        if isinstance(error, asyncssh.PermissionDenied):
            files = [str(path) for path in self.keys.usable(route.key_files)]
            names = ", ".join([*files, *_agents_name(reach, files)]) or "no key"
            return ConnectError("auth", f"permission denied for {route.user} (offered: {names})")
        if isinstance(error, asyncssh.KeyExchangeFailed) and trusted:
            return changed(trusted, None, reach.name)
        return _network(error, where, self.settings.connect_timeout)

    async def bastion(self, jump: str) -> asyncssh.SSHClientConnection:
        """One connection per distinct ProxyJump, for all hosts behind it."""
        if jump not in self._bastions:
            before, _, last = jump.rpartition(",")
            opening = self.open(_jump_reach(last), before or None)
            self._bastions[jump] = asyncio.create_task(opening)
        try:
            return await asyncio.shield(self._bastions[jump])
        except ConnectError as error:
            reason = f"bastion {jump}: {error.failure.reason}"
            raise ConnectError(error.failure.kind, reason) from error

    async def close(self) -> None:
        """Close the bastions; the hosts' connections belong to their channels."""
        for task in self._bastions.values():
            with suppress(ConnectError, asyncio.CancelledError):
                (await task).close()


def _agents_name(reach: Reach, files: list[str]) -> list[str]:
    asked = os.environ.get("SSH_AUTH_SOCK") and not (reach.key_file and files)
    return ["the keys of the ssh-agent"] if asked else []


def _jump_reach(hop: str) -> Reach:
    """One hop, `[user@]host[:port]`."""
    user, _, place = hop.rpartition("@")
    host, colon, port = place.rpartition(":")
    if not colon or "]" in port:
        host, port = place, ""
    return Reach(
        name=hop, host=host.strip("[]"), user=user or None, port=int(port) if port else None
    )


def _network(error: Exception, where: str, seconds: float) -> ConnectError:
    text = str(error)
    if isinstance(error, TimeoutError) or "timed out" in text.lower() or "timeout" in text.lower():
        return ConnectError("timeout", f"connect timed out after {seconds:g} s")
    if isinstance(error, ConnectionRefusedError) or "refused" in text.lower():
        return ConnectError("refused", f"connection refused ({where})")
    if "getaddrinfo" in text or "Name or service" in text or "resolution" in text:
        return ConnectError("unresolved", f"its name does not resolve: {where.rpartition(':')[0]}")
    if getattr(error, "errno", None) in _NO_WAY or "unreachable" in text:
        return ConnectError("refused", f"no route to {where}")
    return ConnectError("error", f"{where}: {text or type(error).__name__}")


async def ssh_pipe(conn: asyncssh.SSHClientConnection, command: Command) -> SshPipe:
    """Start `command` on an open connection."""
    try:
        process = await conn.create_process(command.line, encoding=None)
    except (OSError, asyncssh.Error) as error:
        conn.abort()
        raise ConnectError("shell", f"it takes no command: {error}") from error
    return SshPipe(conn, process)
