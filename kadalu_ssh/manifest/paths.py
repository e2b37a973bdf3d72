"""Where things are on a node. Everything is named by ids, so that two clusters never meet."""

import re
from dataclasses import dataclass

_UNSAFE = re.compile(rb"[^A-Za-z0-9:_.]")
_SHORT = 13


@dataclass(frozen=True)
class Paths:
    """Paths of one cluster on any of its hosts."""

    cluster_id: str

    @property
    def lib(self) -> str:
        return f"/var/lib/kadalu/{self.cluster_id}"

    @property
    def run(self) -> str:
        return f"/run/kadalu/{self.cluster_id}"

    @property
    def log(self) -> str:
        return f"/var/log/kadalu/{self.cluster_id}"

    @property
    def volfiles(self) -> str:
        return f"{self.lib}/volfiles"

    def volfile(self, kind: str, identity: str) -> str:
        """Volfile of a `brick`, `shd`, `client` or `trusted` graph."""
        return f"{self.volfiles}/{kind}-{identity}.vol"

    def crawl(self, run: str) -> str:
        """Where the program of a rebalance is, and what it writes down."""
        return f"{self.lib}/crawl-{run}"

    def crawl_status(self, run: str, group: int) -> str:
        return f"{self.crawl(run)}/{group}.status.json"

    def crawl_mount(self, volume: str, group: int) -> str:
        return f"{self.run}/crawl-{volume}-{group}"

    def log_file(self, kind: str, identity: str) -> str:
        return f"{self.log}/{kind}-{identity}.log"

    def socket(self, kind: str, identity: str) -> str:
        """Unix socket of a `b`rick or `s`elf-heal daemon.

        sun_path has room for 108 bytes, so ids are cut.
        """
        return f"{self.run}/{kind}-{_short(identity)}.sock"

    def pid_file(self, kind: str, identity: str) -> str:
        return f"{self.run}/{kind}-{_short(identity)}.pid"


def _short(identity: str) -> str:
    return identity.replace("-", "")[:_SHORT]


def brick_service(unit_id: str) -> str:
    return f"kadalu-brick-{unit_id}.service"


def shd_service(volume_id: str) -> str:
    return f"kadalu-shd-{volume_id}.service"


def crawl_service(volume_id: str, group: int) -> str:
    return f"kadalu-crawl-{volume_id}-{group}.service"


def mount_unit(path: str) -> str:
    """The name systemd demands of a mount unit for `path` (systemd.unit(5), escaping)."""
    body = _UNSAFE.sub(_escape, path.strip("/").encode().replace(b"/", b"\0"))
    if body.startswith(b"."):
        body = b"\\x2e" + body[1:]
    return (body.decode() or "-") + ".mount"


def _escape(match: re.Match[bytes]) -> bytes:
    char = match[0]
    return b"-" if char == b"\0" else b"\\x%02x" % char[0]
