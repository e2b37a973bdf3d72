"""Document → what one host should have. Pure: the same document gives the same bytes."""

from collections import Counter
from collections.abc import Iterator, Mapping

from kadalu_ssh.manifest.crawl import Running, add_crawl, crawl_files, crawls_on, service_text
from kadalu_ssh.manifest.items import Manifest
from kadalu_ssh.manifest.paths import (
    Paths,
    brick_service,
    crawl_service,
    mount_unit,
    shd_service,
)
from kadalu_ssh.model.records import (
    Client,
    ClientHost,
    Document,
    Group,
    Node,
    Slot,
    Volume,
)
from kadalu_ssh.templates import render
from kadalu_ssh.volgen import brick_volfile, client_volfile, rebalance_volfile, shd_volfile

_RELOADS = 11
_UNIT_DIR = "/etc/systemd/system"
_TRANSIENT_UNIT_DIR = "/run/systemd/system"


class Texts:
    """Volfiles that are the same on many hosts, each made once."""

    def __init__(self, document: Document) -> None:
        self.nodes = {node.id: node for node in document.nodes}
        self._made: dict[tuple[str, str, int], str] = {}

    def client(self, volume: Volume, release: int, *, trusted: bool) -> str:
        key = ("trusted" if trusted else "client", volume.id, release)
        if key not in self._made:
            self._made[key] = client_volfile(volume, self.nodes, release, trusted=trusted)
        return self._made[key]

    def shd(self, volume: Volume) -> str:
        key = ("shd", volume.id, 0)
        if key not in self._made:
            self._made[key] = shd_volfile(volume, self.nodes)
        return self._made[key]

    def rebalance(self, volume: Volume) -> str:
        key = ("rebalance", volume.id, 0)
        if key not in self._made:
            self._made[key] = rebalance_volfile(volume, self.nodes)
        return self._made[key]


def manifest_for(document: Document, host_id: str, texts: Texts | None = None) -> Manifest:
    """The manifest of a node or a client host; of a host without any part in it, an empty one.

    `texts`: of this document, to be given for all its hosts.
    """
    return _Builder(document, host_id, texts or Texts(document)).build()


def owner_of(record: Volume | Client) -> str:
    """The owner of a record's items: `volume:ID` or `client:ID`."""
    return f"{'volume' if isinstance(record, Volume) else 'client'}:{record.id}"


