"""Mount options, checked: they end up in a unit file and on mount's command line."""

import re
from collections.abc import Iterable

from kadalu_ssh.model.errors import Refused
from kadalu_ssh.model.names import shown

_OPTION = re.compile(r"[a-z][a-z0-9_-]*(?:=[A-Za-z0-9_.:/@+-]+)?", re.ASCII)
_OURS = {"log-file": "kadalu has a log of its own for every mount"}


def parse_options(texts: Iterable[str]) -> tuple[str, ...]:
    """`-o a,b=c -o d` → options; raises Refused naming the one that cannot be."""
    options = [part for text in texts for part in text.split(",") if part]
    for option in options:
        name = option.partition("=")[0]
        if not _OPTION.fullmatch(option):
            raise Refused(f"{shown(option)} is not a mount option", hint="write NAME or NAME=VALUE")
        if name in _OURS:
            raise Refused(f"mount option {name} cannot be given: {_OURS[name]}")
    return tuple(options)
