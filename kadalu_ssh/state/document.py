"""The document as text: one canonical form, its digest, its successor."""

import hashlib
import json
from typing import Any

import msgspec

from kadalu_ssh.model.errors import Failed
from kadalu_ssh.model.records import SCHEMA, VOLGEN_REVISION, Document
from kadalu_ssh.state.migrate import migrated


def encode(record: msgspec.Struct) -> str:
    """Sorted, indented JSON: the same record gives the same bytes."""
    return (
        msgspec.json.format(msgspec.json.encode(record, order="sorted"), indent=2).decode() + "\n"
    )


HINT = "its older copies: kadalu state history; a replica: kadalu state recover --from NODE"


class NewerSchema(Failed):
    """A newer kadalu wrote it: it is not damaged, and nothing may be put in its place."""


def decode(text: str, source: str, hint: str = HINT) -> Document:
    """Text of a document → Document. Raises Failed naming `source` and the field."""
    older = _older(text, source, hint)
    try:
        if older is None:
            document = msgspec.json.decode(text, type=Document)
        else:
            document = msgspec.convert(older, Document)
    except (msgspec.MsgspecError, UnicodeError) as error:
        message = f"{source} is not a valid state document: {error}"
        raise Failed(message, hint=hint) from error
    _check_revisions(document, source)
    return document


def _older(text: str, source: str, hint: str) -> dict[str, Any] | None:
    """A document of an older schema, brought to ours; None when it is of ours."""
    try:
        raw: dict[str, Any] = json.loads(text)
        found = raw.get("schema")
    except (ValueError, AttributeError, RecursionError) as error:
        raise Failed(f"{source} is not JSON, or not whole: {error}", hint=hint) from error
    if isinstance(found, int) and found > SCHEMA:
        raise NewerSchema(
            f"{source} has schema {found}; this kadalu knows up to {SCHEMA}",
            hint=f"use the newer kadalu that wrote it; {hint}",
        )
    if not isinstance(found, int) or found == SCHEMA:
        return None
    try:
        return migrated(raw, SCHEMA)
    except (KeyError, TypeError) as error:
        raise Failed(
            f"{source} has schema {found}, which has no way to {SCHEMA}", hint=hint
        ) from error


def _check_revisions(document: Document, source: str) -> None:
    """Volfiles of a generator that is newer than ours cannot be written again as they are."""
    for volume in document.volumes:
        if volume.volgen_revision > VOLGEN_REVISION:
            raise NewerSchema(
                f"{source}: the volfiles of volume {volume.name} have revision "
                f"{volume.volgen_revision}; this kadalu writes up to {VOLGEN_REVISION}",
                hint="use the newer kadalu that wrote them",
            )


def digest(document: Document) -> str:
    """SHA-256 of the canonical text, in hexadecimal."""
    return text_digest(encode(document))


def text_digest(text: str) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def successor(document: Document, **changes: Any) -> Document:
    """The document that follows `document` in its chain, with `changes` made."""
    changes |= {"serial": document.serial + 1, "parent": digest(document)}
    return msgspec.structs.replace(document, **changes)
