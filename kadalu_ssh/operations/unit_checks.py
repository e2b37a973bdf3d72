"""What stands against a directory becoming a storage unit. Pure: facts in, reasons out."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from kadalu_ssh.model.channel import Json


class Allowed(NamedTuple):
    """What the flags of `volume create` permit."""

    rootdirs: bool = False
    create_parents: bool = False
    volume_id: str | None = None
    """`--volume-id`: the units of this deleted volume may be used again."""
    assume_order: bool = False


def check_paths(facts: Json, paths: Sequence[str], allowed: Allowed) -> Iterator[str]:
    """One line per reason, each naming the path."""
    for path in paths:
        yield from _nested(path, paths)
        for reason in _check(facts["paths"][path], path, allowed):
            yield f"{path}: {reason}"


def _nested(path: str, paths: Sequence[str]) -> Iterator[str]:
    for other in paths:
        if path.startswith(other + "/"):
            yield f"{path}: lies inside {other}, which is to be a storage unit too"


def _check(found: Json, path: str, allowed: Allowed) -> Iterator[str]:
    if found["exists"] and not found["is_dir"]:
        yield "is not a directory"
    elif found["is_symlink"] or (found["exists"] and found["real_path"] != path):
        yield f"is a symbolic link, or lies behind one: use {found['real_path']}"
    else:
        yield from _place(found, allowed)
        yield from _content(found, allowed)


def _place(found: Json, allowed: Allowed) -> Iterator[str]:
    if not found["exists"] and not found["parent_exists"] and not allowed.create_parents:
        yield "its parent directory does not exist (--create-parents makes it)"
    if found["is_rootfs"] and not allowed.rootdirs:
        yield "is on the root file system (--allow-rootdirs permits that)"
    if found["is_mount_point"]:
        yield f"is a mount point: use a directory in it, such as {found['mount_point']}/brick"
    if found["read_only"]:
        yield "its file system is read-only"
    elif found["xattr"]:
        yield f"its file system takes no trusted.* xattrs: {found['xattr']}"


def _content(found: Json, allowed: Allowed) -> Iterator[str]:
    parent = found["parent_volume_id"]
    if parent:
        yield f"lies inside {parent['path']}, a storage unit of volume {parent['volume_id']}"
    volume_id = found["volume_id"]
    if allowed.volume_id:
        if volume_id != allowed.volume_id:
            yield f"is not a unit of volume {allowed.volume_id} (it says: {volume_id or 'none'})"
    elif volume_id:
        again = (
            "volume create --volume-id uses it again; else another directory, or remove this one"
        )
        yield f"is a storage unit of volume {volume_id} already ({again})"
    elif found["exists"] and not found["empty"]:
        yield f"is not empty: {', '.join(found['entries'])}"
