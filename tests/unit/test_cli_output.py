"""What is printed: listings, dry runs, errors; and that nothing from a node acts on a terminal."""

import json
from typing import Any

import pytest

from kadalu_ssh.cli import manual, render
from kadalu_ssh.cli.commands import COMMANDS, Command
from kadalu_ssh.cli.report import print_error, print_outcome
from kadalu_ssh.cli.text import Paint, clean, one_line, safe
from kadalu_ssh.model.errors import Failed, NodeError
from kadalu_ssh.operations.context import Change, Outcome
from tests.unit.test_cli import ROOT

PLAIN = Paint(no_color=True)
CHANGE = Command("volume", "stop", "stop", "kadalu volume stop v", "volume:stop", mutating=True)


def listing(noun: str, verb: str) -> Command:
    return next(c for c in COMMANDS if (c.noun, c.verb) == (noun, verb))


def show(command: Command, outcome: Outcome, *, as_json: bool = False, verbose: int = 0) -> None:
    print_outcome(command, outcome, as_json=as_json, verbose=verbose, paint=PLAIN)


def node(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "id": "n", "meta_server": False, "state": "Up", "reason": None, **more}


def test_cluster_status_as_the_contract_has_it() -> None:
    nodes = [
        node("server1.example.com", meta_server=True),
        node("server4.example.com"),
        node("server5.example.com", state="Down", reason="connect timed out after 10 s"),
    ]
    told = render.cluster_status({"name": "mycluster", "id": "f594dd01", "nodes": nodes})
    assert told == (
        "Cluster Name: mycluster\nCluster ID: f594dd01\n\n"
        "  Node                   State\n"
        "* server1.example.com    Up\n"
        "  server4.example.com    Up\n"
        "  server5.example.com    Down (connect timed out after 10 s)"
    )


def volume(**more: Any) -> dict[str, Any]:
    return {
        "name": "v", "id": "i", "state": "Started", "type": "Replicate", "size": 3 << 30,
        "inodes": 100, "options": {}, **more,
    }  # fmt: skip


def unit(role: str = "data", **more: Any) -> dict[str, Any]:
    return {"unit": "a:/d", "port": 24010, "role": role, "state": "Up", "pid": 7, **more}


def test_volume_list_columns() -> None:
    head, row = render.volumes({"volumes": [volume()]}).splitlines()
    assert head.split() == ["Name", "ID", "State", "Type", "Size", "Inodes"]
    assert row.split() == ["v", "i", "Started", "Replicate", "3.0", "GiB", "100"]
    rows = {"volumes": [volume(health="Partial", used=1 << 30, inodes_used=5)]}
    head, row = render.volumes(rows).splitlines()
    assert "State (Health)" in head and "Utilization" in head
    assert "Started (Partial)" in row and "1.0 GiB/3.0 GiB" in row and row.endswith("5/100")


@pytest.mark.parametrize(
    ("roles", "groups", "told"),
    [
        (["data"] * 3, 1, "1 x 3 = 3"),
        (["data", "data", "arbiter"], 2, "2 x (2 + 1) = 6"),
        (["data"], 4, "4 x 1 = 4"),
    ],
)
def test_volume_info_counts_units_as_gluster_does(roles: list[str], groups: int, told: str) -> None:
    units = [unit(role) for role in roles]
    shape = [{"number": n + 1, "state": "live", "units": units} for n in range(groups)]
    shown = render.volume_info({"volumes": [volume(groups=shape)]})
    assert f"Number of storage units: {told}" in shown
    assert ("(arbiter)" in shown) == ("arbiter" in roles)


def test_volume_status_names_the_reason() -> None:
    groups = [{"number": 1, "health": "Down", "units": [unit(state="Down", reason="no answer")]}]
    told = render.volume_status(
        {"volumes": [volume(health="Down", groups=groups, daemons=[])], "detail": False}
    )
    assert "Down (no answer)" in told and "24010" in told


