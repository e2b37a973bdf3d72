"""Crawls that were seen complete: remembered on this machine, for when their node is off."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from kadalu_ssh.files import read_text, write_private
from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.errors import Failed
from kadalu_ssh.model.records import Volume
from kadalu_ssh.operations.session import Session


class _Ended(msgspec.Struct):
    """A crawl that was complete: beside which unit, and what it had written down."""

    unit: str
    book: Json


class _Kept(msgspec.Struct):
    """The last run of a volume, as far as it was seen complete."""

    run: str
    groups: dict[int, _Ended] = {}


def with_remembered(
    session: Session, volume: Volume, answers: Mapping[int, Json]
) -> dict[int, Json]:
    """Group number → what its crawl's node says, or said when it was complete."""
    if volume.rebalance is None:
        return {}
    known, run = _load(session), _Kept(volume.rebalance.id)
    units = {crawl.group: crawl.unit for crawl in volume.rebalance.crawls}
    last = known.get(volume.id, run)
    old = last.groups if last.run == run.run else {}
    run.groups = {**old, **_ended(units, answers)}
    if run.groups.keys() != old.keys() and not session.ctx.settings.dry_run:
        _save(session, {**known, volume.id: run})
    return {**{g: _seen(row) for g, row in old.items() if row.unit == units.get(g)}, **answers}


def _ended(units: Mapping[int, str], answers: Mapping[int, Json]) -> dict[int, _Ended]:
    return {
        group: _Ended(units[group], seen["book"])
        for group, seen in answers.items()
        if (seen["book"] or {}).get("state") == "complete"
    }


def _seen(row: _Ended) -> Json:
    """As `modules/crawls.py` has it."""
    return {"active": False, "state": "dead", "why": "", "book": row.book}


def _path(session: Session) -> Path:
    return session.workspace.directory(session.document.cluster_id) / "rebalances.json"


def _load(session: Session) -> dict[str, _Kept]:
    """By volume id. What cannot be read counts as nothing: it is a convenience."""
    with suppress(Failed, ValueError):
        kept = json.loads(read_text(_path(session)) or "{}")
        return msgspec.convert(kept, dict[str, _Kept], str_keys=True)
    return {}


def _save(session: Session, known: Mapping[str, _Kept]) -> None:
    there = {volume.id for volume in session.document.volumes}
    kept = {volume: run for volume, run in known.items() if volume in there}
    # Not msgspec's: names of files, which need not be UTF-8, are in it.
    text = json.dumps(msgspec.to_builtins(kept), indent=1, sort_keys=True)
    with suppress(Failed):
        write_private(_path(session), text + "\n")