class _Builder:
    def __init__(self, document: Document, host_id: str, texts: Texts) -> None:
        self.document = document
        self.texts = texts
        self.host: Node | ClientHost | None = texts.nodes.get(host_id) or next(
            (host for host in document.hosts if host.id == host_id), None
        )
        self.paths = Paths(document.cluster_id)
        self.manifest = Manifest(document.cluster_id, host_id, document.epoch, document.serial)

    def build(self) -> Manifest:
        if self.host is None:
            return self.manifest
        for path in (self.paths.lib, self.paths.volfiles, self.paths.run, self.paths.log):
            self.manifest.directory("node", path)
        if isinstance(self.host, Node):
            self.manifest.replica(self.host.id in self.document.meta_servers)
            for volume in self.document.volumes:
                self._volume(volume, self.host)
        for client in self.document.clients:
            if client.host == self.host.id:
                self._client(client, self.host)
        return self.manifest

    # --- storage units and the self-heal daemon ---

    def _volume(self, volume: Volume, node: Node) -> None:
        mine = list(_slots_on(volume, node.id))
        if not mine:
            return
        self.manifest.secrets.add(volume.password)
        owner = owner_of(volume)
        sharing = Counter(slot.unit.fsid for _, slot in mine)
        for group, slot in mine:
            self._brick(owner, volume, group, slot, node, sharing[slot.unit.fsid])
        release = node.capabilities.release
        trusted = self.texts.client(volume, release, trusted=True)
        path = self.paths.volfile("trusted", volume.id)
        self.manifest.file(owner, path, trusted, secret=True)
        if volume.heals:
            self._shd(owner, volume, node)
        for crawl in crawls_on(volume, node.id):
            self._crawl(owner, volume, node, crawl)

    def _brick(
        self, owner: str, volume: Volume, group: Group, slot: Slot, node: Node, sharing: int
    ) -> None:
        unit, started = slot.unit, _serves(volume, node)
        volfile = self.paths.volfile("brick", unit.id)
        service = brick_service(unit.id)
        self.manifest.unit(
            owner, path=unit.path, unit_id=unit.id, volume_id=volume.id, fs_uuid=unit.fs_uuid,
            group=group.number, position=slot.position, live=unit.state == "live",
        )  # fmt: skip
        stamp = f"{self.paths.lib}/marker-{volume.id}.tstamp"
        text = brick_volfile(volume, slot, node, sharing, stamp)
        self.manifest.file(owner, volfile, text, secret=True)
        log = self.paths.log_file("brick", unit.id)
        values = {"unit": unit, "log": log, **self._process("b", unit.id)}
        self._service_file(owner, service, "brick", node, volume, volfile, values)
        self._service(owner, service, node, started, volfile, log, [f"unit:{unit.id}"])

    def _shd(self, owner: str, volume: Volume, node: Node) -> None:
        volfile = self.paths.volfile("shd", volume.id)
        service = shd_service(volume.id)
        text = self.texts.shd(volume)
        self.manifest.file(owner, volfile, text, secret=True)
        log = self.paths.log_file("shd", volume.id)
        values = {"log": log, **self._process("s", volume.id)}
        self._service_file(owner, service, "shd", node, volume, volfile, values)
        self._service(owner, service, node, _serves(volume, node), volfile, log, [])

    def _crawl(self, owner: str, volume: Volume, node: Node, found: Running) -> None:
        volfile = self.paths.volfile("crawl", volume.id)
        self.manifest.file(owner, volfile, self.texts.rebalance(volume), secret=True)
        add_crawl(self.manifest, self.paths, owner, volume, node, found, volfile)
        name = crawl_service(volume.id, found.crawl.group)
        text = service_text(self.paths, volume, found)
        self.manifest.file(owner, f"{_UNIT_DIR}/{name}", text, systemd=True)
        wanted = _serves(volume, node) and found.run.state == "running"
        log = self.paths.log_file("crawl", f"{volume.id}-{found.crawl.group}")
        files = [*crawl_files(self.paths, found, volfile), f"{_UNIT_DIR}/{name}"]
        self.manifest.service(
            owner, name, enabled=wanted, running=wanted, requires=[f"unit:{found.slot.unit.id}"],
            files=files, critical=False, log=log, reload=[],
        )  # fmt: skip

    def _process(self, kind: str, identity: str) -> dict[str, str]:
        return {
            "pid": self.paths.pid_file(kind, identity),
            "socket": self.paths.socket(kind, identity),
        }

    def _service_file(
        self, owner: str, service: str, kind: str, node: Node, volume: Volume, volfile: str,
        values: Mapping[str, object],
    ) -> None:  # fmt: skip
        binaries = {
            "brick": node.capabilities.glusterfsd,
            "shd": node.capabilities.glusterfs_client,
        }
        text = render(
            f"{kind}.service.j2", cluster_id=self.document.cluster_id, node=node, volume=volume,
            volfile=volfile, binary=binaries[kind], systemd=node.capabilities.systemd, **values,
        )  # fmt: skip
        self.manifest.file(owner, f"{_UNIT_DIR}/{service}", text, systemd=True)

    def _service(
        self, owner: str, name: str, node: Node, running: bool, volfile: str, log: str,
        requires: list[str],
    ) -> None:  # fmt: skip
        files = [volfile, f"{_UNIT_DIR}/{name}"]
        self.manifest.service(
            owner, name, enabled=running, running=running, requires=requires,
            files=files, critical=True, log=log, reload=_read_again(node, volfile),
        )  # fmt: skip

    # --- mounts ---

    def _client(self, client: Client, host: Node | ClientHost) -> None:
        volume = next(v for v in self.document.volumes if v.id == client.volume)
        owner = owner_of(client)
        volfile = self.paths.volfile("client", client.id)
        text = self.texts.client(volume, host.capabilities.release, trusted=False)
        self.manifest.file(owner, volfile, text)
        name = mount_unit(client.path)
        log = self.paths.log_file("mount", client.id)
        options = ["_netdev", f"log-file={log}", *client.options]
        text = render(
            "mount.unit.j2", client=client, volume=volume, volfile=volfile, options=options
        )
        directory = _UNIT_DIR if client.persist else _TRANSIENT_UNIT_DIR
        self.manifest.file(owner, f"{directory}/{name}", text, systemd=True)
        self.manifest.mount(
            owner, client.path, unit_name=name, persist=client.persist,
            boot_id=client.boot_id, files=[volfile, f"{directory}/{name}"], log=log,
            reload=_read_again(host, volfile),
        )  # fmt: skip


def _serves(volume: Volume, node: Node) -> bool:
    """Whether what the node has of the volume is to run."""
    return volume.state == "started" and not node.resting


def _read_again(host: Node | ClientHost, volfile: str) -> list[str]:
    """Files that a running process reads again at SIGHUP: GlusterFS does so from 11 on."""
    return [volfile] if host.capabilities.release >= _RELOADS else []


def _slots_on(volume: Volume, node_id: str) -> Iterator[tuple[Group, Slot]]:
    for group in volume.groups:
        for slot in group.slots:
            if slot.unit.node == node_id:
                yield group, slot
