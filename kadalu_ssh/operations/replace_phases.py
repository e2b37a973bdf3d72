"""Which phases it takes for a storage unit to be replaced. The plan is pure."""

from dataclasses import dataclass
from typing import Any

from kadalu_ssh.manifest import brick_service, owner_of, shd_service
from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.records import Document, Slot, Volume
from kadalu_ssh.operations.context import Change
from kadalu_ssh.operations.converge_phase import Converge
from kadalu_ssh.operations.group_phases import AwaitClients
from kadalu_ssh.operations.phases import (
    Env,
    Phase,
    Report,
    sort_answers,
    without_strangers,
)
from kadalu_ssh.operations.regroup import joining_clients
from kadalu_ssh.operations.unit_phases import InitUnits
from kadalu_ssh.volgen import client_volfile

Params = dict[str, Any]
_LIMIT = 120.0


@dataclass(frozen=True)
class MarkReplaced:
    """Have the good copies blame the new unit. Undone, the old one is healed: no harm."""

    document: Document
    volume: Volume
    slot: Slot
    reached: int
    """Units that the mount can reach: all that are up."""
    name: str = "mark what has to be healed"
    forward_only: bool = False
    tolerant: bool = False

    @property
    def hosts(self) -> tuple[str, ...]:
        return (self.slot.unit.node,)

    async def do(self, env: Env) -> Report:
        host = env.session.host_name(self.slot.unit.node)
        status = "would_change" if env.check else "changed"
        report = Report([Change(host, f"volume:{self.volume.name}", status, self.name)])
        if not env.check:
            answers = await env.session.call("replace_marks", self._params(env), limit=_LIMIT)
            report.add(sort_answers(env.session, answers)[1])
        return report

    def _params(self, env: Env) -> dict[str, Json]:
        nodes = {node.id: node for node in self.document.nodes}
        able = nodes[self.slot.unit.node].capabilities
        volfile = client_volfile(self.volume, nodes, able.release, trusted=True)
        params = {
            "fence": env.fence, "volume_id": self.volume.id, "volfile": volfile,
            "glusterfs": able.glusterfs_client, "name": self.slot.client_name,
            "units": self.reached,
        }  # fmt: skip
        return {self.slot.unit.node: params}

    async def undo(self, env: Env) -> Report:
        ended = {"fence": env.fence, "volume_id": self.volume.id, "end": True}
        answers = await env.session.call("replace_marks", {self.slot.unit.node: ended})
        return sort_answers(env.session, without_strangers(answers))[1]


def replace_phases(
    old: Document, new: Document, volume: Volume, params: Params, nodes: tuple[str, ...]
) -> list[Phase]:
    """The new unit runs and is blamed by the others before anybody uses it.

    `nodes`: those of the volume as it was and as it is to be.
    """
    slot = next(s for s in volume.slots if s.unit.id == params["unit"])
    before = params["old_unit"]
    copies = volume.kind != "disperse"
    services = (brick_service(before), shd_service(volume.id))
    node = slot.unit.node
    broken = (f"unit:{before}:", f"service:{brick_service(before)}:")
    phases: list[Phase] = [InitUnits({node: [_unit(volume, slot, params, copies=copies)]})]
    if params["old_node"] != node:
        # First: the marks name a place in the group, and daemons that still have the old unit there
        # would find it whole, and clear them.
        phases.append(
            Converge(
                (params["old_node"],), (owner_of(volume),), may_stop=services, tolerant=True,
                tombstones=(owner_of(volume),), broken=broken, name="stop the old storage unit",
            )
        )  # fmt: skip
    phases.append(
        Converge(
            (node,), (owner_of(volume),), may_stop=services, tombstones=(owner_of(volume),),
            undo_stop=(brick_service(slot.unit.id), shd_service(volume.id)), broken=broken,
            name="start the new storage unit",
        )
    )  # fmt: skip
    if copies:
        phases.append(MarkReplaced(new, volume, slot, params["reached"]))
    return [
        *phases,
        *joining_clients(new, volume, nodes, may_stop=services),
        AwaitClients(volume, (slot.unit.id,), nodes),
    ]


def _unit(volume: Volume, slot: Slot, params: Params, *, copies: bool) -> Json:
    group = next(group for group in volume.groups if slot in group.slots)
    unit = slot.unit
    return {
        "path": unit.path, "unit_id": unit.id, "volume_id": volume.id, "group": group.number,
        "position": slot.position, "role": slot.role, "fs_uuid": unit.fs_uuid, "fsid": unit.fsid,
        "create_parents": params["create_parents"], "adopt": False, "empty": params["root"],
        "copies": copies,
    }  # fmt: skip
