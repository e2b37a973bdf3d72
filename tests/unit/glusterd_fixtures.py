"""glusterd's own files: the volume that its `info` describes, and its volfiles as graphs."""

from collections.abc import Iterator
from functools import lru_cache
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


_ORDER = {"volume": 0, "type": 1, "option": 2, "subvolumes": 3, "end-volume": 4}


def parse(text: str) -> list[Block]:
    """Volfile text → its blocks, options in the order of lines.

    Strict: raises ValueError for an unknown line and for one that glusterd never writes there.
    """
    return [_block(part) for part in text.split("\n\n")]


@lru_cache(maxsize=512)
def _block(text: str) -> Block:
    block = Block("", "", (), ())
    previous = "end-volume"
    for line in map(str.strip, text.splitlines()):
        word, _, rest = line.partition(" ")
        if not _follows(previous, word) or (previous == "end-volume" and block.name):
            raise ValueError(f"{line} after {previous}")
        previous = word
        if word == "volume":
            block = block._replace(name=rest)
        elif word == "type":
            block = block._replace(type=rest)
        elif word == "option":
            key, _, value = rest.partition(" ")
            block = block._replace(options=(*block.options, (key, value)))
        elif word == "subvolumes":
            block = block._replace(children=tuple(rest.split(" ")))
    if previous != "end-volume" or not block.name:
        raise ValueError("this volume has no end")
    return block


def _follows(previous: str, word: str) -> bool:
    """volume, type, options, at most one line of subvolumes, end-volume."""
    before, now = _ORDER[previous], _ORDER.get(word, -1)
    if now <= 1:
        return now == (before + 1) % 5
    return before >= 1 and (now > before or word == previous == "option")


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
