"""state show | history | diff: the laptop's copy and what it was. No node is asked."""

import difflib
import json
import re
import time
from pathlib import Path

from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.errors import Failed, Refused
from kadalu_ssh.model.names import shown
from kadalu_ssh.model.records import Document
from kadalu_ssh.operations.context import Context, Outcome
from kadalu_ssh.state.document import digest
from kadalu_ssh.state.history import Entry, History
from kadalu_ssh.state.masked import masked
from kadalu_ssh.state.workspace import Workspace

_SERIAL = re.compile(r"\d{1,12}(-\d{1,12}(-[0-9a-f]{8})?)?", re.ASCII)
_MOST_NAMED = 20


async def show(ctx: Context) -> Outcome:
    """The document, its secrets masked."""
    workspace, cluster_id = _place(ctx)
    return Outcome(data={"state": masked(workspace.load(cluster_id))})


async def history(ctx: Context) -> Outcome:
    """What was saved here, oldest first. Works with a damaged state.json too: it is the way out."""
    workspace, cluster_id = _place(ctx)
    past, now, warnings = History(workspace.directory(cluster_id)), None, []
    try:
        now = workspace.load(cluster_id)
    except Failed as error:
        warnings.append(error.message)
    rows = [_row(entry, _is_current(past, entry, now)) for entry in past.entries]
    return Outcome(data={"history": rows}, warnings=warnings)


def _is_current(past: History, entry: Entry, now: Document | None) -> bool:
    """By its contents: a kadalu with more fields in its records takes another digest."""
    if now is None or (entry.epoch, entry.serial) != (now.epoch, now.serial):
        return False
    kept = past.readable(entry)
    return kept is not None and digest(now) in kept.digests


def _row(entry: Entry, current: bool) -> Json:
    return {
        "epoch": entry.epoch, "serial": entry.serial, "when": _when(entry.path),
        "digest": entry.mark, "current": current, "file": str(entry.path),
    }  # fmt: skip


def _when(path: Path) -> str | None:
    try:
        saved = path.stat().st_mtime
    except OSError:
        return None
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(saved))


async def diff(ctx: Context, *, serial: str) -> Outcome:
    """From that entry of the history to the current document, secrets masked."""
    workspace, cluster_id = _place(ctx)
    current = workspace.load(cluster_id)
    past = History(workspace.directory(cluster_id))
    entry = _chosen(past, serial)
    old = past.read(entry).document
    lines = difflib.unified_diff(
        _lines(old), _lines(current), f"serial {entry.label}", f"serial {_label(current)}",
        lineterm="",
    )  # fmt: skip
    data = {"from": entry.label, "to": _label(current), "lines": list(lines)}
    return Outcome(data={"diff": data})


def _chosen(past: History, serial: str) -> Entry:
    if not _SERIAL.fullmatch(serial):
        raise Refused(f"{shown(serial)} is not SERIAL or EPOCH-SERIAL")
    found = past.select(serial)
    if not found:
        raise Refused(f"the history has no serial {serial}", hint=_known(past))
    if len(found) > 1:
        exact = ", ".join(f"{entry.label}-{entry.mark}" for entry in found)
        raise Refused(f"serial {serial} is ambiguous", hint=f"name one of {exact}")
    return found[0]


def _known(past: History) -> str:
    labels = list(dict.fromkeys(entry.label for entry in past.entries))
    more = f" and {len(labels) - _MOST_NAMED} older ones" if len(labels) > _MOST_NAMED else ""
    return f"there are: {', '.join(labels[-_MOST_NAMED:])}{more}" if labels else "it is empty"


def _label(document: Document) -> str:
    return f"{document.epoch}-{document.serial}"


def _lines(document: Document) -> list[str]:
    return json.dumps(masked(document), indent=2, sort_keys=True).splitlines()


def _place(ctx: Context) -> tuple[Workspace, str]:
    workspace = Workspace(ctx.settings.workspace)
    return workspace, workspace.resolve(ctx.settings.cluster)[1]
