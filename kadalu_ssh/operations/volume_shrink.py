"""volume shrink: a distribute group is emptied while the volume is in use, and then taken out."""

import asyncio
from collections.abc import Callable, Iterable

import msgspec

from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.errors import Failed, NodeError, Pending, Refused
from kadalu_ssh.model.names import split_volume
from kadalu_ssh.model.records import Document, Group, Rebalance, Tombstone, Volume
from kadalu_ssh.model.sizes import format_size
from kadalu_ssh.operations.context import Context, Outcome
from kadalu_ssh.operations.patience import Patience
from kadalu_ssh.operations.ready import refuse_unready
from kadalu_ssh.operations.rebalance import hosts_and_mounts, place, refuse_release
from kadalu_ssh.operations.rebalance_view import crawl_rows, refuse_running
from kadalu_ssh.operations.restart import restart_changed
from kadalu_ssh.operations.session import Session, open_session
from kadalu_ssh.operations.shrink_checks import refuse_unfit, refuse_unseen
from kadalu_ssh.operations.transaction import Transaction, open_transaction
from kadalu_ssh.operations.volume import with_changed
from kadalu_ssh.operations.volume_state import observe_in

_LOOK_SECONDS = 1.0
_PASSES = 3
"""How often a group is gone through: files may come into it until every client knows."""
_SCAN_LIMIT = 6 * 3600.0


async def shrink(ctx: Context, *, volume: str, group: int, cancel: bool = False) -> Outcome:
    """Given again after an interruption, it goes on. With `cancel`, the group stays."""
    cluster, name = split_volume(volume)
    if cancel:
        return await _cancel(ctx, cluster, name, group)
    outcome = Outcome()
    for _ in range(_PASSES):
        begun = await _begin(ctx, cluster, name, group)
        outcome.take(begun)
        if ctx.settings.dry_run:
            return begun
        await _emptied(ctx, cluster, name, group)
        done = await _finish(ctx, cluster, name, group)
        if done:
            outcome.take(done)
            outcome.summary, outcome.data = done.summary, done.data
            return outcome
    raise Failed(
        f"files come into group {group} of volume {name} again and again",
        hint="some client does not know that it is leaving: see kadalu client list; mounts made "
        "without kadalu, and those of GlusterFS 10, have to be made anew",
    )


def _group(volume: Volume, number: int) -> Group:
    """By the number that users see."""
    for group in volume.groups:
        if group.number + 1 == number:
            return group
    known = ", ".join(str(g.number + 1) for g in volume.groups)
    raise Refused(f"volume {volume.name} has no group {number}", hint=f"it has: {known}")


# --- the group begins to leave ---


async def _begin(ctx: Context, cluster: str | None, name: str, number: int) -> Outcome:
    """Nothing new is put into it, and its files begin to move; unless they do already."""
    async with open_transaction(ctx, cluster, hosts_and_mounts(name)) as transaction:
        session = transaction.session
        volume = session.volume(name)
        group = _group(volume, number)
        if group.state == "leaving" and await _is_at_work(session, volume):
            return Outcome()
        what = f"group {number} of volume {name} is not taken out"
        await _refuse(session, volume, group, what)
        if group.state == "live":
            ctx.confirm(f"Move everything off group {number} of volume {name}, and take it out?")
        leaving = msgspec.structs.replace(group, state="leaving")
        changed = _with_group(volume, leaving)
        run = await place(session, changed, Rebalance(id="", kind="shrink", crawls=()), (leaving,))
        changed = msgspec.structs.replace(changed, rebalance=run, regrouped=True)
        new = with_changed(transaction.document, changed)
        outcome = await transaction.execute("volume.leave", new, {"volume": volume.id})
        await restart_changed(transaction, outcome)
        return outcome


def _with_group(volume: Volume, group: Group) -> Volume:
    groups = tuple(group if g.number == group.number else g for g in volume.groups)
    return msgspec.structs.replace(volume, groups=groups)


async def _is_at_work(session: Session, volume: Volume) -> bool:
    rows = await crawl_rows(session, volume)
    return any(row["state"] == "running" for row in rows)


async def _refuse(session: Session, volume: Volume, group: Group, what: str) -> None:
    others = [g for g in volume.groups if g.number != group.number]
    if not others:
        raise Refused(
            f"{what}: it is the only one", hint=f"kadalu volume delete {volume.name} ends a volume"
        )
    _refuse_other(volume, others, what)
    refuse_release(session.document, volume, what)
    await refuse_running(session, volume, what)
    if group.state == "leaving":
        await refuse_unfit(session, volume, group, what)
        return
    await refuse_unready(session, volume, what)
    await _refuse_no_room(session, volume, group, what)


def _refuse_other(volume: Volume, others: Iterable[Group], what: str) -> None:
    leaving = [g.number + 1 for g in others if g.state != "live"]
    if leaving:
        raise Refused(
            f"{what}: another group is leaving the volume already: {leaving[0]}",
            hint=f"finish that: kadalu volume shrink {volume.name} --group {leaving[0]}, "
            "or give it --cancel",
        )


async def _refuse_no_room(session: Session, volume: Volume, group: Group, what: str) -> None:
    """What is in the group has to fit into the others, which share out a volume's files evenly."""
    units = (await observe_in(session, [volume]))[volume.id].units
    used = _of(group, units, "used", max)
    free = sum(_of(g, units, "free", min) for g in volume.groups if g.number != group.number)
    if used > free:
        raise Refused(
            f"{what}: {format_size(used)} are in use there, and the other groups have "
            f"{format_size(free)} free",
            hint=f"make room, or give it more groups: kadalu volume expand {volume.name} UNIT...",
        )


