"""The desired state of one cluster: immutable records, referenced by id.

Names are looked up at the edge (`lookup.py`); nothing here refers to a name. Every record
refuses unknown fields, so that a hand-edited document is told which field is wrong.
"""

from typing import Literal

import msgspec

SCHEMA = 2
VOLGEN_REVISION = 1

VolumeKind = Literal["distribute", "replicate", "mirror", "arbiter", "disperse"]
SlotRole = Literal["data", "arbiter", "redundancy"]


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all records: frozen, compared by value, strict when decoded."""


class Capabilities(Record, frozen=True, kw_only=True):
    """What a host's GlusterFS can do, as probed by `node add` and `node update`."""

    glusterfs: str
    """Release as `glusterfsd --version` prints it, for example `11.1`."""
    xlators: tuple[str, ...] = ()
    """Xlator types found on the host, for example `features/simple-quota`; sorted."""
    glusterfsd: str = "/usr/sbin/glusterfsd"
    glusterfs_client: str = "/usr/sbin/glusterfs"
    glfsheal: str | None = None
    systemd: int = 0
    """Version: what a unit file may say depends on it."""

    @property
    def release(self) -> int:
        """Major release: 10 or 11."""
        return int(self.glusterfs.split(".", 1)[0])


class Node(Record, frozen=True, kw_only=True):
    """A host that runs storage units."""

    id: str
    name: str
    """Its inventory name: how SSH finds it."""
    address: str
    """Its name in volfiles: what other nodes and clients resolve."""
    capabilities: Capabilities
    zone: str | None = None
    resting: bool = False
    """In maintenance: its services are stopped until it is taken back."""
    ports_given: tuple[int, ...] = ()
    """Every port a unit of this node ever had: a port is never reissued."""


class ClientHost(Record, frozen=True, kw_only=True):
    """A host that only mounts."""

    id: str
    name: str
    capabilities: Capabilities


class Unit(Record, frozen=True, kw_only=True):
    """One life of a slot: a directory on a node that holds data."""

    id: str
    node: str
    path: str
    port: int
    fs_uuid: str
    """UUID of the file system that holds `path`; empty when the kernel knows none."""
    fsid: str
    """Device number (`st_dev`) text; units of a volume that share it split `df`."""
    kind: Literal["path", "device", "lvm", "zfs", "btrfs"] = "path"
    state: Literal["new", "live", "replacing"] = "live"
    size: int = 0
    """Bytes of its file system when it was last probed: `volume list` asks no node."""
    inodes: int = 0


class Slot(Record, frozen=True, kw_only=True):
    """A place in a distribute group. Immutable; a replacement changes its unit only."""

    position: int
    brick_id: int
    client_name: str
    """Name of its protocol/client xlator, and so part of the AFR xattr names on disk."""
    unit: Unit
    role: SlotRole = "data"


class Group(Record, frozen=True, kw_only=True):
    """A distribute group: the storage units that together hold one copy set."""

    number: int
    slots: tuple[Slot, ...]
    state: Literal["adding", "live", "leaving"] = "live"


class Crawl(Record, frozen=True, kw_only=True):
    """One distribute group's part of a rebalance: a service beside one of its storage units."""

    group: int
    unit: str
    """Id of the unit whose directories and files it goes through."""


class Rebalance(Record, frozen=True, kw_only=True):
    """The last run of a volume: files brought to where the layout of their directory wants them."""

    id: str
    kind: Literal["layout", "migrate", "shrink"]
    """`layout` moves no files; `shrink` empties the groups that are leaving."""
    crawls: tuple[Crawl, ...]
    """The first one fixes the layout; the others wait for that."""
    state: Literal["running", "stopped"] = "running"
    """What is wanted. Whether it is complete only its nodes know."""
    throttle: Literal["lazy", "normal", "aggressive"] = "normal"
    force: bool = False
    """Move files also to where less space is left than where they are."""
    began: str = ""
    """ISO 8601, UTC."""


class Volume(Record, frozen=True, kw_only=True):
    id: str
    """Also `trusted.glusterfs.volume-id` of its units."""
    name: str
    xlator_name: str
    """Prefix of every xlator name. Immutable: AFR xattr names on disk contain it."""
    kind: VolumeKind
    groups: tuple[Group, ...]
    username: str
    password: str
    next_brick_id: int
    redundancy: int = 0
    """Disperse: how many units of a group may be lost. 0 for other kinds."""
    state: Literal["created", "started", "stopped"] = "created"
    options: dict[str, str] = {}
    volgen_revision: int = VOLGEN_REVISION
    regrouped: bool = False
    """Groups came or went while it held files: some may not be where their names say."""
    rebalance: Rebalance | None = None

    @property
    def slots(self) -> tuple[Slot, ...]:
        return tuple(slot for group in self.groups for slot in group.slots)

    @property
    def heals(self) -> bool:
        """True when its groups have copies, so that a self-heal daemon makes sense."""
        return self.kind != "distribute"


class Client(Record, frozen=True, kw_only=True):
    """One managed mount of a volume on a host."""

    id: str
    host: str
    """Id of a `Node` or a `ClientHost`."""
    volume: str
    path: str
    options: tuple[str, ...] = ()
    persist: bool = False
    boot_id: str = ""
    """Boot in which it was made: without `persist` it is forgotten in any other boot."""


class Tombstone(Record, frozen=True, kw_only=True):
    """What disappeared from the document and that one host has not yet confirmed gone."""

    owner: str
    """The vanished manifest owner: `volume:ID`, `client:ID`, or `host:ID` for the host itself."""
    host: str
    name: str | None = None
    """Inventory name of a host that is itself given up."""
    unit: str | None = None
    path: str | None = None
    port: int | None = None
    volume: str | None = None
    wipe: bool = False
    undo: bool = False
    """The unit was being made when the host went away, and perhaps never was: no data is in it."""


class Behind(Record, frozen=True, kw_only=True):
    """A committed change of `owner` that did not reach `host`. Gone once the host has it."""

    host: str
    owner: str
    serial: int
    """The first document that the host missed."""


class Document(Record, frozen=True, kw_only=True):
    """The whole desired state of a cluster."""

    cluster_id: str
    name: str
    schema: int = SCHEMA
    epoch: int = 1
    serial: int = 0
    parent: str = ""
    """SHA-256 of the document before this one; empty for the first."""
    task: str = ""
    """Id of the task that made it."""
    port_range: tuple[int, int] = (24010, 24999)
    meta_servers: tuple[str, ...] = ()
    """Ids of the nodes that keep a replica of this document and take part in the lock."""
    nodes: tuple[Node, ...] = ()
    hosts: tuple[ClientHost, ...] = ()
    volumes: tuple[Volume, ...] = ()
    clients: tuple[Client, ...] = ()
    tombstones: tuple[Tombstone, ...] = ()
    behind: tuple[Behind, ...] = ()
    xlator_names: tuple[str, ...] = ()
    """Every xlator name ever used: a new volume of an old name gets a suffix."""
    retired: dict[str, str] = {}
    """Deleted volumes' ids → their xlator names, for `volume create --volume-id`."""
