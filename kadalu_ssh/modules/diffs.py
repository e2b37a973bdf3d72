"""Unified diffs that show no secret."""

import hashlib
import re

_LIMIT = 64 * 1024
# A value that was replaced is not among the secrets we are told, but its option's name shows it.
_OPTION = re.compile(r"^([+\- ]?\s*option\s+\S*password\s+)(\S+)", re.MULTILINE)


def unified(path, old, new, secrets, secret):
    """The change of a text file, as `diff -u`; old None: it did not exist. At most 64 KiB."""
    import difflib  # slow to load, and only a rehearsal needs it

    before = (old or "").splitlines(True)
    lines = difflib.unified_diff(
        before, new.splitlines(True), "/dev/null" if old is None else path, path
    )
    text = "".join(line if line.endswith("\n") else line + "\n" for line in lines)
    return masked(text, secrets, secret)[:_LIMIT]


def masked(text, secrets, secret):
    """`text` with every secret replaced by stars and a digest that tells two of them apart."""
    for value in secrets:
        text = text.replace(value, _stars(value))
    return _OPTION.sub(lambda m: m.group(1) + _stars(m.group(2)), text) if secret else text


def _stars(value):
    if value.startswith("***"):
        return value
    return "***" + hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest()[:8]
