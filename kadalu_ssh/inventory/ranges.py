"""Ansible's host ranges: server[01:12].example.com, db-[a:c], n[1:9:2]."""

import re
from collections.abc import Iterator

_RANGE = re.compile(r"\[([^\[\]]*)\]", re.ASCII)
_LIMIT = 10_000


def expand(pattern: str) -> Iterator[str]:
    """All names that `pattern` stands for. Raises ValueError saying what is wrong."""
    match = _RANGE.search(pattern)
    if not match:
        if "[" in pattern or "]" in pattern:
            raise ValueError(f"a bracket of {pattern!r} has no partner")
        yield pattern
        return
    for part in _values(match[1]):
        yield from expand(pattern[: match.start()] + part + pattern[match.end() :])


def _values(text: str) -> Iterator[str]:
    start, stop, step = _parts(text)
    if start.isdigit() and stop.isdigit():
        if len(start) > 1 and start.startswith("0") and len(start) != len(stop):
            raise ValueError(f"range [{text}]: both ends need the same number of digits")
        width = len(start) if start.startswith("0") else 0
        numbers = range(int(start), int(stop) + 1, step)
        texts = (str(number).zfill(width) for number in numbers)
    elif len(start) == len(stop) == 1 and start.isalpha() and stop.isalpha():
        numbers = range(ord(start), ord(stop) + 1, step)
        texts = (chr(number) for number in numbers)
    else:
        raise ValueError(f"range [{text}]: use [1:9], [01:12], [a:c] or [1:9:2]")
    if not 0 < len(numbers) <= _LIMIT:
        raise ValueError(f"range [{text}] stands for {len(numbers)} hosts")
    return texts


def _parts(text: str) -> tuple[str, str, int]:
    parts = text.split(":")
    if len(parts) not in (2, 3) or not all(parts):
        raise ValueError(f"range [{text}]: use [FIRST:LAST] or [FIRST:LAST:STEP]")
    if len(parts) == 3 and (not parts[2].isdigit() or parts[2] == "0"):
        raise ValueError(f"range [{text}]: the step must be a number above 0")
    return parts[0], parts[1], int(parts[2]) if len(parts) == 3 else 1
