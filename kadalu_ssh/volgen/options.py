"""Volume options → xlator options, as glusterd's option table maps them.

`options.json` is that table (glusterd_volopt_map of GlusterFS 10.3 and 11.1, without the rows of
xlators that none of our graphs has; its order decides the order of lines): key, xlator type, option
name, and the value that is written when the volume has none (`default`). A generic row applies to
every xlator of its type in whatever graph is built. A `special` row has no option name: the graph
builders look at it, or name it in `also`.
"""

import json
from collections.abc import Iterable, Mapping
from functools import cache
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
    from importlib.resources import files

    rows = json.loads((files("kadalu_ssh.volgen") / "options.json").read_text())
    return tuple(
        Row(r["key"], r["xlator"], r["option"], r.get("default"), r.get("special")) for r in rows
    )


@cache
def _rows_by_type() -> dict[str, tuple[Row, ...]]:
    found: dict[str, list[Row]] = {}
    for row in table():
        found.setdefault(row.xlator, []).append(row)
    return {kind: tuple(rows) for kind, rows in found.items()}


@cache
def _defaults() -> dict[str, str]:
    return {row.key: row.default for row in table() if row.default is not None}


_NONE: Mapping[str, str] = {}


def is_raw(key: str) -> bool:
    """`cluster/distribute.some-option`: an xlator's own name of an option, in no table."""
    return "/" in key and "." in key


def apply_raw(graph: Iterable[Xlator], options: Mapping[str, str]) -> None:
    """Add raw options to every xlator of their type."""
    raw = {key.rpartition(".")[::2]: value for key, value in options.items() if is_raw(key)}
    for (kind, option), value in raw.items():
        for xlator in graph:
            if xlator.type == kind:
                xlator.options[option] = value


def apply(xlator: Xlator, options: Mapping[str, str], also: Mapping[str, str] = _NONE) -> Xlator:
    """Add what the volume's options and the table's defaults say about this type of xlator.

    `also`: special rows that count here, as key → option name.
    """
    for row in _rows_by_type().get(xlator.type, ()):
        _apply_row(xlator, row, row.option or also.get(row.key), options)
    return xlator


def apply_only(xlator: Xlator, options: Mapping[str, str], keys: Mapping[str, str]) -> Xlator:
    """Add the special rows in `keys` (key → option name), in the table's order."""
    for row in _rows_by_type().get(xlator.type, ()):
        _apply_row(xlator, row, keys.get(row.key), options)
    return xlator


def _apply_row(xlator: Xlator, row: Row, option: str | None, options: Mapping[str, str]) -> None:
    if option:
        value = options.get(row.key, row.default)
        if value is not None:
            xlator.options[option] = value


def log_options(side: str) -> dict[str, str]:
    """The rows that an io-stats of `side` (`brick` or `client`) takes, as key → option name."""
    names = (
        "log-level", "sys-log-level", "logger", "log-format", "log-buf-size", "log-flush-timeout",
    )  # fmt: skip
    return {f"diagnostics.{side}-{name}": name for name in names} | {
        f"config.{side}-threads": "threads"
    }


@cache
def _ssl_rows() -> tuple[tuple[str, str], ...]:
    """(key, option) of the keys and certificates that both ends of a connection take."""
    rows = (row for row in table() if row.xlator == "rpc-transport/socket" and row.special)
    return tuple((row.key, f"transport.socket.{(row.special or '')[1:]}") for row in rows)


def ssl_options(options: Mapping[str, str]) -> dict[str, str]:
    """What the volume says about TLS, for a protocol/client or protocol/server."""
    return {option: options[key] for key, option in _ssl_rows() if key in options}


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
