"""Units that are up → the health of groups and volumes. Pure."""

from collections.abc import Mapping, Sequence
from typing import Literal

from kadalu_ssh.model.records import Group, Volume, VolumeKind

Health = Literal["Up", "Partial", "Degraded", "Down", "Unknown"]
_WORST_FIRST: tuple[Health, ...] = ("Down", "Degraded", "Partial", "Unknown", "Up")
_TYPES: dict[VolumeKind, str] = {
    "distribute": "Distribute",
    "replicate": "Replicate",
    "mirror": "Mirror",
    "arbiter": "Arbiter",
    "disperse": "Disperse",
}


def type_name(volume: Volume) -> str:
    """`Replicate`, `Distributed Replicate`, …; several single units are `Distribute`."""
    name = _TYPES[volume.kind]
    spread = len(volume.groups) > 1 and volume.kind != "distribute"
    return f"Distributed {name}" if spread else name


def write_quorum(volume: Volume, group: Group) -> int:
    """Units of the group that must be up for it to take writes."""
    size = len(group.slots)
    if volume.kind == "distribute":
        return 1
    if volume.kind == "disperse":
        return size - volume.redundancy
    # AFR's `auto` quorum: more than half from three copies on; two copies have none.
    return size // 2 + 1 if size > 2 else 1


def group_health(volume: Volume, group: Group, up: Mapping[str, bool]) -> Health:
    """`up`: unit id → whether it serves."""
    alive = [slot for slot in group.slots if up.get(slot.unit.id)]
    if len(alive) == len(group.slots):
        return "Up"
    if volume.kind != "disperse" and not any(slot.role == "data" for slot in alive):
        return "Down"
    if len(alive) >= write_quorum(volume, group):
        return "Partial"
    return "Down" if volume.kind == "disperse" else "Degraded"


def volume_health(groups: Sequence[Health]) -> Health:
    """The worst group's."""
    return min(groups, key=_WORST_FIRST.index, default="Unknown")


def capacity(volume: Volume, values: Mapping[str, int]) -> int | None:
    """Sum over groups of the smallest data unit's value, times the data units of a disperse group.

    Units of one file system on one node count once. A unit without a value is left out; None when
    a group has none with one.
    """
    shares: dict[tuple[str, str], int] = {}
    for slot in volume.slots:
        key = (slot.unit.node, slot.unit.fsid)
        shares[key] = shares.get(key, 0) + 1
    total = 0
    for group in volume.groups:
        data = [slot.unit for slot in group.slots if slot.role != "arbiter"]
        known = [values[u.id] // shares[u.node, u.fsid] for u in data if u.id in values]
        if not known:
            return None
        total += min(known) * (len(data) - volume.redundancy if volume.kind == "disperse" else 1)
    return total
