"""Sizes as users write and read them: binary units, bytes inside."""

import re

from kadalu_ssh.model.errors import Refused
from kadalu_ssh.model.names import shown

_UNITS = {"": 1, "B": 1, **{c: 1024**n for n, c in enumerate("KMGTPE", 1)}}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGTPE]?)(i?B)?", re.ASCII | re.IGNORECASE)


def parse_size(text: str) -> int:
    """`10G`, `10GiB`, `500M`, `1.5T` or bytes → bytes; raises Refused."""
    match = _SIZE.fullmatch(text.strip())
    if not match:
        raise Refused(f"{shown(text)} is not a size", hint="write it as 10G, 500M, 1.5T or bytes")
    return int(float(match[1]) * _UNITS[match[2].upper()])


def format_size(size: int) -> str:
    """Bytes → `1.5 TiB`: three significant digits at most."""
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB", "PiB"):
        if value < 1024 or unit == "PiB":
            break
        value /= 1024
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
