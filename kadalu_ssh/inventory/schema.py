"""Which variables kadalu reads, and of which type: that stands in the documented example."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

EXAMPLE = Path(__file__).with_name("inventory.example.yml")

# `    ansible_port: 22  # type: port; also: ansible_ssh_port`
_LINE = re.compile(r"\s*((?:ansible|kadalu)_\w+):.*?\s# (.*)")

_PREFIX = "kadalu_"


class Key(NamedTuple):
    """One variable that is understood."""

    name: str
    type: str
    """A word of `values.TYPES`."""
    choices: tuple[str, ...] = ()


class Unknown(NamedTuple):
    """A variable that looks like one of ours and is none."""

    hint: str


@cache
def known() -> Mapping[str, Key]:
    """Variable, other names of it included → what it is."""
    found: dict[str, Key] = {}
    for line in EXAMPLE.read_text(encoding="utf-8").splitlines():
        if match := _LINE.fullmatch(line):
            facts = dict(part.split(": ") for part in match[2].split("; "))
            choices = tuple(facts.get("one of", "").split(", ")) if "one of" in facts else ()
            key = Key(match[1], facts.get("type", "choice"), choices)
            names = [match[1], *facts.get("also", "").split(", ")]
            found.update((name, key) for name in names if name)
    return found


@cache
def find(name: str) -> Key | Unknown | None:
    """The variable; Unknown of one that is ours but misspelt; None of one that is not ours."""
    if name in known():
        return known()[name]
    plain = name.lower().replace("-", "_")
    ours = [other for other in known() if other.startswith(_PREFIX)]
    meant = plain.startswith(_PREFIX.rstrip("_"))
    if close := _close(plain, ours):
        return Unknown(f"did you mean {close}?")
    return Unknown(f"there are {', '.join(ours)}") if meant else None


def closest(word: str, words: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The one of `words` that `word` was probably meant to be; `cutoff` is 0 (any) to 1 (equal)."""
    import difflib  # here: only errors have use for it

    return next(iter(difflib.get_close_matches(word, words, 1, cutoff)), None)


def _close(name: str, ours: Sequence[str]) -> str | None:
    if name.startswith(_PREFIX):
        # Without the prefix: it alone would make any two of them look alike.
        close = closest(name.removeprefix(_PREFIX), [key.removeprefix(_PREFIX) for key in ours])
        return _PREFIX + close if close else None
    # A misspelt prefix counts where the rest is right: `kafka_address` may be anybody's.
    prefix, _, rest = name.partition("_")
    near = closest(prefix, [_PREFIX.rstrip("_")], 0.65)
    return _PREFIX + rest if near and _PREFIX + rest in ours else None
