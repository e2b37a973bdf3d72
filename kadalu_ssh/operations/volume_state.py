"""Ask the nodes how volumes are: one call per node."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from kadalu_ssh.manifest import brick_service, shd_service
from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.errors import Unreachable
from kadalu_ssh.model.records import Document, Slot, Volume
from kadalu_ssh.operations.context import Context
from kadalu_ssh.operations.health import Health, group_health, volume_health
from kadalu_ssh.operations.plans import volume_nodes
from kadalu_ssh.operations.recognise import notices
from kadalu_ssh.operations.session import CallResult, Session, open_session
from kadalu_ssh.operations.volume_view import chosen


@dataclass
class VolumeState:
    """What was seen of one volume."""

    health: Health = "Unknown"
    up: dict[str, bool] = field(default_factory=dict)
    units: dict[str, Json] = field(default_factory=dict)
    """By unit id: `state` Up, Down, Blocked, Unknown or Unwanted; `reason`, `pid`, bytes."""
    daemons: list[Json] = field(default_factory=list)


class Observed(NamedTuple):
    """What was seen of a cluster's volumes."""

    document: Document
    states: dict[str, VolumeState]
    """By volume id."""
    notices: list[str]


async def observe(ctx: Context, cluster: str | None, name: str | None) -> Observed:
    """The state of the named volume, or of all. Raises Unreachable when no node answers."""
    async with open_session(ctx, cluster) as session:
        states = await observe_in(session, chosen(session.document, name))
        if states and not session.channels:
            raise Unreachable("no node answers", nodes=session.failures.values())
        return Observed(session.document, states, notices(session))


async def observe_in(session: Session, volumes: Sequence[Volume]) -> dict[str, VolumeState]:
    """The state of `volumes`, by volume id; their nodes are connected."""
    nodes = dict.fromkeys(node for volume in volumes for node in volume_nodes(volume))
    await session.connect(nodes)
    params = {node: _params(session.document, volumes, node) for node in nodes}
    answers = await session.call("status", params)
    return {v.id: _state(session, v, answers) for v in volumes}


def _params(document: Document, volumes: Sequence[Volume], node: str) -> Json:
    services, units = [], []
    for volume in volumes:
        mine = [slot.unit for slot in volume.slots if slot.unit.node == node]
        services += [brick_service(unit.id) for unit in mine]
        if mine and volume.heals:
            services.append(shd_service(volume.id))
        units += [
            {
                "path": u.path, "unit_id": u.id, "volume_id": volume.id, "port": u.port,
                "fs_uuid": u.fs_uuid,
            }
            for u in mine
        ]  # fmt: skip
    return {"cluster_id": document.cluster_id, "services": services, "units": units, "mounts": []}


def _state(session: Session, volume: Volume, answers: dict[str, CallResult]) -> VolumeState:
    state = VolumeState()
    for slot in volume.slots:
        row = _unit(session, volume, slot, answers.get(slot.unit.node))
        state.units[slot.unit.id] = row
        state.up[slot.unit.id] = row["state"] == "Up"
    groups = [group_health(volume, group, state.up) for group in volume.groups]
    state.health = volume_health(groups)
    if volume.heals:
        nodes = volume_nodes(volume)
        state.daemons = [_daemon(session, volume, n, answers.get(n)) for n in nodes]
    return state


def _unit(session: Session, volume: Volume, slot: Slot, answer: CallResult | None) -> Json:
    node = slot.unit.node
    if not isinstance(answer, dict):
        failure = session.failures.get(node)
        reason = failure.reason if failure else session.error(node, answer).reason
        return {"state": "Unknown", "reason": reason, "pid": None}
    seen = answer["units"][slot.unit.id]
    service = answer["services"].get(brick_service(slot.unit.id)) or {}
    row = {"pid": service.get("pid") or None, "heal_pending": seen.get("heal_pending")}
    resting = any(n.id == node and n.resting for n in session.document.nodes)
    return {**row, **_verdict(volume, seen, service, resting), **_space(seen)}


def _verdict(volume: Volume, seen: Json, service: Json, resting: bool) -> Json:
    if seen["blocked"]:
        return {"state": "Blocked", "reason": seen["blocked"]}
    serves = bool(service.get("active")) and seen["listening"]
    if resting:
        state = "Unwanted" if serves else "Resting"
        return {"state": state, "reason": "its node is in maintenance"}
    if serves and volume.state != "started":
        return {"state": "Unwanted", "reason": f"it runs although the volume is {volume.state}"}
    if serves:
        return {"state": "Up", "reason": None}
    said = f"service {service.get('state', 'missing')} ({service.get('result') or 'no result'})"
    return {"state": "Down", "reason": said if volume.state == "started" else None}


def _space(seen: Json) -> Json:
    size, free = seen.get("size_bytes"), seen.get("free_bytes")
    inodes, inodes_free = seen.get("inodes"), seen.get("inodes_free")
    if size is None or free is None:
        return {}
    return {
        "size": size, "free": free, "used": seen.get("used_bytes"), "inodes": inodes,
        "inodes_free": inodes_free, "inodes_used": (inodes or 0) - (inodes_free or 0),
        "fs_type": seen.get("fs_type"), "device": seen.get("device"),
    }  # fmt: skip


def _daemon(session: Session, volume: Volume, node: str, answer: CallResult | None) -> Json:
    row: Json = {"node": session.host_name(node), "service": "self-heal", "pid": None}
    if not isinstance(answer, dict):
        return {**row, "state": "Unknown"}
    service = answer["services"].get(shd_service(volume.id)) or {}
    return {
        **row,
        "pid": service.get("pid") or None,
        "state": "Up" if service.get("active") else "Down",
    }
