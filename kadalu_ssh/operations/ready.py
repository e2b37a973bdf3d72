"""What stands in the way of a change of a volume's groups."""

from kadalu_ssh.model.errors import Refused
from kadalu_ssh.model.records import Volume
from kadalu_ssh.operations.heal import lasting_heals
from kadalu_ssh.operations.plans import volume_nodes
from kadalu_ssh.operations.session import Session
from kadalu_ssh.operations.volume_state import observe_in


async def refuse_unready(session: Session, volume: Volume, what: str) -> None:
    """Raise Refused unless it is started, all of its units are up, and nothing is to be healed.

    `what`: what is not done then, for the error: "volume v is not expanded".
    """
    if volume.state != "started":
        raise Refused(
            f"{what}: it is not started", hint=f"start it: kadalu volume start {volume.name}"
        )
    await session.connect(volume_nodes(volume))
    session.need(volume_nodes(volume), what)
    up = (await observe_in(session, [volume]))[volume.id].up
    down = [slot.unit for slot in volume.slots if not up[slot.unit.id]]
    if down:
        names = ", ".join(f"{session.host_name(u.node)}:{u.path}" for u in down)
        raise Refused(
            f"{what}: not all of its storage units are up: {names}",
            hint=f"why: kadalu volume status {volume.name}",
        )
    await refuse_unhealed(session, volume, what)


async def refuse_unhealed(
    session: Session, volume: Volume, what: str, unknown: bool = False
) -> None:
    """Raise Refused while something waits to be healed. `unknown`: not where nobody can tell."""
    waiting = await lasting_heals(session, volume) if volume.heals else 0
    if waiting == 0 or (waiting is None and unknown):
        return
    raise Refused(
        f"{what}: {waiting if waiting else 'an unknown number of'} entries wait to be healed",
        hint=f"wait for them: kadalu heal info {volume.name} --watch",
    )
