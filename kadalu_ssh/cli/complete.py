"""Shell completion: nouns, verbs, flags; names from the local state (`cli.names`). No network."""

import argparse
import os
import shlex
from collections.abc import Callable

from kadalu_ssh.cli.commands import ALIASES, COMMANDS, Command
from kadalu_ssh.cli.names import Names
from kadalu_ssh.cli.parser import GLOBALS, command_parser, nouns


def complete() -> None:
    """Answer the shell and exit; called when argcomplete's variables are set."""
    import argcomplete
    from argcomplete.completers import SuppressCompleter

    words = _words(os.environ.get("COMP_LINE", ""))
    argcomplete.autocomplete(
        _parser(words), always_complete_options=False, default_completer=SuppressCompleter()
    )


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:  # a quote that is still open
        return line.split()


def _parser(words: list[str]) -> argparse.ArgumentParser:
    """A parser as deep as the words on the line need: only one command is ever built."""
    sources = _sources(Names(words))
    parser = _level(sources)
    chosen = next((w for w in words[1:] if ALIASES.get(w, w) in nouns()), "")
    subs = parser.add_subparsers()
    for noun in [*nouns(), *ALIASES]:
        sub = subs.add_parser(noun, add_help=False)
        if noun == chosen:
            _verbs(sub, ALIASES.get(noun, noun), words, sources)
    return parser


Sources = dict[str, Callable[[str], list[str]]]


def _level(
    sources: Sources, parser: argparse.ArgumentParser | None = None
) -> argparse.ArgumentParser:
    """The global flags, which may stand at every level."""
    parser = parser or argparse.ArgumentParser(prog="kadalu", add_help=False)
    for item in GLOBALS:
        _completed(parser.add_argument(*item.flags, **item.options), sources)
    return parser


def _verbs(parser: argparse.ArgumentParser, noun: str, words: list[str], sources: Sources) -> None:
    commands = [command for command in COMMANDS if command.noun == noun]
    if not commands[0].verb:
        _arguments(parser, commands[0], sources)
        return
    subs = _level(sources, parser).add_subparsers()
    for verb in dict.fromkeys(command.verb.split()[0] for command in commands):
        sub = subs.add_parser(verb, add_help=False)
        if verb in words:
            _second_words(sub, [c for c in commands if c.verb.split()[0] == verb], sources)


def _second_words(
    parser: argparse.ArgumentParser, commands: list[Command], sources: Sources
) -> None:
    if " " not in commands[0].verb:
        _arguments(parser, commands[0], sources)
        return
    subs = parser.add_subparsers()
    for command in commands:
        _arguments(subs.add_parser(command.verb.split()[1], add_help=False), command, sources)


def _arguments(parser: argparse.ArgumentParser, command: Command, sources: Sources) -> None:
    new_name = command.verb in ("init", "create")
    for action in command_parser(command, command.noun)._actions:
        if action.dest != "help":
            parser._add_action(action)
            if not (new_name and action.dest == "name"):
                _completed(action, sources)


def _completed(action: argparse.Action, sources: Sources) -> None:
    source = sources.get(action.dest)
    if action.metavar in ("FILE", "DIR"):
        from argcomplete.completers import FilesCompleter

        action.completer = FilesCompleter()  # type: ignore[attr-defined]
    elif source:
        action.completer = lambda prefix, **_: source(prefix)  # type: ignore[attr-defined]


def _sources(names: Names) -> Sources:
    """By the name of the argument."""
    return {
        "volume": names.volumes, "host": lambda _: [*names.nodes(), *names.hosts()],
        "node": lambda _: names.nodes(), "hosts": lambda _: [*names.nodes(), *names.hosts()],
        "nodes": names.host_list, "meta_servers": names.host_list,
        "cluster": lambda _: names.clusters(), "new": lambda _: names.nodes(),
        "old": lambda _: [*names.clusters(), *names.nodes()],
        "name": lambda _: names.clusters(), "source": lambda _: names.hosts(),
        "keys": lambda _: names.options(), "key": lambda _: ["all", *names.options()],
        "words": lambda _: [*_TYPES, *(f"{node}:/" for node in names.nodes())],
        "target": lambda _: [f"{host}:/" for host in names.hosts()],
    }  # fmt: skip


_TYPES = ("replica", "mirror", "arbiter", "disperse", "data", "redundancy")


def shell_code(shell: str) -> str:
    """What the shell has to evaluate."""
    import argcomplete.shell_integration

    code: str = argcomplete.shell_integration.shellcode(["kadalu"], shell=shell)
    return code
