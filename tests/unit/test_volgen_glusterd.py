"""Our volfiles against those that a real glusterd wrote for the same volumes."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise, zip_longest
from pathlib import Path

import pytest

from kadalu_ssh.model.records import Node, Volume
from kadalu_ssh.volgen import brick_volfile, client_volfile, rebalance_volfile, shd_volfile
from tests.unit.glusterd_fixtures import Block, fixture_files, parse, read_info, volumes
from tests.unit.volfile_exceptions import EXCEPTIONS, Exception_

FIXTURES = [
    pytest.param(directory, graph, unit, path, id=f"{directory.parent.name}/{path.name}")
    for directory in volumes()
    for graph, unit, path in fixture_files(directory)
]
KINDS = {"dist1", "dist3", "rep2", "rep3", "rep2x3", "arb", "ec3", "ec2x3"}
CHANGED = {f"opt{number}" for number in range(1, 8)}


@cache
def ours(directory: Path, graph: str, unit: str) -> str:
    volume, nodes = read_info(directory)
    release = int(directory.parent.name.split(".")[0])
    if graph == "shd":
        return shd_volfile(volume, nodes)
    if graph == "rebalance":
        return rebalance_volfile(volume, nodes)
    if graph == "brick":
        return brick(volume, nodes, unit)
    return client_volfile(volume, nodes, release, trusted=graph == "trusted")


def brick(volume: Volume, nodes: dict[str, Node], path: str) -> str:
    slot = next(slot for slot in volume.slots if slot.unit.path == path)
    sharing = sum(other.unit.fsid == slot.unit.fsid for other in volume.slots)
    stamp = f"/var/lib/kadalu/c/marker-{volume.id}.tstamp"
    return brick_volfile(volume, slot, nodes[slot.unit.node], sharing, stamp)


def differences(graph: str, mine: str, theirs: str) -> tuple[list[str], set[Exception_]]:
    """What no exception explains, and the exceptions that were needed."""
    found: list[str] = []
    used: set[Exception_] = set()
    for a, b in zip_longest(parse(mine), parse(theirs)):
        if a is None or b is None:
            found.append(f"{a} is not {b}")
            continue
        excused = excuse(graph, a, b, used)
        found += [f"{excused} is not {b}"] if excused != b else []
    return found, used


def excuse(graph: str, mine: Block, theirs: Block, used: set[Exception_]) -> Block:
    """Our block with what the exceptions allow put back to glusterd's value, in our place of it."""
    options = list(mine.options)
    for entry in EXCEPTIONS:
        if (entry.graph, entry.xlator) != (graph, mine.type):
            continue
        value = dict(theirs.options).get(entry.option)
        for at, (key, own) in reversed(list(enumerate(options))):
            if key == entry.option and own != value and fits(entry, own, value):
                used.add(entry)
                options[at : at + 1] = [] if value is None else [(key, value)]
    return mine._replace(options=tuple(options))


def fits(entry: Exception_, own: str, value: str | None) -> bool:
    if value is None or entry.theirs is None:
        return value is entry.theirs and re.fullmatch(entry.ours, own) is not None
    return all(map(re.fullmatch, (entry.ours, entry.theirs), (own, value)))


def test_all_fixtures_are_compared() -> None:
    assert {directory.name for directory in volumes()} == KINDS | CHANGED
    assert {directory.parent.name for directory in volumes()} == {"10.3", "11.1"}
    every = {path for directory in volumes() for path in directory.glob("*.vol")}
    assert {param.values[3] for param in FIXTURES} == every
    assert len(every) == 198


@pytest.mark.parametrize(("directory", "graph", "unit", "path"), FIXTURES)
def test_agrees_with_glusterd(directory: Path, graph: str, unit: str, path: Path) -> None:
    found, _ = differences(graph, ours(directory, graph, unit), path.read_text())
    assert found == []


def test_no_exception_is_unused() -> None:
    used: set[Exception_] = set()
    for param in FIXTURES:
        directory, graph, unit, path = param.values
        used |= differences(graph, ours(directory, graph, unit), path.read_text())[1]
    assert used == set(EXCEPTIONS)


@pytest.mark.parametrize(("directory", "graph", "unit", "path"), FIXTURES)
def test_every_mutated_line_is_noticed(directory: Path, graph: str, unit: str, path: Path) -> None:
    mine = ours(directory, graph, unit)
    missed = [
        what for what, text in mutants(path.read_text().splitlines()) if agrees(graph, mine, text)
    ]
    assert missed == []


def mutants(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Every line that says something: deleted, its last word changed, repeated, swapped."""
    at = [number for number, line in enumerate(lines) if line.strip()]
    for number in at:
        line, before, after = lines[number], lines[:number], lines[number + 1 :]
        for changed in ([], [line + "x"], [line, line]):
            yield f"{line!r} → {changed}", "\n".join([*before, *changed, *after])
    for one, other in pairwise(at):
        swapped = list(lines)
        swapped[one], swapped[other] = lines[other], lines[one]
        yield f"{lines[one]!r} ↔ {lines[other]!r}", "\n".join(swapped)


def agrees(graph: str, mine: str, theirs: str) -> bool:
    try:
        return not differences(graph, mine, theirs)[0]
    except ValueError:
        return False
