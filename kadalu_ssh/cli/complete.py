"""Shell completion: nouns, verbs, flags; names from the local state. No network."""

import argparse
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kadalu_ssh.cli.commands import ALIASES, COMMANDS
from kadalu_ssh.cli.parser import command_parser, nouns, workspace_of


def complete() -> None:
    """Answer the shell and exit; called when argcomplete's variables are set."""
    import argcomplete

    parser = _parser(os.environ.get("COMP_LINE", "").split())
    argcomplete.autocomplete(parser, always_complete_options=False)


def _parser(words: list[str]) -> argparse.ArgumentParser:
    """A parser as deep as the words on the line need: only one command is ever built."""
    parser = argparse.ArgumentParser(prog="kadalu", add_help=False)
    chosen = next((w for w in words[1:] if ALIASES.get(w, w) in nouns()), "")
    subs = parser.add_subparsers()
    for noun in [*nouns(), *ALIASES]:
        sub = subs.add_parser(noun, add_help=False)
        if noun == chosen:
            _verbs(sub, ALIASES.get(noun, noun), words)
    return parser


def _verbs(parser: argparse.ArgumentParser, noun: str, words: list[str]) -> None:
    commands = [command for command in COMMANDS if command.noun == noun]
    if not commands[0].verb:
        _arguments(parser, commands[0])
        return
    subs = parser.add_subparsers()
    for verb in dict.fromkeys(command.verb.split()[0] for command in commands):
        sub = subs.add_parser(verb, add_help=False)
        if verb in words:
            _second_words(sub, [c for c in commands if c.verb.split()[0] == verb])


def _second_words(parser: argparse.ArgumentParser, commands: list[Any]) -> None:
    if " " not in commands[0].verb:
        _arguments(parser, commands[0])
        return
    subs = parser.add_subparsers()
    for command in commands:
        _arguments(subs.add_parser(command.verb.split()[1], add_help=False), command)


def _arguments(parser: argparse.ArgumentParser, command: Any) -> None:
    for action in command_parser(command, command.noun)._actions:
        if action.dest != "help":
            parser._add_action(action)
            source = _SOURCES.get(action.dest)
            if source and not action.option_strings and command.verb != "init":
                action.completer = lambda source=source, **_: source()  # type: ignore[attr-defined]


def _state() -> Path:
    return workspace_of(argparse.Namespace()) / "state"


def _clusters() -> list[str]:
    try:
        return sorted(json.loads((_state() / "clusters.json").read_text())["clusters"])
    except (OSError, ValueError, KeyError):
        return []


def _names(kind: str) -> list[str]:
    found = []
    for path in _state().glob("*/state.json"):
        try:
            found += [str(record["name"]) for record in json.loads(path.read_text())[kind]]
        except (OSError, ValueError, KeyError):
            continue
    return sorted(found)


def _hosts() -> Iterable[str]:
    from kadalu_ssh.inventory import load
    from kadalu_ssh.model.errors import Refused

    try:
        return load(_state().parent / "inventory.yml").names()
    except Refused:
        return []


_SOURCES = {
    "volume": lambda: _names("volumes"), "host": lambda: _names("nodes"),
    "node": lambda: _names("nodes"), "hosts": _hosts, "old": _clusters,
    "name": _clusters, "words": lambda: [f"{n}:/" for n in _names("nodes")],
    "target": lambda: [f"{n}:/" for n in _hosts()],
}  # fmt: skip


def shell_code(shell: str) -> str:
    """What the shell has to evaluate."""
    import argcomplete.shell_integration

    code: str = argcomplete.shell_integration.shellcode(["kadalu"], shell=shell)
    return code
