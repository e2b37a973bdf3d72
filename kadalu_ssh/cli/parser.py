"""argv → the command and its arguments. Global flags may stand before or after the verb."""

import argparse
import difflib
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from kadalu_ssh import __version__
from kadalu_ssh.cli.commands import ALIASES, COMMANDS, Arg, Command, arg, flag
from kadalu_ssh.model.errors import Refused

_ENDLESS = 1e9


def at_least(
    kind: Callable[[str], float], least: float, most: float = _ENDLESS
) -> Callable[[str], float]:
    """An argparse type: a number that is neither too small nor too large."""
    limits = f"{least:g} or more" if most == _ENDLESS else f"{least:g} to {most:g}"

    def number(text: str) -> float:
        value = kind(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"has to be {limits}, and not {text}")
        return value

    return number


_COUNT, _SECONDS = at_least(int, 1), at_least(float, 0.1)
KEEP_SECONDS = at_least(float, 0, 3600)

GLOBALS: tuple[Arg, ...] = (
    arg("-C", "--workspace", type=Path, metavar="DIR", help="where inventory.yml and state/ are"),
    arg("-i", "--inventory", type=Path, metavar="FILE", help="default: WORKSPACE/inventory.yml"),
    arg("--cluster", metavar="NAME", help="the cluster meant, where no name says it"),
    arg("--forks", type=_COUNT, metavar="N", help="connections started at once (30)"),
    arg("--timeout", type=_SECONDS, metavar="SECONDS", help="to wait for a connection (10)"),
    arg("--lock-timeout", type=at_least(float, 0), metavar="SECONDS",
        help="to wait for the lock (30)"),
    arg("--keep-connections", type=KEEP_SECONDS, metavar="SECONDS",
        help="keep connections for the next command (0: no)"),
    arg("--host-key-checking", choices=("strict", "accept-new", "off"), help="(accept-new)"),
    flag("--ask-pass", "ask for the SSH password of hosts whose inventory has none"),
    flag("--ask-become-pass", "ask for the sudo password of hosts whose inventory has none"),
    flag("--force-no-quorum", "change the state without a majority of its replicas"),
    flag("--json", "print one JSON document"),
    arg("--mode", choices=("script",), help="script: answer yes to confirmations"),
    arg("-y", "--yes", action="store_true", help="answer yes to confirmations"),
    flag("--dry-run", "show what would change, change nothing"),
    arg("-v", "--verbose", action="count", help="show what was changed"),
    flag("--no-color", "no colours"),
)  # fmt: skip


_USAGE = "kadalu [GLOBAL] NOUN VERB [ARGS]"
_ALONE = ("-h", "--help", "-V", "--version")


class Parser(argparse.ArgumentParser):
    """Raises instead of exiting, so that --json can report usage errors too."""

    def __init__(self, **options: Any) -> None:
        # An abbreviation would change its meaning when a flag is added.
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        unknown = message.removeprefix("unrecognized arguments: ").split()
        flags = [f for f in self._option_string_actions if f.startswith("--")]
        close = (
            difflib.get_close_matches(unknown[0], flags, 1) if unknown != message.split() else []
        )
        if close:
            raise Refused(message, hint=f"did you mean {close[0]}?")
        raise Refused(message, hint=self.format_usage().strip())


def _add(parser: argparse.ArgumentParser, args: Sequence[Arg], **extra: Any) -> None:
    for item in args:
        parser.add_argument(*item.flags, **{**item.options, **extra})


def global_parser() -> Parser:
    """The flags that every command has; an absent one leaves no trace, so both places work."""
    parser = Parser(prog="kadalu", usage=_USAGE, add_help=False)
    _add(parser, GLOBALS, default=argparse.SUPPRESS)
    return parser


