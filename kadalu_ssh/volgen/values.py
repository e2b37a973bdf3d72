"""What values an option may have, as GlusterFS's own option tables say (releases 10.3 and 11.1).

`option_kinds.json` has a row per key of `options.json`: type, range, values, default, the graphs
it works in, and the releases that have it. The checks are glusterd's, made on the laptop.
"""

import json
import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cache
from typing import NamedTuple

from kadalu_ssh.model.sizes import format_size

BOOLEANS = ("on", "off", "yes", "no", "true", "false", "enable", "disable", "1", "0")
_UNITS = {"": 1, "B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40, "PB": 1 << 50}
_SECONDS = {
    "": 1, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "hr": 3600, "d": 86400, "days": 86400,
    "w": 604800, "wk": 604800,
}  # fmt: skip
_ADDRESS = re.compile(r"[A-Za-z0-9._:*?/\[\]-]+")


class Kind(NamedTuple):
    """What is known of an option besides its place in the graphs."""

    key: str
    type: str
    min: int | None
    max: int | None
    values: tuple[str, ...]
    default: str | None
    graphs: tuple[str, ...]
    releases: tuple[int, ...]

    @property
    def takes(self) -> str:
        """What it takes, in a few words: `on or off`, `a size from 4MB`."""
        if self.values:
            return f"one of {', '.join(self.values)}"
        words = _WORDS.get(self.type, "text")
        shown = format_size if self.type == "SIZET" else str
        low = "" if self.min is None else f" from {shown(self.min)}"
        high = "" if self.max is None else f" to {shown(self.max)}"
        return f"{words}{low}{high}"


@cache
def kinds() -> Mapping[str, Kind]:
    """By key."""
    from importlib.resources import files

    rows = json.loads((files("kadalu_ssh.volgen") / "option_kinds.json").read_text())
    return {
        r["key"]: Kind(
            r["key"], r.get("type", "ANY"), r.get("min"), r.get("max"), tuple(r.get("values", ())),
            r.get("default"), tuple(r["graphs"]), tuple(r["releases"]),
        )
        for r in rows
    }  # fmt: skip


def why_not(key: str, value: str) -> str | None:
    """What is wrong with an option as the user wrote it; None when it can be set."""
    kind = kinds().get(key)
    if kind is None:
        return no_such(key)
    if not value or not value.isprintable():
        return f"it takes {kind.takes}"
    good = _CHECKS.get(kind.type, _anything)(kind, value)
    return None if good else f"{value!r} is none of what it takes: {kind.takes}"


def no_such(key: str) -> str:
    """What is said of a key that nobody knows: the one that was meant, also by its short name."""
    close = get_close_matches(key, kinds(), 1)
    if not close and "." not in key:
        ends = {known.rpartition(".")[2]: known for known in kinds()}
        close = [ends[end] for end in get_close_matches(key, ends, 1)]
    return f"no such option{f'; did you mean {close[0]}?' if close else ''}"


def number_of(key: str, value: str) -> int:
    """The number that a value of a counted or measured option stands for; it has to be good."""
    kind = kinds()[key]
    if kind.type == "SIZET":
        return _measure(value.upper(), _UNITS) or 0
    return int(value, 0) if value.startswith("0x") else int(value)


# --- one check per type ---


def _anything(kind: Kind, value: str) -> bool:
    return True


def _boolean(kind: Kind, value: str) -> bool:
    return value.lower() in BOOLEANS


def _within(kind: Kind, number: int | None) -> bool:
    if number is None:
        return False
    return (kind.min is None or number >= kind.min) and (kind.max is None or number <= kind.max)


def _integer(kind: Kind, value: str) -> bool:
    """As C reads it: decimal, 0x hexadecimal, 0 octal."""
    if re.fullmatch(r"[+-]?0[0-7]+", value):
        return _within(kind, int(value, 8))
    number = int(value, 0) if re.fullmatch(r"[+-]?(0[xX][0-9a-fA-F]+|[0-9]+)", value) else None
    return _within(kind, number)


def _measure(value: str, units: Mapping[str, int]) -> int | None:
    found = re.fullmatch(r"([0-9]+)\s*([A-Za-z]*)", value)
    if not found or found[2] not in units:
        return None
    return int(found[1]) * units[found[2]]


def _size(kind: Kind, value: str) -> bool:
    return _within(kind, _measure(value.upper(), _UNITS))


def _time(kind: Kind, value: str) -> bool:
    return _within(kind, _measure(value.lower(), _SECONDS))


def _percent(kind: Kind, value: str) -> bool:
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)%?", value)
    return found is not None and float(found[1]) <= 100


def _percent_or_size(kind: Kind, value: str) -> bool:
    return _percent(kind, value) or _measure(value.upper(), _UNITS) is not None


def _text(kind: Kind, value: str) -> bool:
    return not kind.values or any(fnmatchcase(value, pattern) for pattern in kind.values)


def _path(kind: Kind, value: str) -> bool:
    return value.startswith("/") and ".." not in value.split("/")


def _addresses(kind: Kind, value: str) -> bool:
    return all(_ADDRESS.fullmatch(part.lstrip("!")) for part in value.split(","))


def _priorities(kind: Kind, value: str) -> bool:
    return all(re.fullmatch(r"[^:]+:[0-9]+", part) for part in value.split(","))


_CHECKS: Mapping[str, Callable[[Kind, str], bool]] = {
    "BOOL": _boolean, "INT": _integer, "SIZET": _size, "TIME": _time, "PERCENT": _percent,
    "PERCENT_OR_SIZET": _percent_or_size, "STR": _text, "PATH": _path,
    "INTERNET_ADDRESS_LIST": _addresses, "PRIORITY_LIST": _priorities,
}  # fmt: skip
_WORDS = {
    "BOOL": "on or off", "INT": "a whole number", "SIZET": "a size in bytes, or like 64MB",
    "TIME": "a time in seconds, or like 10min", "PERCENT": "a percentage",
    "PERCENT_OR_SIZET": "a percentage, or a size", "PATH": "an absolute path",
    "INTERNET_ADDRESS_LIST": "addresses, with commas between them",
    "PRIORITY_LIST": "PATTERN:PRIORITY, with commas between them",
    "XLATOR": "the name of an xlator",
}  # fmt: skip
