"""One real host, on which node modules are called through `fleet` and looked at without them."""

import asyncio
import itertools
import subprocess
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from kadalu_ssh.fleet import Fleet, FleetSettings
from kadalu_ssh.manifest import brick_service, manifest_for, shd_service
from kadalu_ssh.model.reach import Reach
from kadalu_ssh.model.records import Client, Document, Group, Node, Slot, Unit, Volume
from kadalu_ssh.operations.probe import capabilities
from kadalu_ssh.volgen import default_options
from tests.cluster.bed import Bed, wait_until

Json = dict[str, Any]
Call = tuple[str, Json]


@dataclass
class ModuleHost:
    """A host: `call` goes through SSH and the worker, `sh` goes past them."""

    container: str
    reach: Reach
    settings: FleetSettings

    @classmethod
    def of(cls, bed: Bed, node: str, home: Path) -> "ModuleHost":
        """A node of the test bed, reached as root."""
        reach = Reach(name=node, host=bed.ips[node], user="root", key_file=bed.key)
        settings = FleetSettings(
            known_hosts=home / "known_hosts", ssh_config=home / "none", user_known_hosts=()
        )
        return cls(bed.container(node), reach, settings)

    def until(self, condition: str) -> None:
        """Wait until a shell condition holds there."""
        wait_until(lambda: self.sh(f"{condition} && echo yes", check=False), why=condition)

    def sh(self, script: str, check: bool = True) -> str:
        """Run a shell script in the container; returns what it printed."""
        done = subprocess.run(
            ["docker", "exec", self.container, "sh", "-c", script],
            capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"{script}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def call(self, module: str, params: Json, limit: float = 60.0) -> Json:
        """One module call by a worker of its own."""
        return self.calls((module, params), limit=limit)[0]

    def calls(self, *calls: Call, limit: float = 60.0) -> list[Json]:
        """Several calls of one worker, so that locks are kept in between."""
        return asyncio.run(self._calls(calls, limit))

    async def _calls(self, calls: Sequence[Call], limit: float) -> list[Json]:
        async with Fleet(self.settings) as fleet:
            opened = await fleet.open([self.reach])
            assert not opened.failures, opened.failures
            channel = opened.channels[self.reach.name]
            return [await channel.call(name, params, limit=limit) for name, params in calls]

    def clean(self) -> None:
        """Leave the host as it was, whatever the test did."""
        self.sh(
            "systemctl stop 'kadalu-*' 'mnt-*.mount' 2>/dev/null; cd /;"
            "for m in $(findmnt -rno TARGET -t fuse.glusterfs,tmpfs | grep ^/mnt); do"
            "  umount -l $m; done;"
            "rm -f /etc/systemd/system/kadalu-* /etc/systemd/system/*/kadalu-*"
            "  /run/systemd/system/mnt-*.mount /etc/systemd/system/mnt-*.mount"
            "  /etc/systemd/system/*/mnt-*.mount;"
            "systemctl daemon-reload; systemctl reset-failed;"
            "rm -rf /var/lib/kadalu /run/kadalu /var/log/kadalu /mnt/* /data1/* /data2/*",
            check=False,
        )


@dataclass
class Lab:
    """A cluster of that one host: documents, and what their manifests do there."""

    host: ModuleHost
    cluster_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    node_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    serials: Any = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.facts = self.host.call("facts", {"cluster_id": self.cluster_id})
        self.node = Node(
            id=self.node_id, name="n1", address="127.0.0.1", capabilities=capabilities(self.facts)
        )
        self.identity("claim")
        self.document = Document(
            cluster_id=self.cluster_id, name="lab", nodes=(self.node,), serial=next(self.serials)
        )

    def identity(self, op: str, **more: Any) -> Json:
        who = {"cluster_id": self.cluster_id, "node_id": self.node_id, "name": "n1"}
        return self.host.call("identity", {"op": op, **who, **more})

    def fence(self, document: Document) -> Json:
        return {
            "cluster_id": self.cluster_id, "epoch": document.epoch, "serial": document.serial,
            "task": "test",
        }  # fmt: skip

    # --- documents ---

    def with_volume(self, *paths: str, state: str = "started", **changes: Any) -> Document:
        """The document with one volume of these units; nothing is done on the host."""
        volume_id = str(uuid.uuid4())
        slots = tuple(self._slot(number, path) for number, path in enumerate(paths))
        kind = "replicate" if len(paths) > 1 else "distribute"
        volume = Volume(
            id=volume_id, name="gv", xlator_name="gv", kind=kind, username="user",
            groups=(Group(number=0, slots=slots),), password="secret-word", state=state,
            next_brick_id=len(paths), options=default_options(kind), **changes,
        )  # fmt: skip
        return self.change(volumes=(volume,))

    def _slot(self, number: int, path: str) -> Slot:
        found = self.host.call("facts", {"cluster_id": self.cluster_id, "paths": [path]})
        unit = Unit(
            id=str(uuid.uuid4()), node=self.node_id, path=path, port=24010 + number,
            fs_uuid=found["paths"][path]["fs_uuid"], fsid=found["paths"][path]["fsid"],
        )  # fmt: skip
        return Slot(position=number, brick_id=number, client_name=f"gv-client-{number}", unit=unit)

    def change(self, **changes: Any) -> Document:
        """The next document."""
        self.document = msgspec.structs.replace(self.document, serial=next(self.serials), **changes)
        return self.document

    def change_volume(self, **changes: Any) -> Document:
        return self.change(volumes=(msgspec.structs.replace(self.volume, **changes),))

    def with_mount(self, path: str, **changes: Any) -> Document:
        boot_id = changes.pop("boot_id", self.facts["boot_id"])
        client = Client(
            id=str(uuid.uuid4()), host=self.node_id, volume=self.volume.id, path=path,
            boot_id=boot_id, **changes,
        )  # fmt: skip
        return self.change(clients=(client,))

    @property
    def volume(self) -> Volume:
        return self.document.volumes[0]

    @property
    def bricks(self) -> list[str]:
        return [brick_service(slot.unit.id) for slot in self.volume.slots]

    @property
    def services(self) -> list[str]:
        return [*self.bricks, shd_service(self.volume.id)]

    # --- what is done on the host ---

    def units(self, **more: Any) -> list[Json]:
        return [
            {
                "path": slot.unit.path, "unit_id": slot.unit.id, "volume_id": self.volume.id,
                "group": 0, "position": slot.position, "role": slot.role,
                "fs_uuid": slot.unit.fs_uuid, "fsid": slot.unit.fsid, **more,
            }
            for slot in self.volume.slots
        ]  # fmt: skip

    def init_units(self, **more: Any) -> Json:
        fence = self.fence(self.document)
        return self.host.call("init_unit", {"fence": fence, "units": self.units(**more)})

    def drop_units(self, **more: Any) -> list[str]:
        params = {"fence": self.fence(self.document), "units": self.units(**more)}
        return [unit["result"] for unit in self.host.call("drop_unit", params)["units"]]

    def converge(self, document: Document | None = None, **params: Any) -> Json:
        """What an operation does: digests first, then the contents that are asked for."""
        document = document or self.document
        manifest = manifest_for(document, self.node_id)
        sent = {
            "manifest": manifest.wire(), "owners": None, "check": False, "contents": {},
            "secrets": sorted(manifest.secrets), "may_stop": [], "may_restart": [],
            "fence": self.fence(document), "tombstones": [], **params,
        }  # fmt: skip
        answer = self.host.call("converge", sent)
        if "need" not in answer:
            return answer
        contents = {sha: manifest.contents[sha] for sha in answer["need"]}
        return self.host.call("converge", {**sent, "contents": contents})


def statuses(answer: Json) -> set[str]:
    return {item["status"] for item in answer["items"]}


def by_kind(answer: Json, kind: str) -> list[Json]:
    """Items of a kind, in the manifest's order."""
    return [item for item in answer["items"] if item["id"].startswith(kind + ":")]
