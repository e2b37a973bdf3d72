"""Volume options → xlator options, as glusterd's option table maps them.

`options.json` is that table (glusterd_volopt_map of GlusterFS 10.3 and 11.1; its order decides the
order of lines): key, xlator type, option name, and the value that is written when the volume has
none (`default`). `special` rows are not generic: the graph builders look at them.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from kadalu_ssh.model.records import VolumeKind
from kadalu_ssh.volgen.graph import Xlator


class Row(NamedTuple):
    key: str
    xlator: str
    option: str | None
    default: str | None
    special: str | None


@cache
def table() -> tuple[Row, ...]:
    """All rows, in glusterd's order."""
    rows = json.loads((files("kadalu_ssh.volgen") / "options.json").read_text())
    return tuple(
        Row(r["key"], r["xlator"], r["option"], r.get("default"), r.get("special")) for r in rows
    )


@cache
def _generic() -> dict[str, tuple[Row, ...]]:
    found: dict[str, list[Row]] = {}
    for row in table():
        if row.option and not row.special:
            found.setdefault(row.xlator, []).append(row)
    return {kind: tuple(rows) for kind, rows in found.items()}


@cache
def _defaults() -> dict[str, str]:
    return {row.key: row.default for row in table() if row.default is not None}


def apply(xlator: Xlator, options: Mapping[str, str]) -> Xlator:
    """Add what the volume's options and the table's defaults say about this type of xlator."""
    for row in _generic().get(xlator.type, ()):
        value = options.get(row.key, row.default)
        if value is not None and row.option:
            xlator.options[row.option] = value
    return xlator


def value_of(options: Mapping[str, str], key: str) -> str:
    """What the volume has for `key`, else what glusterd assumes."""
    return options.get(key, _defaults().get(key, ""))


def is_on(options: Mapping[str, str], key: str) -> bool:
    """A boolean option, in any of GlusterFS's spellings."""
    return value_of(options, key).lower() in ("on", "yes", "true", "enable", "1")


@cache
def performance_rows() -> tuple[Row, ...]:
    """The performance xlators of a client graph, bottom to top."""
    return tuple(row for row in table() if row.special == "!perf")


def default_options(kind: VolumeKind) -> dict[str, str]:
    """What `volume create` stores (GlusterFS 10 and 11 store the same)."""
    stored = {"storage.fips-mode-rchecksum": "on", "transport.address-family": "inet"}
    if kind in ("replicate", "mirror", "arbiter"):
        stored |= {"cluster.granular-entry-heal": "on", "performance.client-io-threads": "off"}
    return stored
