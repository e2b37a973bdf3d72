"""A volume with a rebalance, on nodes without SSH; what they say of it is set by hand."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from kadalu_ssh.model.records import Crawl, Document, Rebalance, Volume
from kadalu_ssh.operations import patience, rebalance_view
from kadalu_ssh.operations.context import Outcome
from kadalu_ssh.operations.session import Session, open_session
from kadalu_ssh.state.index import Index
from kadalu_ssh.state.workspace import Workspace
from tests.unit.fake_fleet import CLUSTER, Answers, FakeNodes, context
from tests.unit.glusterd_fixtures import ROOT, read_info

Json = dict[str, Any]
RUNNING = {"state": "running", "phase": "files", "percent": 50, "total_bytes": 10}
WAITING = {**RUNNING, "phase": "waiting"}
COMPLETE = {**RUNNING, "state": "complete", "percent": 100}


class Bench:
    """Groups of two copies each; time passes only where somebody waits."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        volume, nodes = read_info(ROOT / "11.1" / "rep2x3")
        self.root, self.now, self.rounds = root, 0.0, 0
        self.nodes = FakeNodes(root, nodes)
        self.nodes.install(monkeypatch)
        self.on_round: Callable[[int], None] = lambda number: None
        self.books: dict[int, Json] = {}
        self.agrees = True
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

    def serves(self, *down: str) -> None:
        """Storage units run, but for those with these ids, where their node answers at all."""

        def status(node: str, params: Json) -> Json:
            ids = [unit["unit_id"] for unit in params["units"]]
            service = {"active": True, "state": "active", "result": "", "pid": 1}
            return {
                "units": {u: {"blocked": None, "listening": u not in down} for u in ids},
                "services": dict.fromkeys(params["services"], service),
            }  # fmt: skip

        self.module("status", status)
        self.module("converge", lambda node, params: {"items": [], "restart_needed": []})

    def saved(self) -> Volume:
        return Workspace(self.root).load(CLUSTER).volumes[0]

    def inside(self, act: Callable[[Session], Coroutine[Any, Any, None]]) -> None:
        async def call() -> None:
            async with open_session(context(self.root, Answers(self.agrees))) as session:
                await session.connect(self.kept)
                await act(session)

        asyncio.run(call())

    def status(self, watch: bool = True) -> Outcome:
        found: Outcome = self.run(rebalance_view.status, volume="rep2x3", watch=watch)
        return found
