"""Host keys: the user's known_hosts and ours, parsed once; unknown told from changed.

asyncssh reports an unknown and a changed key alike, so the look-up is our own.
"""

import fcntl
import os
from pathlib import Path

import asyncssh

from kadalu_ssh.files import make_private
from kadalu_ssh.fleet.settings import ConnectError, FleetSettings


class HostKeys:
    """What is known of hosts' keys, for one command."""

    def __init__(self, settings: FleetSettings) -> None:
        self.settings = settings
        files = [
            p for p in (settings.known_hosts, *settings.user_known_hosts) if os.access(p, os.R_OK)
        ]
        self._known = asyncssh.read_known_hosts([str(path) for path in files]) if files else None
        self._accepted: dict[tuple[str, int], asyncssh.SSHKey] = {}

    def trusted(self, host: str, port: int) -> list[asyncssh.SSHKey]:
        """The keys recorded for a host; a non-standard port has entries of its own."""
        if self._known is None:
            return []
        found, *_ = self._known.match(host, "", port if port != 22 else None)
        return list(found)

    def judge(self, host: str, port: int, key: asyncssh.SSHKey, name: str) -> ConnectError | None:
        """None when `key`, which is not a recorded one, may be used; else why not.

        `name`: what the inventory calls the host.
        """
        if self.settings.host_key_checking == "off":
            return None
        known = self.trusted(host, port)
        if known:
            return changed(known, key, name)
        if self.settings.host_key_checking == "strict":
            return ConnectError(
                "host_key_unknown",
                f"its host key is not known (offered: {fingerprint(key)}); "
                "verify it, then use --host-key-checking accept-new once",
            )
        if (host, port) not in self._accepted:
            self._accepted[host, port] = key
            if self.settings.record_keys:
                record(self.settings.known_hosts, host, port, key)
        return None


def fingerprint(key: asyncssh.SSHKey) -> str:
    return str(key.get_fingerprint("sha256"))


def changed(known: list[asyncssh.SSHKey], key: asyncssh.SSHKey | None, name: str) -> ConnectError:
    """Both fingerprints, and what to do."""
    was = ", ".join(fingerprint(k) for k in known)
    now = fingerprint(key) if key else "a key of another type"
    return ConnectError(
        "host_key_changed",
        f"HOST KEY CHANGED: known {was}, offered {now}. If the host was reinstalled and you "
        f"verified the new key by other means: kadalu node accept-key {name}",
    )


def pattern(host: str, port: int) -> str:
    """How known_hosts names a host."""
    return host if port == 22 else f"[{host}]:{port}"


def record(path: Path, host: str, port: int, key: asyncssh.SSHKey) -> None:
    """Append one line, whole, also when several commands do so at once."""
    make_private(path.parent)
    line = f"{pattern(host, port)} {key.export_public_key().decode().strip()}\n"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        os.write(handle, line.encode())
    finally:
        os.close(handle)


def replace(path: Path, host: str, port: int, key: asyncssh.SSHKey) -> None:
    """Forget what our file says of a host, and record `key`."""
    name = pattern(host, port)
    old = path.read_text().splitlines(keepends=True) if path.exists() else []
    keep = [line for line in old if name not in line.split(" ", 1)[0].split(",")]
    temporary = path.with_suffix(".new")
    make_private(path.parent)
    temporary.write_text("".join(keep))
    temporary.chmod(0o600)
    temporary.replace(path)
    record(path, host, port, key)