def test_a_file_name_cannot_forge_lines_or_drive_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    entry = {"path": "/x\nTotal entries to heal: 0\x1b[2J\x9b1m\udcff", "state": "pending"}
    brick = {"unit": "a:/d", "status": "Connected", "entries": [entry], "count": 1}
    data = {"volume": "v", "units": [{**brick, "split_brain": 0}], "total": 1}
    show(listing("heal", "info"), Outcome(data=data))
    shown = capsys.readouterr().out
    assert shown.count("\n") == 4
    assert "\x1b" not in shown and "\x9b" not in shown
    assert "/x\\nTotal entries to heal: 0\\x1b[2J\\x9b1m\\udcff" in shown
    show(listing("heal", "info"), Outcome(data=data), as_json=True)
    out = capsys.readouterr().out
    assert out.isascii()
    assert json.loads(out) == data


def test_a_dry_run_shows_items_and_diffs_per_node(capsys: pytest.CaptureFixture[str]) -> None:
    changes = [
        Change("b", "file:/f", "would_change", "edit", "-old\n+new\x1b[0m"),
        Change("a", "service:s", "would_remove", "stop", reason="unwanted"),
        Change("a", "dir:/d", "ok"),
    ]
    show(CHANGE, Outcome("Volume v was stopped.", changes=changes, dry_run=True))
    assert capsys.readouterr().out == (
        "a:\n  service:s: stop (unwanted)\n"
        "b:\n  file:/f: edit\n    -old\n    +new\\x1b[0m\nNothing was changed.\n"
    )


def test_changes_are_shown_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = Outcome("Done.", changes=[Change("a", "dir:/d", "changed", "create")])
    show(CHANGE, outcome)
    assert capsys.readouterr().out == "Done.\n"
    show(CHANGE, outcome, verbose=1)
    assert capsys.readouterr().out == "a:\n  dir:/d: create\nDone.\n"


def test_what_is_pending_goes_to_stderr_and_into_the_document(
    capsys: pytest.CaptureFixture[str],
) -> None:
    outcome = Outcome("Done.", data={"volume": {"name": "v"}}, warnings=["look"])
    outcome.missed([NodeError("b", "no answer")])
    show(CHANGE, outcome)
    shown = capsys.readouterr()
    assert shown.out == "Done.\n"
    assert shown.err == "warning: look\npending on: b (no answer)\n"
    show(CHANGE, outcome, as_json=True)
    assert json.loads(capsys.readouterr().out) == {
        "volume": {"name": "v"}, "changes": [], "dry_run": False, "warnings": ["look"],
        "pending": [{"name": "b", "reason": "no answer"}],
    }  # fmt: skip


def test_error_layout(capsys: pytest.CaptureFixture[str]) -> None:
    error = Failed("it failed", [NodeError("b", "one\r\ntwo\n"), NodeError("c\x07", "x")], "retry")
    print_error(error, as_json=False, paint=PLAIN)
    shown = capsys.readouterr()
    assert shown.err == "error: it failed\n  b: one; two\n  c\\x07: x\nhint: retry\n"
    assert shown.out == ""
    print_error(error, as_json=True, paint=PLAIN)
    shown = capsys.readouterr()
    assert shown.err == ""
    assert json.loads(shown.out)["nodes"][0] == {"name": "b", "error": "one\r\ntwo\n"}


def test_cleaning() -> None:
    assert clean("a\nb\tc\rd") == "a\nb\tc\\rd"
    assert one_line("a\nb\u2028é") == "a\\nb\\u2028é"
    assert safe({"a\n": ["b\n", 1, None, True]}) == {"a\\n": ["b\\n", 1, None, True]}


class Screen:
    """A stream that says it is a terminal."""

    closed = False

    def isatty(self) -> bool:
        return True


def test_colours_only_where_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    screen: Any = Screen()
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert Paint()(screen, "red", "x") == "\033[31mx\033[0m"
    assert Paint(no_color=True)(screen, "red", "x") == "x"
    assert Paint()(None, "red", "x") == "x"
    monkeypatch.setenv("NO_COLOR", "1")
    assert Paint()(screen, "red", "x") == "x"
    monkeypatch.setenv("NO_COLOR", "")
    monkeypatch.setenv("TERM", "dumb")
    assert Paint()(screen, "red", "x") == "x"


def test_the_page_of_commands_is_up_to_date() -> None:
    """If not: python -m kadalu_ssh.cli.manual >docs/commands.md"""
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert page == manual.markdown()
    assert all(command.example in page for command in COMMANDS)
