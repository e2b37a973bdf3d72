"""A command while it runs: signals, pipes, questions, progress, the log."""

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kadalu_ssh.cli.log import log_line, log_path, log_trace, redacted
from kadalu_ssh.cli.main import main
from kadalu_ssh.cli.terminal import Terminal
from kadalu_ssh.model.errors import Failed, Refused
from kadalu_ssh.operations import volume, volume_view
from kadalu_ssh.operations.context import Context, Outcome
from tests.unit.test_cli import ROOT, place

__all__ = ["place"]  # the fixture


def operation(monkeypatch: pytest.MonkeyPatch, result: Any) -> list[dict[str, Any]]:
    """`volume stop` and `volume list` do this; returns what they were called with."""
    seen: list[dict[str, Any]] = []

    async def fake(ctx: Context, **args: Any) -> Outcome:
        seen.append({"settings": ctx.settings, **args})
        outcome: Outcome = await result(ctx) if callable(result) else result
        return outcome

    monkeypatch.setattr(volume, "stop", fake)
    monkeypatch.setattr(volume_view, "list_volumes", fake)
    return seen


def test_arguments_and_settings_reach_the_operation(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = operation(monkeypatch, Outcome("Stopped."))
    words = ["--forks", "3", "volume", "--timeout=2.5", "stop", "c/v", "--force-no-quorum", "-y"]
    assert main(words) == 0
    settings = seen[0].pop("settings")
    assert seen == [{"volume": "c/v"}]
    assert (settings.forks, settings.timeout, settings.force_no_quorum) == (3, 2.5, True)
    assert (settings.workspace, settings.inventory) == (place, place / "inventory.yml")
    assert settings.command.endswith("stop c/v --force-no-quorum -y")


@pytest.fixture(params=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def number(request: pytest.FixtureRequest) -> Iterator[signal.Signals]:
    """A signal that nobody ignores, also under nohup."""
    before = signal.getsignal(request.param)
    handler = signal.default_int_handler if request.param == signal.SIGINT else signal.SIG_DFL
    signal.signal(request.param, handler)
    yield request.param
    signal.signal(request.param, before)


def test_a_signal_cancels_and_the_operation_cleans_up(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cleaned = []

    async def hang(ctx: Context) -> Outcome:
        os.kill(os.getpid(), number)
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)
        return Outcome()

    operation(monkeypatch, hang)
    before = signal.getsignal(number)
    assert main(["volume", "stop", "v", "--json"]) == 130
    assert cleaned
    assert json.loads(capsys.readouterr().out)["error"] == "interrupted"
    assert signal.getsignal(number) == before


def test_what_an_interrupted_operation_has_to_say_is_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def undoes(ctx: Context) -> Outcome:
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise Failed("it was undone") from None
        return Outcome()

    operation(monkeypatch, undoes)
    assert main(["volume", "stop", "v"]) == 130
    assert capsys.readouterr().err == "error: interrupted: it was undone\n"


def test_a_warning_is_told_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def warns(ctx: Context) -> Outcome:
        ctx.reporter.warn("mind the gap")
        return Outcome("Stopped.", warnings=["and the step"])

    operation(monkeypatch, warns)
    assert main(["volume", "stop", "v"]) == 0
    assert capsys.readouterr().err == "warning: mind the gap\nwarning: and the step\n"
    assert main(["volume", "stop", "v", "--json"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["warnings"] == ["mind the gap", "and the step"]
    assert shown.err == "warning: mind the gap\n"


def test_a_dry_run_never_says_that_it_was_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    operation(monkeypatch, Outcome("Volume v was stopped."))
    assert main(["volume", "stop", "v", "--dry-run"]) == 0
    assert capsys.readouterr().out == "Nothing was changed.\n"
    assert not log_path().exists()


def test_flags_between_the_words_of_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    from kadalu_ssh.cli.parser import parse

    words = [
        "volume",
        "create",
        "v",
        "replica",
        "3",
        "--no-start",
        "A:/d",
        "B:/d",
        "--json",
        "C:/d",
    ]
    _, args = parse(words)
    assert args.words == ["replica", "3", "A:/d", "B:/d", "C:/d"]
    assert args.no_start and args.json


@pytest.mark.parametrize(
    "words",
    ["--forks 0", "--forks 1.5", "--timeout nan", "--timeout inf", "--timeout -1", "--lock-time 1"],
)
def test_global_flags_are_checked(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["volume", "list", *words.split()]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_a_question_without_a_terminal_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("yes\n"))
    with pytest.raises(Refused, match="needs a confirmation"):
        Terminal(yes=False, json=False).confirm("Really?")
    Terminal(yes=True, json=True).confirm("Really?")
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(Refused, match="needs a confirmation"):
        Terminal(yes=False, json=False).confirm("Really?")


class Keyboard(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("typed", "agreed"), [("yes\n", True), ("Y\n", True), ("no\n", False), ("", False)]
)
def test_an_answer(typed: str, agreed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Keyboard(typed))
    terminal = Terminal(yes=False, json=False)
    if agreed:
        terminal.confirm("Really?")
    else:
        with pytest.raises(Refused, match="not confirmed"):
            terminal.confirm("Really?")
    with pytest.raises(Refused, match="needs a confirmation"):
        Terminal(yes=False, json=True).confirm("Really?")


def test_a_name_has_to_be_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Keyboard("prod\nyes\n"))
    terminal = Terminal(yes=False, json=False)
    terminal.confirm_name("Really?", "prod")
    with pytest.raises(Refused):
        terminal.confirm_name("Really?", "prod")


def test_progress_is_shown_after_a_second_and_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Keyboard()
    monkeypatch.setattr(sys, "stderr", screen)
    terminal = Terminal(yes=False, json=False)
    terminal.progress("", "start")
    terminal.progress("a", "conn\x1bected")
    terminal.draw()
    assert screen.getvalue() == ""
    terminal.started -= 2
    terminal.draw()
    assert screen.getvalue() == "start (2 s)\n  a: conn\\x1bected\n"
    terminal.clear()
    assert screen.getvalue().endswith("\033[2F\033[J")
    for number in range(40):
        terminal.progress(f"n{number}", "connected")
    terminal.draw()
    assert "  40 nodes: connected\n" in screen.getvalue()
    assert not Terminal(yes=False, json=True).live


def test_the_log_has_changes_and_no_secrets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    operation(monkeypatch, Outcome("Volume v was stopped."))
    assert main(["volume", "stop", "v", "-y"]) == 0
    assert main(["volume", "list"]) == 0
    assert len(log_path().read_text().splitlines()) == 1
    assert "'kadalu volume stop v -y': 'Volume v was stopped.'" in log_path().read_text()
    assert log_path().stat().st_mode & 0o077 == 0
    assert redacted(["--option", "a.password=p=q\nr", "--invite", "t", "x"]) == (
        "kadalu --option a.password=*** --invite *** x"
    )


def test_a_failure_is_logged_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(ctx: Context) -> Outcome:
        raise Failed("it broke") from ValueError("deep down")

    operation(monkeypatch, fails)
    assert main(["volume", "stop", "v"]) == 1
    assert "deep down" in log_path().read_text()


def test_the_log_is_rotated_and_follows_no_link(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log_line(["x"], "y")
    with log_path().open("a") as file:
        file.truncate(6 << 20)
    log_line(["x"], "z")
    assert log_path().stat().st_size < 1000
    assert log_path().with_suffix(".log.1").exists()
    log_path().unlink()
    log_path().symlink_to(place / "victim")
    log_line(["x"], "y")
    log_trace(ValueError("x"), ["x"])
    assert not (place / "victim").exists()
    assert "cannot write" in capsys.readouterr().err


def started(*words: str, **options: Any) -> "subprocess.Popen[str]":
    argv = [sys.executable, "-m", "kadalu_ssh", *words]
    return subprocess.Popen(argv, cwd=ROOT, text=True, **options)


def test_a_reader_that_goes_away_is_no_trouble(place: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    process = started("cluster", "list", stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert process.communicate()[1] == ""
    assert process.returncode == 0


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_closed_streams_are_no_trouble(closed: str, place: Path) -> None:
    script = f'"$0" -m kadalu_ssh cluster delete nope {closed}'
    argv = ["sh", "-c", script, sys.executable]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_output_in_a_locale_that_lacks_the_characters(place: Path) -> None:
    env = {**os.environ, "PYTHONIOENCODING": "ascii", "KADALU_WORKSPACE": str(place / "é")}
    process = started("doctor", stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
    out, err = process.communicate()
    assert process.returncode == 1
    assert "\\xe9" in out and "internal" not in err
