"""heal info: what waits to be healed, from glfsheal on one node of the volume."""

from kadalu_ssh.manifest import Paths
from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.errors import Failed, Refused, Unreachable
from kadalu_ssh.model.names import split_volume
from kadalu_ssh.model.records import Document, Volume
from kadalu_ssh.operations.context import Context, Outcome
from kadalu_ssh.operations.plans import volume_nodes
from kadalu_ssh.operations.session import Session, open_session


async def info(ctx: Context, *, volume: str, summary: bool = False) -> Outcome:
    """Entries per unit; with `summary`, counts only. Exit 3 when a unit could not be asked."""
    cluster, name = split_volume(volume)
    async with open_session(ctx, cluster) as session:
        found = session.volume(name)
        _refuse(found)
        await session.connect(volume_nodes(found))
        answer = await _ask(session, found, "summary" if summary else "info")
    units = [_unit(session.document, brick, summary) for brick in answer["bricks"]]
    counts = [unit["count"] for unit in units]
    total = sum(count for count in counts if count is not None)
    data = {"volume": found.name, "units": units, "total": total}
    return Outcome(data=data, exit_code=3 if None in counts else 0)


def _refuse(volume: Volume) -> None:
    if not volume.heals:
        raise Refused(f"volume {volume.name} has no copies: there is nothing to heal")
    if volume.state != "started":
        raise Refused(
            f"volume {volume.name} is not started", hint=f"kadalu volume start {volume.name}"
        )


async def _ask(session: Session, volume: Volume, op: str) -> Json:
    """The first node that can tell; glfsheal talks to all units itself."""
    paths = Paths(session.document.cluster_id)
    glfsheal = {node.id: node.capabilities.glfsheal for node in session.document.nodes}
    errors = [session.failures[n] for n in volume_nodes(volume) if n in session.failures]
    for node in volume_nodes(volume):
        params = {
            "op": op, "volume": volume.xlator_name, "glfsheal": glfsheal[node],
            "volfile": paths.volfile("trusted", volume.id),
        }  # fmt: skip
        answers = await session.call("heal", {node: params}, limit=300)
        good, bad = session.split(answers)
        errors += bad
        if good:
            return good[node]
    error = Unreachable if not session.channels else Failed
    raise error(f"nothing could be learnt about heals of volume {volume.name}", nodes=errors)


def _unit(document: Document, brick: Json, summary: bool) -> Json:
    """glfsheal names units ADDRESS:PATH; users know them by node name."""
    address, _, path = brick["name"].partition(":")
    names = {node.address: node.name for node in document.nodes}
    row = {
        "unit": f"{names.get(address, address)}:{path}", "status": brick["status"],
        "count": brick["count"], "split_brain": brick["split_brain"],
        "possibly_healing": brick.get("possibly_healing"),
    }  # fmt: skip
    return row if summary else {**row, "entries": brick["entries"]}
