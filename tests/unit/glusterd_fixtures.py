"""glusterd's own files: the volume that its `info` describes, and its volfiles as graphs."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from kadalu_ssh.model.records import Capabilities, Group, Node, Slot, Unit, Volume, VolumeKind

ROOT = Path(__file__).parent.parent / "fixtures" / "glusterd"


class Block(NamedTuple):
    name: str
    type: str
    options: tuple[tuple[str, str], ...]
    children: tuple[str, ...]


def volumes() -> list[Path]:
    return sorted(path.parent for path in ROOT.glob("*/*/info"))


def parse(text: str) -> list[Block]:
    """Volfile text → its blocks, options in the order of lines. Strict: unknown lines raise."""
    blocks: list[Block] = []
    name = kind = ""
    options: list[tuple[str, str]] = []
    children: tuple[str, ...] = ()
    for line in filter(None, map(str.strip, text.splitlines())):
        word, _, rest = line.partition(" ")
        if (word == "volume") == bool(name):
            raise ValueError(f"out of place: {line}")
        if word == "volume":
            name, kind, options, children = rest, "", [], ()
        elif word == "type":
            kind = rest
        elif word == "option":
            key, _, value = rest.partition(" ")
            options.append((key, value))
        elif word == "subvolumes":
            children = tuple(rest.split())
        elif word == "end-volume":
            blocks.append(Block(name, kind, tuple(options), children))
            name = ""
        else:
            raise ValueError(f"unknown line: {line}")
    if name:
        raise ValueError("the last volume has no end")
    return blocks


def read_info(directory: Path) -> tuple[Volume, dict[str, Node]]:
    """The volume as our records have it. A unit of n1 shares n1's file system, and so on."""
    lines = [line.partition("=") for line in (directory / "info").read_text().splitlines()]
    info = {key: value for key, _, value in lines}
    release = directory.parent.name
    bricks = [value.split(":", 1) for key, value in info.items() if key.startswith("brick-")]
    nodes = {host: _node(host, release) for host, _ in bricks}
    name, kind = directory.name, _kind(info)
    size = max(int(info["sub_count"]), 1)
    slots = [_slot(name, kind, at, size, *brick, info) for at, brick in enumerate(bricks)]
    groups = tuple(
        Group(number=at // size, slots=tuple(slots[at : at + size]))
        for at in range(0, len(slots), size)
    )
    volume = Volume(
        id=info["volume-id"], name=name, xlator_name=name, kind=kind, groups=groups,
        redundancy=int(info["redundancy_count"]), username=info["username"],
        password=info["password"], next_brick_id=len(slots), state="started",
        options={k: v for k, v in info.items() if "." in k},
    )  # fmt: skip
    return volume, nodes


def _node(host: str, release: str) -> Node:
    xlators = ("features/simple-quota",) if release.startswith("11") else ()
    capabilities = Capabilities(glusterfs=release, xlators=xlators)
    return Node(id=host, name=host, address=host, capabilities=capabilities)


def _kind(info: dict[str, str]) -> VolumeKind:
    if info.get("arbiter_count", "0") != "0":
        return "arbiter"
    kinds: dict[str, VolumeKind] = {"0": "distribute", "2": "replicate", "4": "disperse"}
    return kinds[info["type"]]


def _slot(
    name: str, kind: str, at: int, size: int, host: str, path: str, info: dict[str, str]
) -> Slot:
    arbiter = kind == "arbiter" and at % size == size - 1
    unit = Unit(
        id=f"unit-{at}", node=host, path=path.replace("-", "/", 2), port=24010 + at,
        fs_uuid="", fsid=host,
    )  # fmt: skip
    return Slot(
        position=at % size, brick_id=at, client_name=f"{name}-client-{at}", unit=unit,
        role="arbiter" if arbiter else "data",
    )  # fmt: skip


def fixture_files(directory: Path) -> Iterator[tuple[str, str, Path]]:
    """(graph, unit path or empty, file) of every volfile of a volume."""
    name = directory.name
    for path in sorted(directory.glob("*.vol")):
        if path.name == f"{name}-shd.vol":
            yield "shd", "", path
        elif path.name == f"{name}-rebalance.vol":
            yield "rebalance", "", path
        elif path.name.startswith("trusted-"):
            yield "trusted", "", path
        elif path.name.endswith("tcp-fuse.vol"):
            yield "client", "", path
        else:
            yield "brick", "/bricks/" + path.name.split(".bricks-", 1)[1][: -len(".vol")], path
