"""Commands that wait: connections are lost and come back, nodes go and stay away."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from kadalu_ssh.model.records import Crawl, Document, Rebalance, Volume
from kadalu_ssh.operations import heal, patience, rebalance_view, replace_wait
from kadalu_ssh.operations.context import Outcome
from kadalu_ssh.state.index import Index
from kadalu_ssh.state.workspace import Workspace
from tests.unit.fake_fleet import CLUSTER, Answers, FakeNodes, context
from tests.unit.glusterd_fixtures import ROOT, read_info

Json = dict[str, Any]
RUNNING = {"state": "running", "phase": "files", "percent": 50, "total_bytes": 10}
WAITING = {**RUNNING, "phase": "waiting"}
COMPLETE = {**RUNNING, "state": "complete", "percent": 100}


class Bench:
    """A volume of two groups with three copies on n1 to n3; what the nodes say is set by hand."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        volume, nodes = read_info(ROOT / "11.1" / "rep2x3")
        self.root, self.now, self.rounds = root, 0.0, 0
        self.nodes = FakeNodes(root, nodes)
        self.nodes.install(monkeypatch)
        self.on_round: Callable[[int], None] = lambda number: None
        self.books: dict[int, Json] = {}
        units = [group.slots[at].unit for at, group in enumerate(volume.groups)]
        crawls = tuple(Crawl(group=at, unit=unit.id) for at, unit in enumerate(units))
        self.places = [unit.node for unit in units]
        run = Rebalance(id="run", kind="migrate", crawls=crawls)
        self.save(msgspec.structs.replace(volume, rebalance=run, state="started"), nodes)
        for modules in self.nodes.modules.values():
            modules["crawls"] = SimpleNamespace(run=self._crawls)  # type: ignore[assignment]
        monkeypatch.setattr(asyncio, "sleep", self._sleep)
        monkeypatch.setattr(patience.time, "monotonic", lambda: self.now)

    def save(self, volume: Volume, nodes: Json | None = None) -> None:
        self.volume = volume
        self.kept = nodes or self.kept
        document = Document(
            cluster_id=CLUSTER, name="prod", nodes=tuple(self.kept.values()), volumes=(volume,)
        )
        workspace = Workspace(self.root)
        workspace.save(document)
        workspace.save_index(Index(clusters={"prod": CLUSTER}))

    def module(self, name: str, run: Callable[[str, Json], Json]) -> None:
        """Instead of a module of every node; `run` is given the node's name, too."""
        for node, modules in self.nodes.modules.items():
            fake = SimpleNamespace(run=lambda params, ctx, node=node: run(node, params))
            modules[name] = fake  # type: ignore[assignment]

    async def _sleep(self, seconds: float) -> None:
        self.now += seconds
        self.rounds += 1
        assert self.rounds < 500, "it never ends"
        self.on_round(self.rounds)

    def _crawls(self, params: Json, ctx: Any) -> Json:
        rows = [
            {
                "group": crawl["group"], "active": True, "state": "running", "why": "",
                "book": self.books.get(crawl["group"], RUNNING),
            }
            for crawl in params["crawls"]
        ]  # fmt: skip
        return {"crawls": rows}

    def off(self, *names: str) -> None:
        self.nodes.down |= set(names)
        for name in names:
            self.nodes.cut(name)

    def run(self, operation: Any, **args: Any) -> Any:
        return asyncio.run(operation(context(self.root), **args))

    def status(self, watch: bool = True) -> Outcome:
        found: Outcome = self.run(rebalance_view.status, volume="rep2x3", watch=watch)
        return found


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
