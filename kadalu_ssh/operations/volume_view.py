"""volume list | info | status: what the document says, and what the nodes say."""

from collections.abc import Iterable, Mapping
from typing import Any

from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.errors import Refused
from kadalu_ssh.model.names import split_volume
from kadalu_ssh.model.records import Document, Node, Slot, Volume
from kadalu_ssh.operations.context import Context, Outcome
from kadalu_ssh.operations.health import capacity, group_health, type_name
from kadalu_ssh.state.workspace import Workspace

OPEN_DOOR = "auth.allow is not set: any host that reaches the ports of this volume can mount it"


def load_document(ctx: Context, cluster: str | None) -> Document:
    """The laptop's copy, of the cluster that is named here or meant by the flags."""
    workspace = Workspace(ctx.settings.workspace)
    return workspace.load(workspace.resolve(cluster or ctx.settings.cluster)[1])


def chosen(document: Document, name: str | None) -> list[Volume]:
    """The named volume, or all. Raises Refused."""
    found = [v for v in document.volumes if name in (None, v.name)]
    if name and not found:
        known = ", ".join(sorted(v.name for v in document.volumes)) or "none yet"
        raise Refused(f"there is no volume {name} in {document.name}", hint=f"known: {known}")
    return found


def _split(volume: str | None) -> tuple[str | None, str | None]:
    return split_volume(volume) if volume else (None, None)


def _row(volume: Volume) -> Json:
    return {
        "name": volume.name, "id": volume.id, "state": volume.state.capitalize(),
        "type": type_name(volume),
        "size": capacity(volume, {slot.unit.id: slot.unit.size for slot in volume.slots}),
        "inodes": capacity(volume, {slot.unit.id: slot.unit.inodes for slot in volume.slots}),
    }  # fmt: skip


async def list_volumes(ctx: Context, *, status: bool) -> Outcome:
    """All volumes of the cluster; with `status`, health and use as the nodes have them now."""
    if not status:
        return Outcome(data={"volumes": [_row(v) for v in load_document(ctx, None).volumes]})
    from kadalu_ssh.operations.volume_state import observe

    seen = await observe(ctx, None, None)
    rows = []
    for volume in seen.document.volumes:
        state = seen.states[volume.id]
        used = {name: _use(volume, state.units, name) for name in ("used", "inodes_used")}
        rows.append({**_row(volume), "health": state.health, **used})
    return Outcome(data={"volumes": rows}, warnings=seen.notices, exit_code=_code(rows))


def _use(volume: Volume, units: Mapping[str, Json], key: str) -> int | None:
    """What is used, from the units that could be asked; None when a whole group could not be."""
    return capacity(volume, {u: s[key] for u, s in units.items() if s.get(key) is not None})


async def info(ctx: Context, *, volume: str | None) -> Outcome:
    """How volumes are made; asks no node."""
    cluster, name = _split(volume)
    document = load_document(ctx, cluster)
    names = {node.id: node for node in document.nodes}
    volumes = chosen(document, name)
    open_ones = [v.name for v in volumes if v.options.get("auth.allow", "*") == "*"]
    warnings = [f"{name}: {OPEN_DOOR}" for name in open_ones]
    return Outcome(data={"volumes": [_info(v, names) for v in volumes]}, warnings=warnings)


def _info(volume: Volume, nodes: dict[str, Node]) -> Json:
    return {
        **_row(volume),
        "redundancy": volume.redundancy,
        "options": dict(sorted(volume.options.items())),
        "groups": [
            {
                "number": group.number + 1,
                "state": group.state,
                "units": [unit_row(slot, nodes) for slot in group.slots],
            }
            for group in volume.groups
        ],
    }


def unit_row(slot: Slot, nodes: dict[str, Node]) -> dict[str, Any]:
    """A unit as listings have it."""
    unit, name = slot.unit, nodes[slot.unit.node].name
    return {
        "unit": f"{name}:{unit.path}", "node": name, "path": unit.path, "port": unit.port,
        "role": slot.role, "id": unit.id,
    }  # fmt: skip


async def status(ctx: Context, *, volume: str | None, detail: bool = False) -> Outcome:
    """How volumes are doing. Exit 3 when a started one is not wholly up."""
    from kadalu_ssh.operations.volume_state import observe

    cluster, name = _split(volume)
    seen = await observe(ctx, cluster, name)
    document = seen.document
    nodes = {node.id: node for node in document.nodes}
    rows = []
    for found in chosen(document, name):
        state = seen.states[found.id]
        groups = [
            {
                "number": group.number + 1,
                "health": group_health(found, group, state.up),
                "units": [
                    {**unit_row(slot, nodes), **_shown(state.units[slot.unit.id], detail)}
                    for slot in group.slots
                ],
            }
            for group in found.groups
        ]
        row = {k: v for k, v in _row(found).items() if k not in ("size", "inodes")}
        rows.append({**row, "health": state.health, "groups": groups, "daemons": state.daemons})
    data = {"volumes": rows, "detail": detail}
    return Outcome(data=data, exit_code=_code(rows), warnings=seen.notices)


_DETAILS = ("size", "used", "free", "inodes", "inodes_used", "inodes_free", "fs_type", "device")


def _shown(unit: Json, detail: bool) -> Json:
    return unit if detail else {k: v for k, v in unit.items() if k not in _DETAILS}


def _code(rows: Iterable[Json]) -> int:
    troubled = any(row["state"] == "Started" and row["health"] != "Up" for row in rows)
    return 3 if troubled else 0
