"""The grammar of `volume create`: words → the shape of a volume and its storage units."""

import itertools
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from kadalu_ssh.model.errors import Refused
from kadalu_ssh.model.names import KEYWORDS, check_host, check_path, shown
from kadalu_ssh.model.records import SlotRole, VolumeKind

_LEADERS = ("replica", "mirror", "disperse", "data")
_PORT = re.compile(r"\d{1,6}", re.ASCII)
_DATA: SlotRole = "data"
_SPARE: SlotRole = "redundancy"
_ROLES: dict[str, SlotRole] = {"arbiter": "arbiter", "redundancy": "redundancy"}


class UnitSpec(NamedTuple):
    """A storage unit as the user names it."""

    host: str
    path: str
    port: int | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.path}"


class PlannedSlot(NamedTuple):
    unit: UnitSpec
    role: SlotRole


class VolumePlan(NamedTuple):
    """What the words ask for: every group has the same kinds of slots in the same order."""

    kind: VolumeKind
    redundancy: int
    groups: tuple[tuple[PlannedSlot, ...], ...]

    @property
    def units(self) -> list[UnitSpec]:
        return [slot.unit for group in self.groups for slot in group]


def parse_unit(text: str) -> UnitSpec:
    """`HOST:PATH`, `HOST:PORT:PATH`, `[IPV6]:PATH` → UnitSpec; raises Refused."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]:")
    else:
        host, bracket, rest = text.partition(":")
    if not bracket:
        raise Refused(f"{shown(text)} is not a storage unit", hint="write it as HOST:/PATH")
    port, colon, path = rest.partition(":")
    if not colon:
        return UnitSpec(check_host(host), _unit_path(rest))
    if not _PORT.fullmatch(port) or not 1 <= int(port) <= 65535:
        raise Refused(f"{shown(port)} in {shown(text)} is not a port", hint="use 1 to 65535")
    return UnitSpec(check_host(host), _unit_path(path), int(port))


def _unit_path(text: str) -> str:
    path = check_path(text, "storage unit path")
    if path == "/":
        raise Refused("the root directory cannot be a storage unit")
    if path.startswith("/dev/"):
        raise Refused(
            f"{shown(path)}: storage units on devices are not supported yet",
            hint="make a file system on it, mount it, and name a directory in it",
        )
    return path


def parse_volume(words: Iterable[str]) -> VolumePlan:
    """All forms of the grammar → VolumePlan; raises Refused naming the word."""
    tokens = [part for word in words for part in word.split(",") if part]
    if not tokens:
        raise Refused("no storage units given", hint="name them as HOST:/PATH")
    if tokens[0] not in KEYWORDS:
        return _distribute(tokens)
    counted = len(tokens) > 1 and tokens[1].isdecimal()
    plan = _count_style(tokens) if counted else _keyword_style(tokens)
    _refuse_twice(plan.units)
    return plan


def parse_units(tokens: Sequence[str]) -> list[UnitSpec]:
    """Storage units without any word of the grammar; raises Refused naming what is wrong."""
    if not tokens:
        raise Refused("no storage units given", hint="name them as HOST:/PATH")
    units = [parse_unit(token) for token in _only_units(tokens)]
    _refuse_twice(units)
    return units


def _distribute(tokens: Sequence[str]) -> VolumePlan:
    groups = tuple((PlannedSlot(parse_unit(token), "data"),) for token in _only_units(tokens))
    plan = VolumePlan("distribute", 0, groups)
    _refuse_twice(plan.units)
    return plan


def _only_units(tokens: Sequence[str]) -> Sequence[str]:
    for token in tokens:
        if token in KEYWORDS:
            raise Refused(f"{shown(token)} stands after storage units that have no type")
    return tokens


def _refuse_twice(units: list[UnitSpec]) -> None:
    seen: set[tuple[str, str]] = set()
    for unit in units:
        if (unit.host, unit.path) in seen:
            raise Refused(f"storage unit {unit} is given twice")
        seen.add((unit.host, unit.path))


# --- count style: replica 3 U U U [U U U] ---------------------------------------------------


def _count_style(tokens: Sequence[str]) -> VolumePlan:
    counts, units = _counts(tokens)
    kind, redundancy, roles = _shape(counts)
    if len(units) % len(roles):
        raise Refused(
            f"{len(units)} storage units cannot be divided into groups of {len(roles)}",
            hint=f"give a multiple of {len(roles)}",
        )
    pairs = zip(units, itertools.cycle(roles), strict=False)
    slots = [PlannedSlot(unit, role) for unit, role in pairs]
    groups = tuple(tuple(slots[at : at + len(roles)]) for at in range(0, len(slots), len(roles)))
    return VolumePlan(kind, redundancy, groups)


def _counts(tokens: Sequence[str]) -> tuple[dict[str, int], list[UnitSpec]]:
    counts: dict[str, int] = {}
    at = 0
    while at < len(tokens) and tokens[at] in KEYWORDS:
        word = tokens[at]
        if word in counts:
            raise Refused(f"{word!r} is given twice")
        if at + 1 == len(tokens) or not tokens[at + 1].isdecimal():
            raise Refused(f"{word!r} needs a number here", hint="for example: replica 3")
        counts[word] = int(tokens[at + 1])
        at += 2
    for token in tokens[at:]:
        if token in KEYWORDS:
            raise Refused(
                f"{token!r} stands among the storage units",
                hint="with counts, all keywords come first",
            )
    units = [parse_unit(token) for token in tokens[at:]]
    if not units:
        raise Refused("no storage units given", hint="name them as HOST:/PATH")
    return counts, units


_Shape = tuple[VolumeKind, int, tuple[SlotRole, ...]]


def _shape(counts: dict[str, int]) -> _Shape:
    words = frozenset(counts)
    if words in ({"replica"}, {"mirror"}):
        return _copies("mirror" if "mirror" in words else "replica", *counts.values())
    if words in ({"replica", "arbiter"}, {"mirror", "arbiter"}):
        return _arbiter(counts.get("replica", counts.get("mirror", 0)), counts["arbiter"])
    if words <= {"disperse", "data", "redundancy"}:
        return _disperse(counts)
    raise Refused(f"{' and '.join(sorted(words))} cannot be combined")


def _copies(word: str, count: int) -> _Shape:
    if count < 2:
        raise Refused(f"{word} {count}: a copy set needs at least two units")
    roles: tuple[SlotRole, ...] = (_DATA,) * count
    return ("mirror" if word == "mirror" else "replicate"), 0, roles


def _arbiter(copies: int, arbiters: int) -> _Shape:
    # gluster counts the arbiter among the copies (3 and 1), users of Kadalu do not (2 and 1).
    if arbiters != 1 or copies not in (2, 3):
        raise Refused(
            f"replica {copies} arbiter {arbiters}: GlusterFS knows two copies and one arbiter only",
            hint="write: replica 2 arbiter 1 U U U",
        )
    return "arbiter", 0, ("data", "data", "arbiter")


def _disperse(counts: dict[str, int]) -> _Shape:
    total, data, spare = (counts.get(word) for word in ("disperse", "data", "redundancy"))
    if total is None and data is not None and spare is not None:
        total = data + spare
    if total is not None and spare is None and data is not None:
        spare = total - data
    if total is None or spare is None:
        raise Refused(
            "a disperse volume needs a redundancy", hint="for example: disperse 3 redundancy 1"
        )
    if data is not None and data + spare != total:
        raise Refused(f"data {data} and redundancy {spare} do not add up to disperse {total}")
    _check_redundancy(total, spare)
    data_roles: tuple[SlotRole, ...] = (_DATA,) * (total - spare)
    return "disperse", spare, data_roles + (_SPARE,) * spare


def _check_redundancy(total: int, spare: int) -> None:
    if not 0 < spare * 2 < total:
        raise Refused(
            f"redundancy {spare} of {total} units: it must be above 0 and below half of them",
            hint="for example: disperse 3 redundancy 1, or disperse 6 redundancy 2",
        )


# --- keyword style: replica U U U replica U U U ----------------------------------------------


def _keyword_style(tokens: Sequence[str]) -> VolumePlan:
    groups = [_keyword_group(words) for words in _split_groups(tokens)]
    leader, first = groups[0]
    shape = [slot.role for slot in first]
    for number, (word, slots) in enumerate(groups[1:], 2):
        if word != leader or [slot.role for slot in slots] != shape:
            raise Refused(
                f"distribute group {number} has another shape than the first",
                hint="all groups of a volume have the same type and number of units",
            )
    return VolumePlan(*_kind_of(leader, shape), tuple(tuple(slots) for _, slots in groups))


def _split_groups(tokens: Sequence[str]) -> list[list[str]]:
    groups: list[list[str]] = []
    for token in tokens:
        if token in _LEADERS:
            groups.append([])
        elif not groups:
            raise Refused(
                f"{token!r} needs a type before it", hint="for example: mirror U U arbiter U"
            )
        groups[-1].append(token)
    return groups


def _keyword_group(words: list[str]) -> tuple[str, list[PlannedSlot]]:
    leader, role = words[0], "data"
    slots: list[PlannedSlot] = []
    for word in words[1:]:
        if word.isdecimal():
            raise Refused(
                f"{word!r} stands among the storage units", hint="counts come first, for all groups"
            )
        if word in KEYWORDS:
            role = word
            continue
        slots.append(PlannedSlot(parse_unit(word), _ROLES.get(role, "data")))
    if not slots:
        raise Refused(f"{leader!r} has no storage units")
    return ("disperse" if leader == "data" else leader), slots


def _kind_of(leader: str, roles: list[SlotRole]) -> tuple[VolumeKind, int]:
    spare, arbiters = roles.count("redundancy"), roles.count("arbiter")
    if leader == "disperse":
        if arbiters:
            raise Refused("a disperse volume has no arbiter")
        _check_redundancy(len(roles), spare)
        return "disperse", spare
    if spare:
        raise Refused(
            f"a {leader} volume has no redundancy units", hint="use: data U U redundancy U"
        )
    if arbiters:
        return _arbiter(len(roles) - arbiters, arbiters)[:2]
    return _copies(leader, len(roles))[:2]
