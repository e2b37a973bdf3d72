"""heal info: what waits to be healed, from glfsheal on one node of the volume."""

import asyncio
import math
import time
from collections.abc import Iterable
from itertools import count

from kadalu_ssh.manifest import Paths
from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.errors import Failed, KadaluError, NodeError, Refused, Unreachable
from kadalu_ssh.model.names import split_volume
from kadalu_ssh.model.records import Document, Volume
from kadalu_ssh.operations.context import Change, Context, Outcome
from kadalu_ssh.operations.patience import Patience
from kadalu_ssh.operations.plans import volume_nodes
from kadalu_ssh.operations.recognise import notices
from kadalu_ssh.operations.session import Session, open_session

_WATCH_SECONDS = 2.0
_TELL_EVERY = 5
_MOMENT = 6.0
_LOOK_SECONDS = 0.5


async def info(ctx: Context, *, volume: str, summary: bool = False, watch: bool = False) -> Outcome:
    """Entries per unit; with `summary`, counts only. Exit 3 when a unit could not be asked.

    With `watch`, when nothing waits any more, or only what is in split-brain, which stays; or when
    units do not answer, and for a while nothing was healed without them.
    """
    cluster, name = split_volume(volume)
    async with open_session(ctx, cluster) as session:
        found = session.volume(name)
        refuse_unhealable(found)
        await session.connect(volume_nodes(found))
        if watch:
            await _until_healed(session, found)
        answer = await _ask(session, found, "summary" if summary else "info")
        warnings = notices(session)
    units = [_unit(session.document, brick, summary) for brick in answer["bricks"]]
    if watch:
        warnings += _away(found, units)
    counts = [unit["count"] for unit in units]
    data = {"volume": found.name, "units": units, "total": _total(session, found, units)}
    return Outcome(data=data, exit_code=3 if None in counts else 0, warnings=warnings)


async def _until_healed(session: Session, volume: Volume) -> None:
    """The daemons are told to look now and then: after a crawl that met an error, or found a copy
    that had just been made, they would wait for ten minutes.
    """
    patience, least = Patience(), math.inf
    for number in count():
        await session.reconnect(volume_nodes(volume))
        if number % _TELL_EVERY == 0:
            await launch_heal(session, volume)
        waiting, away = await _looked(session, volume, first=not number)
        stuck = away and waiting >= least
        if patience.is_over(bool(stuck)) or not (waiting or away):
            return
        least = min(least, waiting)
        session.ctx.reporter.progress("", _progress(waiting, away))
        await asyncio.sleep(_WATCH_SECONDS)


async def _looked(session: Session, volume: Volume, first: bool) -> tuple[float, int]:
    """As `_waiting`; later on, when none can tell, perhaps only the connections have gone."""
    try:
        return await _waiting(session, volume)
    except KadaluError:
        if first:
            raise
        return math.inf, len(volume.slots)


def _progress(waiting: float, away: int) -> str:
    if waiting == math.inf:
        return "no node answers"
    return f"{waiting} entries to heal" + (f", {away} units do not answer" if away else "")


async def _waiting(session: Session, volume: Volume) -> tuple[float, int]:
    """(entries that wait, units that do not answer)."""
    bricks = (await _ask(session, volume, "summary"))["bricks"]
    waiting = sum(max(0, (b["count"] or 0) - (b["split_brain"] or 0)) for b in bricks)
    return waiting, sum(b["count"] is None for b in bricks)


def _away(volume: Volume, units: Iterable[Json]) -> list[str]:
    names = ", ".join(unit["unit"] for unit in units if unit["count"] is None)
    if not names:
        return []
    why = f"why: kadalu volume status {volume.name}"
    return [f"{names} did not answer: what is missing there is healed when it is back; {why}"]


def _total(session: Session, volume: Volume, units: list[Json]) -> int:
    """Entries of the volume. Every unit that has the good copy lists an entry: counted once."""
    counts = {unit["unit"]: unit["count"] or 0 for unit in units}
    places = [
        [f"{session.host_name(slot.unit.node)}:{slot.unit.path}" for slot in group.slots]
        for group in volume.groups
    ]
    return sum(max((counts.get(place, 0) for place in group), default=0) for group in places)


async def pending_heals(session: Session, volume: Volume) -> int | None:
    """How many entries of a volume wait to be healed; None when a unit could not be asked."""
    counts = [brick["count"] for brick in (await _ask(session, volume, "summary"))["bricks"]]
    return None if None in counts else sum(counts)


