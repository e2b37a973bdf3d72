"""Our volfiles against those that a real glusterd wrote for the same volumes."""

import re
from itertools import zip_longest
from pathlib import Path

import msgspec
import pytest

from kadalu_ssh.model.errors import Refused
from kadalu_ssh.model.records import Node, Volume
from kadalu_ssh.volgen import brick_volfile, client_volfile, rebalance_volfile, shd_volfile
from tests.unit.glusterd_fixtures import Block, fixture_files, parse, read_info, volumes
from tests.unit.volfile_exceptions import EXCEPTIONS, Exception_

FIXTURES = [
    pytest.param(directory, graph, unit, path, id=f"{directory.parent.name}/{path.name}")
    for directory in volumes()
    for graph, unit, path in fixture_files(directory)
]


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
    node = nodes[slot.unit.node]
    sharing = sum(other.unit.fsid == slot.unit.fsid for other in volume.slots)
    return brick_volfile(
        volume, slot, node, sharing, f"/var/lib/kadalu/c/marker-{volume.id}.tstamp"
    )


def differences(graph: str, mine: str, theirs: str) -> tuple[list[str], set[Exception_]]:
    """What is not explained by an exception, and the exceptions that were needed."""
    found: list[str] = []
    used: set[Exception_] = set()
    for a, b in zip_longest(parse(mine), parse(theirs)):
        if a is None or b is None or a._replace(options=()) != b._replace(options=()):
            found.append(f"{a} is not {b}")
            continue
        found += option_differences(graph, a, b, used)
    return found, used


def option_differences(graph: str, a: Block, b: Block, used: set[Exception_]) -> list[str]:
    mine, theirs = list(a.options), list(b.options)
    for entry in EXCEPTIONS:
        if (entry.graph, entry.xlator) != (graph, a.type):
            continue
        value = dict(mine).get(entry.option, "")
        if dict(theirs).get(entry.option) != value and re.fullmatch(entry.ours, value):
            used.add(entry)
            mine = [pair for pair in mine if pair[0] != entry.option]
            theirs = [pair for pair in theirs if pair[0] != entry.option]
    return [] if mine == theirs else [f"{a.name}: {mine} is not {theirs}"]


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


# What an exception allows glusterd to say can be anything, so a mutation of that is not noticed.
EXCUSED = re.compile(r"timestamp-file|shared-brick-count")


@pytest.mark.parametrize(("directory", "graph", "unit", "path"), FIXTURES)
def test_every_mutated_line_is_noticed(directory: Path, graph: str, unit: str, path: Path) -> None:
    mine, lines = ours(directory, graph, unit), path.read_text().splitlines()
    for at, line in enumerate(lines):
        if not line.strip() or EXCUSED.search(line):
            continue
        for changed in ([], [line + "x"], [line, "    option added 1"]):
            text = "\n".join([*lines[:at], *changed, *lines[at + 1 :]])
            assert not same(graph, mine, text), f"line {at + 1}: {line!r} → {changed}"


def same(graph: str, mine: str, theirs: str) -> bool:
    try:
        return not differences(graph, mine, theirs)[0]
    except ValueError:
        return False


def test_same_input_same_bytes() -> None:
    directory = volumes()[0]
    volume, nodes = read_info(directory)
    shuffled = msgspec.structs.replace(volume, options=dict(reversed(volume.options.items())))
    first = client_volfile(volume, nodes, 11, trusted=True)
    assert first == client_volfile(shuffled, nodes, 11, trusted=True)


@pytest.mark.parametrize("value", ["a`id`", 'a"b', "a b", "a\nb", "a'b", "a\\b", ""])
def test_values_that_a_volfile_cannot_hold_are_refused(value: str) -> None:
    volume, nodes = read_info(volumes()[0])
    bad = msgspec.structs.replace(volume, options={**volume.options, "auth.allow": value})
    with pytest.raises(Refused, match="cannot be"):
        brick(bad, nodes, volume.slots[0].unit.path)


def test_groups_that_come_and_go() -> None:
    directory = next(d for d in volumes() if d.name == "rep2x3")
    volume, nodes = read_info(directory)
    first, second = volume.groups
    leaving = msgspec.structs.replace(second, state="leaving")
    text = client_volfile(
        msgspec.structs.replace(volume, groups=(first, leaving)), nodes, 11, trusted=False
    )
    assert "option decommissioned-bricks rep2x3-replicate-1" in text
    adding = msgspec.structs.replace(second, state="adding")
    text = client_volfile(
        msgspec.structs.replace(volume, groups=(first, adding)), nodes, 11, trusted=False
    )
    assert "replicate-1" not in text and "client-3" not in text
