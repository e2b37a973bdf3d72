"""What a manifest is made of: plain dictionaries that `modules/converge.py` understands."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from kadalu_ssh.model.channel import Json


@dataclass
class Manifest:
    """What one host should have: items in order of application, and the files' contents."""

    cluster_id: str
    host_id: str
    epoch: int
    serial: int
    items: list[Json] = field(default_factory=list)
    contents: dict[str, str] = field(default_factory=dict)
    """SHA-256 → text, for every file item."""
    secrets: set[str] = field(default_factory=set)
    """Texts that no diff may show."""
    _ids: set[str] = field(default_factory=set, repr=False)

    def wire(self) -> Json:
        """The form that goes to the node."""
        return {
            "cluster_id": self.cluster_id,
            "node_id": self.host_id,
            "epoch": self.epoch,
            "serial": self.serial,
            "items": self.items,
        }

    def directory(self, owner: str, path: str, mode: int = 0o700, *, tree: bool = False) -> None:
        """`tree`: what is written into it by what runs there goes with it."""
        extra = {"tree": True} if tree else {}
        self._add("dir", path, owner, path=path, mode=mode, **extra)

    def file(
        self, owner: str, path: str, text: str, *, secret: bool = False, systemd: bool = False
    ) -> None:
        data = text.encode()
        sha = hashlib.sha256(data).hexdigest()
        self.contents[sha] = text
        mode = 0o644 if systemd else 0o600
        self._add(
            "file", path, owner,
            path=path, mode=mode, sha256=sha, size=len(data), secret=secret, systemd=systemd,
        )  # fmt: skip

    def replica(self, kept: bool) -> None:
        """Whether the host keeps the state: what a former meta server has of it goes."""
        self._add("replica", "meta", "node", kept=kept)

    def unit(self, owner: str, **fields: Any) -> None:
        self._add("unit", fields["unit_id"], owner, **fields)

    def service(self, owner: str, name: str, **fields: Any) -> None:
        self._add("service", name, owner, name=name, **fields)

    def mount(self, owner: str, path: str, **fields: Any) -> None:
        self._add("mount", path, owner, path=path, **fields)

    def _add(self, kind: str, identity: str, owner: str, /, **fields: Any) -> None:
        """What two parts of a volume share on a host is there once."""
        key = f"{kind}:{identity}"
        if key in self._ids:
            return
        self._ids.add(key)
        self.items.append({"kind": kind, "id": f"{kind}:{identity}", "owner": owner, **fields})