async def lasting_heals(session: Session, volume: Volume) -> int | None:
    """As pending_heals, of what stays for longer than a moment: under writers some come and go."""
    end = time.monotonic() + _MOMENT
    while (waiting := await pending_heals(session, volume)) and time.monotonic() < end:
        session.ctx.reporter.progress("", f"waiting: {waiting} entries wait to be healed")
        await asyncio.sleep(_LOOK_SECONDS)
    return waiting


async def start(ctx: Context, *, volume: str, full: bool = False) -> Outcome:
    """Have the self-heal daemons look for work now, instead of within ten minutes.

    They crawl their indices; with `full`, the whole volume.
    """
    cluster, name = split_volume(volume)
    async with open_session(ctx, cluster) as session:
        found = session.volume(name)
        refuse_unhealable(found)
        await session.connect(volume_nodes(found))
        failures = [session.failures[n] for n in volume_nodes(found) if n in session.failures]
        if ctx.settings.dry_run:
            item, change = f"self-heal:{name}", "crawl the volume" if full else "crawl the index"
            hosts = [session.host_name(n) for n in volume_nodes(found) if n in session.channels]
            changes = [Change(host, item, "would_change", change) for host in hosts]
            return Outcome(changes=changes, dry_run=True)
        reasons = [*failures, *await launch_heal(session, found, "full" if full else "start")]
    if len(reasons) >= len(volume_nodes(found)):
        raise Failed(f"no self-heal daemon of volume {name} could be told", nodes=reasons)
    outcome = Outcome(f"The self-heal daemons of volume {name} look for work now.")
    outcome.data = {"volume": {"name": name, "id": found.id}}
    outcome.missed(reasons)
    return outcome


async def launch_heal(session: Session, volume: Volume, op: str = "start") -> list[NodeError]:
    """Tell every self-heal daemon of the volume; returns those that could not be told."""
    good, bad = await ask_daemons(session, volume, op)
    told = {host: answer["daemons"][0]["reason"] for host, answer in good.items()}
    return [*bad, *(session.error(host, reason) for host, reason in told.items() if reason)]


async def ask_daemons(
    session: Session, volume: Volume, op: str
) -> tuple[dict[str, Json], list[NodeError]]:
    """Every self-heal daemon of the volume, through its socket; as Session.split."""
    kind = "disperse" if volume.kind == "disperse" else "replicate"
    xlators = [f"{volume.xlator_name}-{kind}-{group.number}" for group in volume.groups]
    sock = Paths(session.document.cluster_id).socket("s", volume.id)
    params = {"op": op, "sockets": [{"sock": sock, "xlators": xlators}]}
    return session.split(await session.call("heal", dict.fromkeys(volume_nodes(volume), params)))


def refuse_unhealable(volume: Volume) -> None:
    """Raise Refused for a volume without copies, or one that does not run."""
    if not volume.heals:
        raise Refused(f"volume {volume.name} has no copies: there is nothing to heal")
    if volume.state != "started":
        raise Refused(
            f"volume {volume.name} is not started", hint=f"kadalu volume start {volume.name}"
        )


async def _ask(session: Session, volume: Volume, op: str) -> Json:
    return await run_glfsheal(session, volume, {"op": op})


async def run_glfsheal(session: Session, volume: Volume, what: Json) -> Json:
    """On the first node that can: it talks to all units itself. Raises Failed, Unreachable."""
    paths = Paths(session.document.cluster_id)
    glfsheal = {node.id: node.capabilities.glfsheal for node in session.document.nodes}
    errors = [session.failures[n] for n in volume_nodes(volume) if n in session.failures]
    for node in volume_nodes(volume):
        params = {
            **what, "volume": volume.xlator_name, "glfsheal": glfsheal[node],
            "copies": volume.kind != "disperse",
            "volfile": paths.volfile("trusted", volume.id),
        }  # fmt: skip
        answers = await session.call("heal", {node: params}, limit=300)
        good, bad = session.split(answers)
        if good:
            return good[node]
        if bad and what["op"] == "resolve":
            raise Failed(  # the same anywhere else
                f"{what['file']} of volume {volume.name} was not resolved",
                nodes=bad,
                hint=f"which files are in split-brain: kadalu heal info {volume.name}",
            )
        errors += bad
    error = Unreachable if not session.channels else Failed
    raise error(f"no node could do it for volume {volume.name}", nodes=errors)


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
