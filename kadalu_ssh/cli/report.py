"""Outcomes and errors, as text or as the one JSON document."""

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from itertools import groupby
from typing import Any

from kadalu_ssh.cli.commands import Command
from kadalu_ssh.cli.terminal import clean
from kadalu_ssh.model.errors import KadaluError
from kadalu_ssh.operations.context import Change, Outcome

_QUIET = ("ok", "skipped")


def print_outcome(command: Command, outcome: Outcome, *, as_json: bool, verbose: int) -> None:
    """Listings and summaries go to stdout, warnings and what is pending to stderr."""
    if as_json:
        _print_json(_document(command, outcome))
        return
    if outcome.dry_run:
        _print_changes(outcome.changes)
        print("Nothing was changed.")
    elif command.render:
        from kadalu_ssh.cli import render

        print(clean(getattr(render, command.render)(outcome.data)))
    else:
        if verbose:
            _print_changes(outcome.changes)
        print(clean(outcome.summary))
    _print_asides(outcome)


def _print_asides(outcome: Outcome) -> None:
    for warning in outcome.warnings:
        print(f"warning: {clean(warning)}", file=sys.stderr)
    for node in outcome.pending:
        print(f"pending on: {clean(node.name)} ({clean(node.reason)})", file=sys.stderr)


def _document(command: Command, outcome: Outcome) -> dict[str, Any]:
    document = dict(outcome.data)
    if command.mutating:
        document["changes"] = [asdict(c) for c in outcome.changes if c.status not in _QUIET]
        document["pending"] = [{"name": n.name, "reason": n.reason} for n in outcome.pending]
        document["dry_run"] = outcome.dry_run
    if outcome.warnings:
        document["warnings"] = outcome.warnings
    return document


def _print_json(document: dict[str, Any]) -> None:
    print(json.dumps(document, indent=2, ensure_ascii=False))


def _print_changes(changes: Iterable[Change]) -> None:
    """Per node, what is (or would be) done; files as unified diffs."""
    visible = sorted((c for c in changes if c.status not in _QUIET), key=lambda c: c.node)
    for node, items in groupby(visible, key=lambda c: c.node):
        print(f"{clean(node)}:")
        for item in items:
            more = f" ({item.reason})" if item.reason else ""
            print(f"  {clean(item.item)}: {clean(item.change or item.status)}{clean(more)}")
            for line in item.diff.splitlines():
                print(f"    {clean(line)}")


def print_error(error: KadaluError, as_json: bool) -> None:
    """`error:`, one line per node, `hint:`; as JSON on stdout when that was asked for."""
    if as_json:
        nodes = [{"name": node.name, "error": node.reason} for node in error.nodes]
        document: dict[str, Any] = {"error": error.message, "nodes": nodes, "hint": error.hint}
        _print_json(document)
        return
    print(f"error: {clean(error.message)}", file=sys.stderr)
    for node in error.nodes:
        print(f"  {clean(node.name)}: {clean(node.reason)}", file=sys.stderr)
    if error.hint:
        print(f"hint: {clean(error.hint)}", file=sys.stderr)
