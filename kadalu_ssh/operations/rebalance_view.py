"""rebalance status: what the crawls of a volume have written down, group by group."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from kadalu_ssh.manifest import Paths, crawl_service
from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.errors import NodeError, Refused
from kadalu_ssh.model.names import split_volume
from kadalu_ssh.model.records import Crawl, Unit, Volume
from kadalu_ssh.operations.context import Context, Outcome
from kadalu_ssh.operations.patience import Patience
from kadalu_ssh.operations.rebalance_seen import with_remembered
from kadalu_ssh.operations.recognise import notices
from kadalu_ssh.operations.session import Session, open_session

_WATCH_SECONDS = 1.0
_SUMS = (
    "files_scanned", "bytes_scanned", "files_moved", "bytes_moved", "files_skipped",
    "files_failed", "files_total", "bytes_total",
)  # fmt: skip
_BUSY = ("running", "stale")
_BAD = ("failed", "stale")


async def status(
    ctx: Context, *, volume: str, detail: bool = False, watch: bool = False
) -> Outcome:
    """Per group; exit 3 when a crawl failed or cannot be asked, or files could not be moved, unless
    the run was stopped: whoever did that knows.

    With `watch`, when none is running any more; or when for a while only those are left that
    nobody goes on with, as their node is off.
    """
    cluster, name = split_volume(volume)
    async with open_session(ctx, cluster) as session:
        found = session.volume(name)
        rows = await (_watched(session, found) if watch else crawl_rows(session, found))
        warnings = [*notices(session), *_stuck(found, rows)]
    total = total_of(rows)
    run = found.rebalance
    given_up = watch and any(row["state"] in _BUSY for row in rows)
    bad = total["state"] in _BAD or total["files_failed"] or given_up
    bad = bad and not (run and run.state == "stopped")
    data = {
        "volume": found.name, "run": run.id if run else None,
        "kind": run.kind if run else None, "groups": rows,
        "total": total, "detail": detail,
    }  # fmt: skip
    return Outcome(data=data, exit_code=3 if bad else 0, warnings=warnings)


async def _watched(session: Session, volume: Volume) -> list[Json]:
    """The rows, when there is nothing to wait for any more."""
    patience = Patience()
    while True:
        await session.reconnect(list(session.channels))
        rows = await crawl_rows(session, volume)
        busy = any(row["state"] in _BUSY for row in rows)
        if not busy or patience.is_over(not any(map(_is_moving, rows))):
            return rows
        _draw(session.ctx, rows)
        await asyncio.sleep(_WATCH_SECONDS)


def _is_moving(row: Json) -> bool:
    """Whether it gets on by itself: one that waits for the layout needs another to do so."""
    return bool(row["state"] == "running" and row["phase"] != "waiting")


def _stuck(volume: Volume, rows: Iterable[Json]) -> list[str]:
    """What to do about groups whose node is off."""
    return [
        f"group {row['group']} waits for {row['node']} ({row['reason']}): it goes on when that "
        f"node is back{_elsewhere(volume, row)}"
        for row in rows
        if row["state"] == "stale"
    ]


def _elsewhere(volume: Volume, row: Json) -> str:
    """A group of one unit has no other that could do it."""
    data = [s for s in volume.groups[0].slots if s.role == "data"]
    return f"; to have another unit of the group do it: {_again(volume, row)}" if data[1:] else ""


def _again(volume: Volume, row: Json) -> str:
    kind = volume.rebalance.kind if volume.rebalance else "migrate"
    if kind == "shrink":
        return f"kadalu volume shrink {volume.name} --group {row['group']}"
    more = " --fix-layout" if kind == "layout" else ""
    return f"kadalu rebalance start {volume.name}{more}"


def _draw(ctx: Context, rows: Iterable[Json]) -> None:
    for row in rows:
        bar = "#" * (row["percent"] // 5)
        text = f"{row['state']:<11} [{bar:<20}] {row['percent']:>3} %  {row['files_moved']} moved"
        ctx.reporter.progress(f"group {row['group']}", text)


async def crawl_rows(session: Session, volume: Volume) -> list[Json]:
    """One row for each group of the volume."""
    run, units = volume.rebalance, {slot.unit.id: slot.unit for slot in volume.slots}
    crawls = {c.group: c for c in run.crawls if c.unit in units} if run else {}
    told = await _ask(session, volume, list(crawls.values()), units)
    answers = with_remembered(session, volume, told)
    rows = []
    for group in volume.groups:
        crawl = crawls.get(group.number)
        node = units[crawl.unit].node if crawl else ""
        base = {"group": group.number + 1, "node": session.host_name(node) if crawl else None}
        seen = answers.get(group.number)
        wanted = bool(run and run.state == "running" and volume.state == "started")
        rows.append({**base, **_row(crawl, seen, wanted, session.failures.get(node))})
    return rows


async def _ask(
    session: Session, volume: Volume, crawls: Sequence[Crawl], units: Mapping[str, Unit]
) -> dict[int, Json]:
    """Group number → what its crawl's node says."""
    if not volume.rebalance or not crawls:
        return {}
    paths, run = Paths(session.document.cluster_id), volume.rebalance.id
    params: dict[str, Json] = {}
    for crawl in crawls:
        row = {
            "group": crawl.group, "service": crawl_service(volume.id, crawl.group),
            "status": paths.crawl_status(run, crawl.group),
        }  # fmt: skip
        params.setdefault(units[crawl.unit].node, {"crawls": []})["crawls"].append(row)
    await session.connect(params)
    good, _ = session.split(await session.call("crawls", params))
    return {row["group"]: row for answer in good.values() for row in answer["crawls"]}


