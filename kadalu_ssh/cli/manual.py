"""docs/commands.md, from the table: `python -m kadalu_ssh.cli.manual >docs/commands.md`."""

from collections.abc import Iterable, Iterator

from kadalu_ssh.cli.commands import COMMANDS, Arg, Command
from kadalu_ssh.cli.parser import GLOBALS, nouns, usage

_HEAD = """\
# Commands

This page is made from the table of commands; `kadalu NOUN VERB --help` says the same.
`pool` is another word for `cluster`. `CLUSTER/` may be left out when the workspace has one cluster,
or `kadalu cluster use` or `--cluster` names it.

## Everywhere

These stand before or after the verb. `KADALU_WORKSPACE`, `KADALU_CLUSTER` and
`KADALU_KEEP_CONNECTIONS` set `-C`, `--cluster` and `--keep-connections`; `NO_COLOR` is honoured.
Changes, and errors in full, are logged in `$XDG_STATE_HOME/kadalu/kadalu.log` (`~/.local/state`).
"""


def markdown() -> str:
    """The whole page."""
    parts = [_HEAD, *_items(GLOBALS)]
    for noun in nouns():
        parts.append(f"\n## {noun}")
        for command in COMMANDS:
            if command.noun == noun:
                parts += _section(command)
    return "\n".join(parts) + "\n"


def _section(command: Command) -> Iterator[str]:
    if command.verb:
        yield f"\n### {command.title}"
    yield f"\n{command.sentence}{'' if command.mutating else ' Changes nothing.'}\n"
    yield _code(usage(command))
    if command.notes:
        yield "\n" + _code(command.notes)
    items = list(_items(command.args))
    if items:
        yield "\n" + "\n".join(items)
    yield f"\nFor example:\n\n{_code(command.example)}"


def _code(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())


def _items(args: Iterable[Arg]) -> Iterator[str]:
    for item in args:
        names = ", ".join(item.flags) if item.is_flag else ""
        yield f"- `{' '.join(filter(None, [names, item.value]))}`: {item.options['help']}"


if __name__ == "__main__":
    print(markdown(), end="")
