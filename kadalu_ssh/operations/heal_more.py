"""heal statistics | resolve: what self-heal daemons have done, and what they cannot do alone."""

from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.errors import Refused
from kadalu_ssh.model.names import shown, split_volume
from kadalu_ssh.model.records import Volume
from kadalu_ssh.operations.context import Change, Context, Outcome
from kadalu_ssh.operations.heal import ask_daemons, refuse_unhealable, run_glfsheal
from kadalu_ssh.operations.plans import volume_nodes
from kadalu_ssh.operations.session import Session, open_session

_POLICIES = ("bigger-file", "latest-mtime")


async def statistics(ctx: Context, *, volume: str) -> Outcome:
    """The crawls of every self-heal daemon since it was started."""
    cluster, name = split_volume(volume)
    async with open_session(ctx, cluster) as session:
        found = session.volume(name)
        refuse_unhealable(found)
        if found.kind == "disperse":
            raise Refused(
                "GlusterFS counts no crawls of disperse volumes",
                hint=f"what waits: kadalu heal info {name} --summary",
            )
        await session.connect(volume_nodes(found))
        session.need_one(volume_nodes(found), "no statistics")
        good, bad = await ask_daemons(session, found, "statistics")
        down = [session.failures[n] for n in volume_nodes(found) if n in session.failures]
        silent = [(host, a["daemons"][0]["reason"]) for host, a in good.items()]
        rows = [
            _row(session, found, crawl)
            for a in good.values()
            for crawl in a["daemons"][0]["crawls"]
        ]
    outcome = Outcome(data={"volume": found.name, "crawls": rows})
    outcome.missed([*down, *bad, *(session.error(host, why) for host, why in silent if why)])
    return outcome


def _row(session: Session, volume: Volume, crawl: Json) -> Json:
    unit = volume.groups[crawl["group"]].slots[crawl["unit"]].unit
    place = f"{session.host_name(unit.node)}:{unit.path}"
    return {**crawl, "group": crawl["group"] + 1, "unit": place}


async def resolve(ctx: Context, *, volume: str, file: str, policy: str) -> Outcome:
    """Take one copy of a file in split-brain for the right one; the others are overwritten."""
    cluster, name = split_volume(volume)
    if not file.startswith(("/", "gfid:")):
        raise Refused(f"{shown(file)}: the path in the volume, from its root: /dir/file")
    async with open_session(ctx, cluster) as session:
        found = session.volume(name)
        refuse_unhealable(found)
        if found.kind == "disperse":
            raise Refused(
                f"volume {name} has no copies that could disagree: disperse knows no split-brain",
                hint=f"what waits to be healed: kadalu heal info {name}",
            )
        what = _what(session, found, policy)
        await session.connect(volume_nodes(found))
        session.need_one(volume_nodes(found), f"{file} is not resolved")
        ctx.confirm(f"Take the copy of {file} that is {_words(policy)}, and overwrite the others?")
        if ctx.settings.dry_run:
            change = f"overwrite the copies that are not {_words(policy)}"
            places = dict.fromkeys(map(session.host_name, volume_nodes(found)))
            changes = [Change(host, f"file:{file}", "would_change", change) for host in places]
            return Outcome(changes=changes, dry_run=True)
        await run_glfsheal(session, found, {"op": "resolve", "file": file, **what})
    summary = f"{file} of volume {name} has the copy that is {_words(policy)}, everywhere."
    return Outcome(summary, {"volume": name, "file": file, "policy": policy})


def _words(policy: str) -> str:
    source = policy.removeprefix("source-unit=")
    return f"on {source}" if source != policy else policy.replace("-file", "").replace("-", " by ")


def _what(session: Session, volume: Volume, policy: str) -> Json:
    """As glfsheal takes it: it knows units by address."""
    source = policy.removeprefix("source-unit=")
    if policy in _POLICIES:
        return {"policy": policy}
    addresses = {node.id: node.address for node in session.document.nodes}
    units = {
        f"{session.host_name(s.unit.node)}:{s.unit.path}": f"{addresses[s.unit.node]}:{s.unit.path}"
        for s in volume.slots
    }
    if source == policy or source not in units:
        known = [*_POLICIES, *(f"source-unit={unit}" for unit in units)]
        raise Refused(f"no such policy: {shown(policy)}", hint=f"one of {', '.join(known)}")
    return {"policy": "source-brick", "source": units[source]}