def _row(crawl: Crawl | None, seen: Json | None, wanted: bool, failure: NodeError | None) -> Json:
    book: Json = (seen or {}).get("book") or {}
    skipped = dict(sorted(book.get("skipped", {}).items()))
    state, reason = _state(crawl, seen, wanted)
    seconds = book.get("seconds", 0.0)
    done, total = book.get("bytes_scanned", 0), book.get("total_bytes")
    left = (total - done) * seconds / done if state == "running" and done and total else None
    return {
        "state": state, "reason": failure.reason if failure and state == "stale" else reason,
        "phase": book.get("phase") if state == "running" else None,
        "percent": book.get("percent", 0),
        "files_total": book.get("total_files") or 0, "bytes_total": total or 0,
        "files_scanned": book.get("files_scanned", 0), "bytes_scanned": done,
        "files_moved": book.get("files_moved", 0), "bytes_moved": book.get("bytes_moved", 0),
        "files_skipped": sum(skipped.values()), "skipped": skipped,
        "files_failed": book.get("files_failed", 0), "failures": book.get("failures", []),
        "directories": book.get("directories", 0),
        "seconds": round(seconds, 1), "rate": round(done / seconds) if seconds else 0,
        "left": None if left is None else max(0, round(left)),
        "seen": _time(book.get("alive")),
    }  # fmt: skip


def _state(crawl: Crawl | None, seen: Json | None, wanted: bool) -> tuple[str, str | None]:
    """The word for a crawl, and why."""
    if crawl is None:
        return "not started", None
    if seen is None:
        return ("stale", "its node does not answer") if wanted else ("stopped", None)
    book = seen["book"] or {}
    if book.get("state") == "complete":
        return "complete", None
    if not wanted:
        return "stopped", None
    if seen["active"]:
        return "running", None
    if book.get("state") == "failed":
        # systemd starts it again, a few times.
        again = seen["state"] == "auto-restart"
        return "running" if again else "failed", book.get("reason")
    if seen["state"] in ("failed", "auto-restart"):
        return "failed", seen["why"]
    return "stopped", "its service was stopped on the node"


def _time(seconds: float | None) -> str | None:
    if not seconds:
        return None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_WORST = ("failed", "stale", "running", "stopped", "complete", "not started")


def total_of(rows: Sequence[Json]) -> Json:
    """All groups together; its state is the most troubled one of those that have a crawl."""
    begun = [row for row in rows if row["state"] != "not started"]
    states = {row["state"] for row in begun} or {"not started"}
    sums = {key: sum(row[key] for row in rows) for key in _SUMS}
    lefts = [row["left"] for row in begun if row["left"] is not None]
    skipped: dict[str, int] = {}
    for row in rows:
        for why, count in row["skipped"].items():
            skipped[why] = skipped.get(why, 0) + count
    return {
        "state": next(word for word in _WORST if word in states), **sums, "skipped": skipped,
        "percent": _percent(begun), "rate": sum(row["rate"] for row in begun),
        "seconds": max((row["seconds"] for row in begun), default=0.0),
        "left": max(lefts, default=None),
    }  # fmt: skip


def _percent(rows: Sequence[Json]) -> int:
    """By bytes, where the groups have counted them; else the least of them."""
    if not rows:
        return 0
    if all(row["state"] == "complete" for row in rows):
        return 100
    total = sum(row["bytes_total"] for row in rows)
    if not total or not all(row["bytes_total"] for row in rows):
        return int(min(row["percent"] for row in rows))
    return min(99, int(sum(row["percent"] * row["bytes_total"] for row in rows) / total))


async def refuse_running(session: Session, volume: Volume, what: str) -> None:
    """Raise Refused while crawls of the volume are at work, or may be.

    One that only fixes the layout may be replaced: whatever comes after it fixes it again.
    """
    if volume.rebalance is None or volume.rebalance.kind == "layout":
        return
    rows = await crawl_rows(session, volume)
    busy = [row for row in rows if row["state"] == "running"]
    if busy:
        raise Refused(
            f"{what}: a rebalance of it is running ({busy[0]['percent']} %)",
            hint=f"wait: kadalu rebalance status {volume.name} --watch; "
            f"or stop it: kadalu rebalance stop {volume.name}",
        )
