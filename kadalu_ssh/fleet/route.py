"""Where a host is and with which keys to go there: the inventory first, then ~/.ssh/config."""

import getpass
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
from asyncssh.config import SSHClientConfig

from kadalu_ssh.fleet.settings import ConnectError, FleetSettings
from kadalu_ssh.model.reach import Reach

_USED = ("Hostname", "Port", "User", "IdentityFile", "ProxyJump", "HostKeyAlias")
_DEFAULT_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")


@dataclass(frozen=True)
class Route:
    """One host's way in, resolved."""

    host: str
    port: int
    user: str
    key_files: tuple[Path, ...]
    explicit_keys: bool
    jump: str | None
    alias: str
    """The name under which its host key is known."""


def route_to(reach: Reach, settings: FleetSettings) -> Route:
    """Resolve `reach` against ~/.ssh/config, as OpenSSH would."""
    config = _config_for(reach, settings)
    listed = [Path(str(p)).expanduser() for p in config.get("IdentityFile") or ()]
    files = (reach.key_file,) if reach.key_file else tuple(listed)
    defaults = tuple(Path("~/.ssh", name).expanduser() for name in _DEFAULT_KEYS)
    host = str(config.get("Hostname") or reach.host)
    return Route(
        host=host,
        port=reach.port or int(config.get("Port") or 22),
        user=reach.user or str(config.get("User") or getpass.getuser()),
        key_files=files or defaults,
        explicit_keys=bool(files),
        jump=_jump(config.get("ProxyJump")),
        alias=str(config.get("HostKeyAlias") or host),
    )


def _config_for(reach: Reach, settings: FleetSettings) -> dict[str, Any]:
    if not os.access(settings.ssh_config, os.R_OK):
        return {}
    try:
        # asyncssh's own parser: it knows Host, Match and Include.
        found = SSHClientConfig.load(
            None, [str(settings.ssh_config)], False, False, False,
            getpass.getuser(), reach.user or (), reach.host, reach.port or (),
        )  # fmt: skip
    except asyncssh.ConfigParseError as error:
        raise ConnectError("error", f"{settings.ssh_config}: {error}") from error
    return {key: found.get(key) for key in _USED}


def _jump(value: object) -> str | None:
    return str(value) if value and str(value).lower() != "none" else None


class Keys:
    """Private keys, each file read once however many hosts use it."""

    def __init__(self) -> None:
        self._loaded: dict[Path, asyncssh.SSHKey | str] = {}

    def load(self, files: tuple[Path, ...], explicit: bool) -> list[asyncssh.SSHKey]:
        """The keys that can be used; raises ConnectError when a named one cannot."""
        keys = []
        for path in files:
            found = self._read(path)
            if isinstance(found, asyncssh.SSHKey):
                keys.append(found)
            elif explicit and not os.environ.get("SSH_AUTH_SOCK"):
                raise ConnectError("auth", f"cannot use key {path}: {found}")
        return keys

    def usable(self, files: tuple[Path, ...]) -> list[Path]:
        """Those of `files` that hold a key which could be read."""
        return [path for path in files if isinstance(self._read(path), asyncssh.SSHKey)]

    def _read(self, path: Path) -> asyncssh.SSHKey | str:
        if path not in self._loaded:
            try:
                self._loaded[path] = asyncssh.read_private_key(
                    str(path), unsafe_skip_rsa_key_validation=True
                )
            except asyncssh.KeyImportError:
                self._loaded[path] = "it has a passphrase (use ssh-agent), or is not a private key"
            except OSError as error:
                self._loaded[path] = error.strerror or str(error)
        return self._loaded[path]
