"""Ansible's host ranges: server[01:12].example.com, db-[a:c], n[1:9:2]."""

import itertools
import math
import re
from collections.abc import Sequence
from string import ascii_letters

LIMIT = 10_000
"""The most hosts that one pattern may stand for."""

_RANGE = re.compile(r"\[([^\[\]]*)\]")
_USAGE = "write a range as [1:9], [01:12], [a:c] or, in steps, [1:9:2]"


class BadRange(ValueError):
    """What is wrong with a range, for the user."""


def expand(pattern: str) -> list[str]:
    """All names that `pattern` stands for, in order; just itself when it has no range.

    Several ranges in one pattern give every combination. Raises BadRange.
    """
    if "[" not in pattern and "]" not in pattern:
        return [pattern]
    texts = _RANGE.split(pattern)
    if any(bracket in text for text in texts[::2] for bracket in "[]"):
        raise BadRange("a '[' or ']' has no partner")
    choices = [_values(text) if i % 2 else [text] for i, text in enumerate(texts)]
    count = math.prod(map(len, choices))
    if count > LIMIT:
        raise BadRange(f"it stands for {count} hosts; at most {LIMIT} are allowed")
    return ["".join(parts) for parts in itertools.product(*choices)]


def _values(text: str) -> Sequence[str]:
    bounds = text.split(":")
    if len(bounds) not in (2, 3) or not bounds[1]:
        raise BadRange(f"range [{text}]: {_USAGE}")
    first, last, step = bounds[0] or "0", bounds[1], _step(text, bounds)
    if _is_number(first) and _is_number(last):
        return _numbers(text, first, last, step)
    if len(first) == len(last) == 1 and first in ascii_letters and last in ascii_letters:
        # a to z, then A to Z: Ansible's order.
        start, stop = ascii_letters.index(first), ascii_letters.index(last)
        _check_order(text, start, stop)
        return ascii_letters[start : stop + 1 : step]
    raise BadRange(f"range [{text}]: {_USAGE}")


def _step(text: str, bounds: Sequence[str]) -> int:
    if len(bounds) == 2:
        return 1
    if not _is_number(bounds[2]) or int(bounds[2]) == 0:
        raise BadRange(f"range [{text}]: the step has to be a number above 0")
    return int(bounds[2])


def _numbers(text: str, first: str, last: str, step: int) -> Sequence[str]:
    width = len(first) if first.startswith("0") and len(first) > 1 else 0
    if width and len(last) != width:
        raise BadRange(f"range [{text}]: both ends need the same number of digits")
    _check_order(text, int(first), int(last))
    numbers = range(int(first), int(last) + 1, step)
    if len(numbers) > LIMIT:
        raise BadRange(f"range [{text}] stands for {len(numbers)} hosts; {LIMIT} are allowed")
    return [str(number).zfill(width) for number in numbers]


def _check_order(text: str, first: int, last: int) -> None:
    if first > last:
        raise BadRange(f"range [{text}] ends before it starts")


def _is_number(text: str) -> bool:
    # Twelve digits are plenty, and int() of a longer text could take for ever.
    return text.isascii() and text.isdigit() and len(text) <= 12
