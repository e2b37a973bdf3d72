"""What a group that is leaving needs: to be gone on with, and to be taken out."""

from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.errors import NodeError, Pending, Refused
from kadalu_ssh.model.records import Group, Volume
from kadalu_ssh.operations.health import write_quorum
from kadalu_ssh.operations.plans import volume_nodes
from kadalu_ssh.operations.ready import refuse_unhealed
from kadalu_ssh.operations.session import Session
from kadalu_ssh.operations.volume_state import observe_in


async def refuse_unfit(session: Session, volume: Volume, group: Group, what: str) -> None:
    """Raise Refused unless the group can be emptied through the units of it that are up.

    It began with all of them: who went away since then has nothing that the others lack, except
    with two copies, of which either may have taken writes alone.
    """
    if volume.state != "started":
        raise Refused(
            f"{what}: the volume is not started",
            hint=f"start it: kadalu volume start {volume.name}",
        )
    down = await _down(session, volume, group)
    alive, needed = len(group.slots) - len(down), write_quorum(volume, group)
    if alive < needed:
        raise Refused(
            f"{what}: {alive} of its storage units are up, and {needed} are needed to move files",
            nodes=down,
            hint=f"bring one back: kadalu volume status {volume.name}",
        )
    if down and len(group.slots) == 2:
        session.ctx.confirm(
            f"{down[0].name} is away, and with two copies nobody knows whether the other one has "
            "everything. Move the files all the same, as they are there?"
        )
    await refuse_unhealed(session, volume, what, unknown=True)


async def refuse_unseen(session: Session, volume: Volume, group: Group) -> None:
    """Raise Pending unless all nodes answer, and every unit of the group serves: one whose disk is
    not mounted would look empty.
    """
    mine = {slot.unit.node for slot in group.slots}
    others = [n for n in volume_nodes(volume) if n in session.failures and n not in mine]
    missing = await _down(session, volume, group)
    missing += [session.failures[node] for node in others]
    if missing:
        names = ", ".join(dict.fromkeys(error.name for error in missing))
        raise Pending(
            f"group {group.number + 1} of volume {volume.name} is not taken out yet: whether files "
            "are left in it is not known",
            nodes=missing,
            hint=f"when {names} is back: "
            f"kadalu volume shrink {volume.name} --group {group.number + 1}",
        )


async def _down(session: Session, volume: Volume, group: Group) -> list[NodeError]:
    """The storage units of the group that do not serve, and why."""
    seen = (await observe_in(session, [volume]))[volume.id].units
    units = [slot.unit for slot in group.slots]
    return [
        NodeError(session.host_name(unit.node), f"{unit.path}: {_reason(seen[unit.id])}")
        for unit in units
        if seen[unit.id]["state"] != "Up"
    ]


def _reason(row: Json) -> str:
    return str(row["reason"] or row["state"])