def parse(argv: Sequence[str]) -> tuple[Command | None, argparse.Namespace]:
    """The command, or None where help was asked for (and printed), with its arguments."""
    early, rest = _leading_globals(argv)
    if rest[:1] in (["--version"], ["-V"]):
        print(f"kadalu {__version__}")
        return None, early
    noun = ALIASES.get(rest[0], rest[0]) if rest else ""
    commands = [command for command in COMMANDS if command.noun == noun]
    if not rest or rest[0] in ("-h", "--help"):
        print(overview())
        return None, early
    if not commands:
        raise Refused(f"unknown command {rest[0]!a}", hint=_guess(rest[0], nouns()))
    command, words = _verb(commands, rest)
    if command is None:
        print(noun_help(rest[0], commands))
        return None, early
    parser = command_parser(command, rest[0])
    if "-h" in words or "--help" in words:
        parser.print_help()
        return None, early
    if "--" in words:  # which parse_intermixed_args would drop
        return command, parser.parse_args(words, namespace=early)
    # Flags may stand between the words of a list: `replica 3 --no-start A:/d B:/d C:/d`.
    return command, parser.parse_intermixed_args(words, namespace=early)


def _leading_globals(argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Global flags before the noun. argparse would take them from anywhere, so they are cut off."""
    values = {f for item in GLOBALS if "action" not in item.options for f in item.flags}
    at = 0
    while at < len(argv) and argv[at].startswith("-") and argv[at] not in _ALONE:
        at += 2 if argv[at] in values else 1
    return global_parser().parse_args(argv[:at]), list(argv[at:])


def _verb(commands: list[Command], rest: list[str]) -> tuple[Command | None, list[str]]:
    if not commands[0].verb:
        return commands[0], rest[1:]
    words = rest[1:]
    flags, words = _leading_globals_words(words)
    for count in (2, 1):
        verb = " ".join(words[:count])
        for command in commands:
            if command.verb == verb:
                return command, [*flags, *words[count:]]
    if not words or words[0] in ("-h", "--help") or _is_prefix(commands, words):
        return None, []
    verbs = [command.verb for command in commands]
    raise Refused(f"unknown command {rest[0]} {words[0]!a}", hint=_guess(words[0], verbs))


def _leading_globals_words(words: list[str]) -> tuple[list[str], list[str]]:
    _, rest = _leading_globals(words)
    return words[: len(words) - len(rest)], rest


def _is_prefix(commands: list[Command], words: list[str]) -> bool:
    """`cluster meta` alone, or with --help."""
    more = words[1:] in ([], ["-h"], ["--help"])
    return more and any(command.verb.startswith(words[0] + " ") for command in commands)


def _guess(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, 1)
    return f"did you mean {close[0]}?" if close else f"there are: {', '.join(known)}"


def nouns() -> list[str]:
    return list(dict.fromkeys(command.noun for command in COMMANDS))


def command_parser(command: Command, noun: str) -> Parser:
    """The parser of one command: only the one that is used is ever built."""
    parser = Parser(
        prog=f"kadalu {noun} {command.verb}".strip(),
        usage=usage(command, noun),
        description="\n\n".join(filter(None, [command.sentence, command.notes])),
        epilog=f"example:\n  {command.example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add(parser, command.args)
    group = parser.add_argument_group("everywhere")
    for item in GLOBALS:
        group.add_argument(*item.flags, **{**item.options, "default": argparse.SUPPRESS})
    return parser


def usage(command: Command, noun: str = "") -> str:
    """`kadalu node add [--port PORT] HOST`; the global flags are left out."""
    words = sorted((item for item in command.args), key=lambda item: not item.is_flag)
    head = f"kadalu {noun or command.noun} {command.verb}".strip()
    text = " ".join([head, *(item.usage for item in words)])
    return textwrap.fill(
        text, 90, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )


def overview() -> str:
    """`kadalu --help`."""
    lines = [f"usage: {_USAGE}", "", "GlusterFS storage over SSH.", ""]
    width = max(len(f"{c.noun} {c.verb}") for c in COMMANDS)
    lines += [f"  {f'{c.noun} {c.verb}'.strip():<{width}}  {c.help}" for c in COMMANDS]
    lines += ["", "Every command has --help. `pool` is another word for `cluster`.", "", "example:"]
    return "\n".join([*lines, "  kadalu cluster init prod --nodes=server1,server2,server3"])


def noun_help(noun: str, commands: Sequence[Command]) -> str:
    """`kadalu volume --help`."""
    width = max(len(command.verb) for command in commands)
    lines = [f"usage: kadalu {noun} VERB [ARGS]", ""]
    lines += [f"  {command.verb:<{width}}  {command.help}" for command in commands]
    return "\n".join([*lines, "", "example:", f"  {commands[0].example}"])
