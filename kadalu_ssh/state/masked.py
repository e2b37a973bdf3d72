"""The document as it may be shown: secrets are `***` and a digest. Pure."""

import re
from typing import Any

import msgspec

from kadalu_ssh.model.records import Document
from kadalu_ssh.model.secret import mask

# Volume options are free text: one that is named like a secret is treated as one.
_SECRET = re.compile(r"(?i)passw|secret|token|credential")


def masked(document: Document) -> dict[str, Any]:
    """Plain types, with every secret masked."""
    found: dict[str, Any] = _masked(msgspec.to_builtins(document, order="sorted"))
    return found


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _hidden(v) if _SECRET.search(str(k)) else _masked(v) for k, v in value.items()}
    return [_masked(item) for item in value] if isinstance(value, list | tuple) else value


def _hidden(value: Any) -> Any:
    return mask(value) if isinstance(value, str) else _masked(value)
