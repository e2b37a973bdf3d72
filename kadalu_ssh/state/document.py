"""The document as text: one canonical form, its digest, its successor."""

import hashlib
import json
from typing import Any

import msgspec

from kadalu_ssh.model.errors import Failed
from kadalu_ssh.model.records import SCHEMA, VOLGEN_REVISION, Document


def encode(record: msgspec.Struct) -> str:
    """Sorted, indented JSON: the same record gives the same bytes."""
    return (
        msgspec.json.format(msgspec.json.encode(record, order="sorted"), indent=2).decode() + "\n"
    )


def decode(text: str, source: str) -> Document:
    """Text of a document → Document. Raises Failed naming `source` and the field."""
    _check_schema(text, source)
    try:
        document = msgspec.json.decode(text, type=Document)
        _check_revisions(document, source)
        return document
    except msgspec.MsgspecError as error:
        raise Failed(
            f"{source} is not a valid state document: {error}",
            hint="undo the edit, or fetch the replica of the meta servers: kadalu state pull",
        ) from error


def _check_schema(text: str, source: str) -> None:
    try:
        found: Any = json.loads(text).get("schema")
    except (ValueError, AttributeError) as error:
        raise Failed(
            f"{source} is not JSON: {error}",
            hint="it was truncated or edited; fetch the replica: kadalu state pull",
        ) from error
    if isinstance(found, int) and found > SCHEMA:
        raise Failed(
            f"{source} has schema {found}; this kadalu knows up to {SCHEMA}",
            hint="use the newer kadalu that wrote it",
        )


def _check_revisions(document: Document, source: str) -> None:
    """Volfiles of a generator that is newer than ours cannot be written again as they are."""
    for volume in document.volumes:
        if volume.volgen_revision > VOLGEN_REVISION:
            raise Failed(
                f"{source}: the volfiles of volume {volume.name} have revision "
                f"{volume.volgen_revision}; this kadalu writes up to {VOLGEN_REVISION}",
                hint="use the newer kadalu that wrote them",
            )


def digest(document: Document) -> str:
    """SHA-256 of the canonical text, in hexadecimal."""
    return hashlib.sha256(encode(document).encode()).hexdigest()


def successor(document: Document, **changes: Any) -> Document:
    """The document that follows `document` in its chain, with `changes` made."""
    changes |= {"serial": document.serial + 1, "parent": digest(document)}
    return msgspec.structs.replace(document, **changes)
