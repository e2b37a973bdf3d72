"""Commands that wait: connections are lost and come back, nodes go and stay away."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kadalu_ssh.operations import heal, replace_wait
from tests.unit.fake_fleet import Answers, context
from tests.unit.rebalance_bench import COMPLETE, WAITING, Bench, Json


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path, monkeypatch)


def test_a_watch_goes_on_over_a_connection_that_was_lost(bench: Bench) -> None:
    def on_round(number: int) -> None:
        if number == 3:
            for name in bench.places:
                bench.nodes.cut(name)
        if number == 6:
            bench.books = {0: COMPLETE, 1: COMPLETE}

    bench.on_round = on_round
    done = bench.status()
    assert (done.exit_code, done.data["total"]["state"]) == (0, "complete")
    assert bench.rounds == 6


def test_a_watch_ends_when_only_a_node_that_stays_off_is_left(bench: Bench) -> None:
    bench.books = {1: COMPLETE}
    bench.on_round = lambda number: bench.off(bench.places[0])
    left = bench.status()
    assert left.exit_code == 3 and 60 <= bench.now < 70
    assert f"group 1 waits for {bench.places[0]} (connect timed out)" in left.warnings[-1]
    assert "kadalu rebalance start rep2x3" in left.warnings[-1]


def test_a_watch_waits_as_long_as_another_group_gets_on(bench: Bench) -> None:
    def on_round(number: int) -> None:
        bench.off(bench.places[0])
        if number == 200:
            bench.nodes.down.clear()
            bench.books = {0: COMPLETE, 1: COMPLETE}

    bench.on_round = on_round
    assert bench.places[0] != bench.places[1]
    assert bench.status().exit_code == 0 and bench.rounds == 200


def test_a_group_that_waits_for_the_layout_of_one_that_is_off_does_not_get_on(
    bench: Bench,
) -> None:
    bench.books = {1: WAITING}
    bench.on_round = lambda number: bench.off(bench.places[0])
    assert bench.status().exit_code == 3


def brick(unit: Any, count: int | None) -> Json:
    name = f"{unit.node}:{unit.path}"
    return {"name": name, "status": "x", "count": count, "split_brain": 0, "entries": []}


def healing(bench: Bench, counts: Callable[[int], list[int | None]]) -> None:
    """glfsheal says these counts of the first units, and 0 of the others."""

    def run(node: str, params: Json) -> Json:
        if params["op"] == "start":
            return {"daemons": [{"reason": ""}]}
        found = counts(bench.rounds)
        found += [0] * (len(bench.volume.slots) - len(found))
        slots = zip(bench.volume.slots, found, strict=True)
        return {"bricks": [brick(slot.unit, count) for slot, count in slots]}

    bench.module("heal", run)


def test_heal_info_goes_on_over_connections_that_were_lost(bench: Bench) -> None:
    healing(bench, lambda at: [9 - at if at < 9 else 0])
    bench.on_round = lambda number: [bench.nodes.cut(n) for n in bench.kept] and None
    assert bench.run(heal.info, volume="rep2x3", watch=True).exit_code == 0


def test_heal_info_ends_when_a_unit_stays_away_and_nothing_gets_less(bench: Bench) -> None:
    healing(bench, lambda at: [None, max(5, 40 - at)])
    left = bench.run(heal.info, volume="rep2x3", watch=True)
    assert left.exit_code == 3 and bench.rounds >= 35 + 30
    assert "did not answer" in left.warnings[-1] and "volume status rep2x3" in left.warnings[-1]


def filled(bench: Bench, files: Callable[[str], int]) -> Any:
    healing(bench, lambda at: [])
    bench.module("leftovers", lambda node, params: {
        "units": {path: {"files": files(node)} for path in params["units"]}})  # fmt: skip
    unit = bench.volume.groups[0].slots[0].unit
    ctx = context(bench.root, Answers())
    return asyncio.run(replace_wait.until_filled(ctx, None, "rep2x3", unit))


def test_a_new_unit_is_waited_for_over_a_lost_connection(bench: Bench) -> None:
    new = bench.volume.groups[0].slots[0].unit.node
    bench.on_round = lambda number: bench.nodes.cut(new) if number == 2 else None
    assert filled(bench, lambda node: min(9, bench.rounds) if node == new else 9) == []


def test_a_new_unit_whose_node_stays_off_is_not_waited_for_for_ever(bench: Bench) -> None:
    new = bench.volume.groups[0].slots[0].unit.node
    bench.on_round = lambda number: bench.off(new)
    left = filled(bench, lambda node: 0 if node == new else 9)
    assert [error.name for error in left] == [new]
    assert "heal info rep2x3 --watch" in left[0].reason and bench.now >= 60