Choose = Callable[[Iterable[int]], int]


def _of(group: Group, units: dict[str, Json], key: str, choose: Choose) -> int:
    found = [units[s.unit.id].get(key) or 0 for s in group.slots if s.role != "arbiter"]
    return choose(found)


# --- it is emptied ---


async def _emptied(ctx: Context, cluster: str | None, name: str, number: int) -> None:
    """Wait for its crawl, without any lock. Raises Failed, Pending when it ends in another way."""
    async with open_session(ctx, cluster) as session:
        volume = session.volume(name)
        patience = Patience()
        while True:
            await session.reconnect(list(session.channels))
            rows = await crawl_rows(session, volume)
            row = next(row for row in rows if row["group"] == number)
            stale = row["state"] == "stale"
            if patience.is_over(stale) or not (stale or row["state"] == "running"):
                break
            text = (
                f"group {number} is emptied: {row['percent']} %, {row['files_moved']} files moved"
            )
            ctx.reporter.progress("", text)
            await asyncio.sleep(_LOOK_SECONDS)
    again = f"go on: kadalu volume shrink {name} --group {number}"
    if row["state"] in ("failed", "stopped", "not started"):
        why = row["reason"] or "it was stopped"
        raise Failed(f"group {number} of volume {name} was not emptied: {why}", hint=again)
    if row["state"] == "stale":
        raise Pending(
            f"group {number} of volume {name} is not empty yet: {row['node']} does not answer",
            hint=f"when that node is back, or with another unit of the group at once, {again}",
        )
    if row["files_failed"]:
        raise Failed(
            f"{row['files_failed']} files of group {number} of volume {name} could not be moved",
            nodes=[NodeError(f["path"], f["reason"]) for f in row["failures"]],
            hint=f"mend the cause; {again}",
        )


# --- it goes ---


async def _finish(ctx: Context, cluster: str | None, name: str, number: int) -> Outcome | None:
    """Take the group out, if its units hold no file any more; None when they do."""
    async with open_transaction(ctx, cluster, hosts_and_mounts(name)) as transaction:
        volume = transaction.session.volume(name)
        group = _group(volume, number)
        what = f"group {number} of volume {name} is not taken out"
        if group.state != "leaving":
            raise Refused(
                f"{what}: somebody else has cancelled that",
                hint=f"its groups: kadalu volume info {name}",
            )
        await refuse_unseen(transaction.session, volume, group)
        if await _files_in(transaction.session, group, what):
            return None
        return await _drop(transaction, volume, group)


async def _drop(transaction: Transaction, volume: Volume, group: Group) -> Outcome:
    new = _without(transaction.document, volume, group)
    outcome = await transaction.execute("volume.left", new, {"volume": volume.id})
    await restart_changed(transaction, outcome)
    places = [
        f"{transaction.session.host_name(slot.unit.node)}:{slot.unit.path}" for slot in group.slots
    ]
    outcome.summary = (
        f"Group {group.number + 1} is no longer part of volume {volume.name}. "
        f"Its directories have no files any more, and may be removed: {', '.join(places)}"
    )
    left = len(volume.groups) - 1
    outcome.data = {"volume": {"name": volume.name, "id": volume.id, "groups": left}}
    return outcome


async def _files_in(session: Session, group: Group, what: str) -> int:
    """Files that hold data in any unit of the group. Raises Refused where it cannot be told."""
    params: dict[str, Json] = {}
    for slot in group.slots:
        params.setdefault(slot.unit.node, {"units": []})["units"].append(slot.unit.path)
    answers = await session.call("leftovers", params, limit=_SCAN_LIMIT)
    good, bad = session.split(answers)
    if bad:
        raise Refused(f"{what}: whether files are left in it is not known", nodes=bad)
    return sum(unit["files"] for answer in good.values() for unit in answer["units"].values())


def _without(document: Document, volume: Volume, group: Group) -> Document:
    tombs = tuple(
        Tombstone(
            owner=f"volume:{volume.id}", host=slot.unit.node, unit=slot.unit.id,
            path=slot.unit.path, port=slot.unit.port, volume=volume.id,
        )
        for slot in group.slots
    )  # fmt: skip
    groups = tuple(g for g in volume.groups if g.number != group.number)
    changed = msgspec.structs.replace(volume, groups=groups, rebalance=None)
    new = with_changed(document, changed)
    return msgspec.structs.replace(new, tombstones=(*new.tombstones, *tombs))


# --- it stays ---


async def _cancel(ctx: Context, cluster: str | None, name: str, number: int) -> Outcome:
    async with open_transaction(ctx, cluster, hosts_and_mounts(name)) as transaction:
        session = transaction.session
        volume = session.volume(name)
        group = _group(volume, number)
        if group.state != "leaving":
            raise Refused(
                f"group {number} of volume {name} is not leaving it",
                hint=f"how its groups are: kadalu volume info {name}",
            )
        changed = _with_group(volume, msgspec.structs.replace(group, state="live"))
        run = await place(session, changed, Rebalance(id="", kind="layout", crawls=()))
        changed = msgspec.structs.replace(changed, rebalance=run)
        new = with_changed(transaction.document, changed)
        outcome = await transaction.execute("volume.leave", new, {"volume": volume.id})
        await restart_changed(transaction, outcome)
    outcome.summary = (
        f"Group {number} stays in volume {name}. To have files moved back to it: "
        f"kadalu rebalance start {name}"
    )
    outcome.data = {"volume": {"name": name, "id": volume.id, "groups": len(volume.groups)}}
    return outcome
