"""The command line: help everywhere, errors in one form, JSON alone on stdout, quick starts."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kadalu_ssh.cli.commands import COMMANDS, Command
from kadalu_ssh.cli.main import main
from kadalu_ssh.cli.parser import GLOBALS, nouns, parse
from kadalu_ssh.cli.text import clean
from kadalu_ssh.model.errors import Refused

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KADALU_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "log"))
    monkeypatch.delenv("KADALU_CLUSTER", raising=False)
    return tmp_path


def title(command: Command) -> str:
    return f"{command.noun} {command.verb}".strip()


@pytest.mark.parametrize("command", COMMANDS, ids=title)
def test_every_command_has_help_with_an_example(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*title(command).split(), "--help"]) == 0
    shown = capsys.readouterr().out
    assert command.example in shown
    assert "--json" in shown
    assert command.example.split()[1:2] == [command.noun] or command.noun == "completion"


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.operation], ids=title)
def test_every_operation_exists_and_takes_its_arguments(command: Command) -> None:
    import inspect
    from importlib import import_module

    module, _, name = command.operation.partition(":")
    operation = getattr(import_module(f"kadalu_ssh.operations.{module}"), name)
    taken = set(inspect.signature(operation).parameters) - {"ctx"}
    given = {
        a.options.get("dest") or a.flags[-1].lstrip("-").replace("-", "_") for a in command.args
    }
    assert given == taken
    # A global flag of the same name would be taken away before the operation gets it.
    everywhere = {"mode", "yes", *(i.flags[-1].lstrip("-").replace("-", "_") for i in GLOBALS)}
    assert not given & everywhere


@pytest.mark.parametrize("words", [[], ["--help"], ["volume", "--help"], ["cluster", "meta"]])
def test_help_at_every_level(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    assert "example:" in capsys.readouterr().out


def test_global_flags_before_and_after_the_verb() -> None:
    for words in (
        ["--cluster", "c", "--json", "volume", "list"],
        ["volume", "--cluster", "c", "--json", "list"],
        ["volume", "list", "--json", "--cluster", "c"],
    ):
        command, args = parse(words)
        assert command and command.verb == "list"
        assert (args.cluster, args.json) == ("c", True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["volum", "list"], "did you mean volume"),
        (["volume", "crate"], "did you mean create"),
        (["cluster", "meta", "ad"], "unknown command"),
        (["volume", "create"], "usage: kadalu volume create"),
        (["volume", "list", "--nope"], "--nope"),
        (["volume", "list", "--dry-run"], "changes nothing"),
    ],
)
def test_usage_errors(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("error: ")
    assert told in shown


def test_pool_is_cluster(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pool", "list"]) == 0
    assert "No clusters yet" in capsys.readouterr().out


def test_json_is_one_document_also_for_errors(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["volume", "list", "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert document["error"].startswith("there is no cluster")
    assert document["hint"]
    assert main(["cluster", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"clusters": []}
    assert main(["volume", "nope", "--json"]) == 2
    assert "unknown command" in json.loads(capsys.readouterr().out)["error"]


def test_an_internal_error_is_no_traceback(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("boom")

    monkeypatch.setattr("kadalu_ssh.state.workspace.Workspace.index", broken)
    assert main(["cluster", "list"]) == 1
    shown = capsys.readouterr().err
    assert "internal error: ZeroDivisionError: boom" in shown
    assert "Traceback" not in shown
    log = place / "log" / "kadalu" / "kadalu.log"
    assert "Traceback" in log.read_text()
    assert log.stat().st_mode & 0o077 == 0


def test_a_cluster_without_nodes_lives_on_the_laptop(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "inventory.yml").write_text("all:\n  hosts: {}\n")
    assert main(["cluster", "create", "c"]) == 0
    assert main(["cluster", "create", "c"]) == 2
    assert "already" in capsys.readouterr().err
    assert main(["cluster", "rename", "c", "d"]) == 0
    assert main(["cluster", "delete", "d"]) == 2
    assert "needs a confirmation" in capsys.readouterr().err
    assert main(["cluster", "delete", "d", "-y"]) == 0
    assert main(["cluster", "list"]) == 0
    assert "No clusters yet" in capsys.readouterr().out


def test_a_dry_run_writes_nothing(place: Path) -> None:
    (place / "inventory.yml").write_text("all:\n  hosts: {}\n")
    before = sorted(place.rglob("*"))
    assert main(["cluster", "create", "c", "--dry-run"]) == 0
    assert sorted(p for p in place.rglob("*") if "log" not in p.parts) == before


def test_control_characters_are_shown() -> None:
    assert clean("a\x1b[31mb\rc\n") == "a\\x1b[31mb\\rc\n"


@pytest.mark.parametrize("word", ["replica", "1abc", "a b", "", "a" * 64, "-x", "a/b/c"])
def test_bad_cluster_names(word: str) -> None:
    assert main(["cluster", "create", "--", word]) == 2


def test_refused_is_raised_for_unknown_nouns() -> None:
    with pytest.raises(Refused):
        parse(["nope"])
    assert "volume" in nouns()


HEAVY = ("asyncssh", "jinja2", "cryptography")


@pytest.mark.parametrize(
    "words", [["--version"], ["--help"], ["volume", "--help"], ["volume", "list"]]
)
def test_quick_commands_import_nothing_heavy(words: list[str]) -> None:
    argv = [sys.executable, "-X", "importtime", "-m", "kadalu_ssh", *words]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=ROOT)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not loaded & set(HEAVY)


def test_completion_asks_no_node_and_imports_nothing_heavy(place: Path) -> None:
    (place / "inventory.yml").write_text("all:\n  hosts: {host1: {}}\n")
    cluster = place / "state" / "c1"
    cluster.mkdir(parents=True)
    (cluster / "state.json").write_text('{"volumes": [{"name": "homes"}], "nodes": []}')
    (place / "state" / "clusters.json").write_text('{"clusters": {"prod": "c1"}}')
    assert complete("kadalu vol", place)[0].split() == ["volume"]
    words, loaded = complete("kadalu volume start ho", place)
    assert words.split() == ["homes"]
    assert not loaded & set(HEAVY)
    assert "prod" in complete("kadalu cluster use ", place)[0].split()
    assert complete("kadalu mount homes ho", place)[0].split() == ["host1:/"]


def complete(line: str, place: Path) -> tuple[str, set[str]]:
    """What the shell would be given, and which modules were loaded for it."""
    out = place / "completions"
    env = {
        **os.environ, "_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)),
        "_ARGCOMPLETE_IFS": "\n", "_ARGCOMPLETE_STDOUT_FILENAME": str(out),
        "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    argv = [sys.executable, "-X", "importtime", "-m", "kadalu_ssh"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=env, cwd=place)
    loaded = {text.rpartition("|")[2].strip() for text in done.stderr.splitlines()}
    return out.read_text(), loaded


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("kadalu --clus", ["--cluster"]),
        ("kadalu --cluster ", ["dev", "prod"]),
        ("kadalu --cluster prod volume st", ["start", "status", "stop"]),
        ("kadalu --cluster dev volume start ", ["scratch"]),
        ("kadalu volume start ", ["homes"]),
        ("kadalu volume start dev/", ["dev/scratch"]),
        ("kadalu volume status --det", ["--detail"]),
        ("kadalu cluster meta ", ["add", "list", "remove"]),
        ("kadalu cluster init new --nodes=host1,", ["--nodes=host1,host2"]),
        ("kadalu cluster init ", []),
        ("kadalu pool delete d", ["dev"]),
        ("kadalu -C /nowhere cluster use ", []),
        ('kadalu volume start "ho', ["homes"]),
        ("kadalu -C ./st", ["./state/"]),
    ],
)
def test_completions(line: str, told: list[str], place: Path) -> None:
    (place / "inventory.yml").write_text("all:\n  hosts: {host1: {}, host2: {}}\n")
    for cluster, volume in (("c1", "homes"), ("c2", "scratch")):
        (place / "state" / cluster).mkdir(parents=True)
        text = json.dumps({"volumes": [{"name": volume}], "nodes": [{"name": "host1"}]})
        (place / "state" / cluster / "state.json").write_text(text)
    index = {"clusters": {"prod": "c1", "dev": "c2"}, "current": "prod"}
    (place / "state" / "clusters.json").write_text(json.dumps(index))
    assert sorted(complete(line, place)[0].split()) == told


@pytest.mark.parametrize("text", ["", "[]", "{", '{"clusters": 3}', '{"clusters": {"x": "../.."}}'])
def test_completion_of_a_broken_state_is_silent(text: str, place: Path) -> None:
    (place / "state").mkdir()
    (place / "state" / "clusters.json").write_text(text)
    assert complete("kadalu volume start ", place)[0] == ""


@pytest.mark.parametrize("words", ["--no-color --version", "--version", "-V", "--json --version"])
def test_version(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words.split()) == 0
    assert capsys.readouterr().out.startswith("kadalu ")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_line_that_a_shell_sources(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert "_ARGCOMPLETE" in capsys.readouterr().out


def test_every_argument_is_explained() -> None:
    for command in COMMANDS:
        for item in command.args:
            assert item.options.get("help"), f"{command.title}: {item.flags}"
