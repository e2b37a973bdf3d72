"""Outcomes and errors, as text or as the one JSON document."""

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from importlib import import_module
from itertools import groupby
from typing import Any

from kadalu_ssh.cli.commands import Command
from kadalu_ssh.cli.text import Paint, clean, one_line, safe
from kadalu_ssh.model.errors import KadaluError
from kadalu_ssh.operations.context import Change, Outcome

_QUIET = ("ok", "skipped")
_DIFF = {"+": "green", "-": "red"}


def print_outcome(
    command: Command, outcome: Outcome, *, as_json: bool, verbose: int, paint: Paint
) -> None:
    """Listings and summaries go to stdout, warnings and what is pending to stderr."""
    if as_json:
        print_json(_document(command, outcome))
        return
    if command.render and outcome.data:
        room = _room(command)
        render = getattr(import_module(f"kadalu_ssh.cli.{room}"), command.render)
        print(render(safe(outcome.data)) or clean(outcome.summary))
    if outcome.dry_run:
        _print_changes(outcome.changes, paint)
        print("Nothing was changed.")
    elif not command.render:
        if verbose:
            _print_changes(outcome.changes, paint)
        print(clean(outcome.summary))
    _print_asides(outcome, paint)


def _room(command: Command) -> str:
    operation = command.operation.partition(":")[0]
    return _ROOMS.get(operation, "render_state" if command.noun == "state" else "render")


_ROOMS = {
    "volume_options": "render_options", "rebalance_view": "render_rebalance",
    "rebalance_cron": "render_rebalance",
}  # fmt: skip


def _print_asides(outcome: Outcome, paint: Paint) -> None:
    for warning in outcome.warnings:
        _tell(paint, "yellow", "warning:", warning)
    for node in outcome.pending:
        _tell(paint, "yellow", "pending on:", f"{node.name} ({node.reason})")


def _tell(paint: Paint, colour: str, label: str, text: str) -> None:
    print(f"{paint(sys.stderr, colour, label)} {clean(text)}", file=sys.stderr)


def _document(command: Command, outcome: Outcome) -> dict[str, Any]:
    document = dict(outcome.data)
    if command.mutating:
        document["changes"] = [asdict(c) for c in outcome.changes if c.status not in _QUIET]
        document["pending"] = [{"name": n.name, "reason": n.reason} for n in outcome.pending]
        document["dry_run"] = outcome.dry_run
    if outcome.warnings:
        document["warnings"] = outcome.warnings
    return document


def print_json(document: dict[str, Any]) -> None:
    """ASCII, so that it can be printed in any locale whatever a file on a node is called."""
    print(json.dumps(document, indent=2))


def _print_changes(changes: Iterable[Change], paint: Paint) -> None:
    """Per node, what is (or would be) done; files as unified diffs."""
    visible = sorted((c for c in changes if c.status not in _QUIET), key=lambda c: c.node)
    for node, items in groupby(visible, key=lambda c: c.node):
        print(f"{one_line(node)}:")
        for item in items:
            more = f" ({item.reason})" if item.reason else ""
            print(f"  {one_line(item.item)}: {one_line((item.change or item.status) + more)}")
            for line in item.diff.splitlines():
                colour = _DIFF.get(line[:1])
                text = one_line(line)
                print(f"    {paint(sys.stdout, colour, text) if colour else text}")


def print_error(error: KadaluError, *, as_json: bool, paint: Paint) -> None:
    """`error:`, one line per node, `hint:`; as JSON on stdout when that was asked for."""
    if as_json:
        nodes = [{"name": node.name, "error": node.reason} for node in error.nodes]
        print_json({"error": error.message, "nodes": nodes, "hint": error.hint})
        return
    _tell(paint, "red", "error:", error.message)
    for node in error.nodes:
        print(f"  {one_line(node.name)}: {one_line(_joined(node.reason))}", file=sys.stderr)
    if error.hint:
        print(f"hint: {clean(error.hint)}", file=sys.stderr)


def _joined(reason: str) -> str:
    """One line per node, also when a program on it said several."""
    return "; ".join(line.strip() for line in reason.splitlines() if line.strip())
