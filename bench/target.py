"""The cluster that is measured on, and its volume `target`, that the floor and the peers start."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench.counted import Count, context, count
from bench.measure import Cost, run
from kadalu_ssh.manifest import manifest_for, owner_of
from kadalu_ssh.state.workspace import Workspace as State
from tests.cluster.bed import Bed, Workspace

FLOOR = str(Path(__file__).with_name("floor.py"))
THREE = ["server1", "server2", "server3"]
Ports = dict[str, int]


@dataclass
class Bench:
    """A bed with a cluster of all its servers."""

    bed: Bed
    laptop: Workspace
    pairs: int
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 10_000)))

    @property
    def env(self) -> dict[str, str]:
        return self.laptop.environment()

    def kadalu(self, *words: str) -> Cost:
        return run(self.laptop.command(*words), self.env, self.laptop.path)

    def create(self, until: Callable[[Ports], float] = lambda ports: 0.0) -> Cost:
        """A new volume, timed with what `until` waits; it is deleted again, untimed."""
        name = f"v{next(self.numbers)}"
        units = [f"{node}:/data1/{name}" for node in THREE]
        cost = self.kadalu("volume", "create", name, "replica", "3", *units)
        cost = Cost(cost.wall + until(ports_of(self.laptop.path, name)), cost.cpu)
        self.kadalu("volume", "stop", name, "--yes")
        self.kadalu("volume", "delete", name, "--wipe", "--yes")
        return cost

    def floor(self, recipe: Path) -> Cost:
        return run([sys.executable, FLOOR, str(recipe)], self.env)


@dataclass(frozen=True)
class Part:
    """What one node has of `target`."""

    brick: str
    port: int
    volume_id: str
    services: list[str]
    files: dict[str, str]
    """Path → text."""


def make_target(bench: Bench) -> Count:
    """Create `target`, counted."""
    from kadalu_ssh.operations import volume_create

    units = [f"{node}:/data1/target" for node in THREE]
    make = partial(
        volume_create.create, context(bench.laptop.path), name="target",
        words=["replica", "3", *units],
    )  # fmt: skip
    return asyncio.run(count(bench.bed, THREE, make))


def stop_target(bench: Bench) -> None:
    """Its units as they are before they are first started."""
    for node, part in parts_of(bench.laptop.path).items():
        bench.bed.sh(node, f"systemctl disable --now {' '.join(part.services)} 2>&1")


def ports_of(workspace: Path, name: str) -> Ports:
    state = State(workspace)
    document = state.load(state.resolve(None)[1])
    names = {node.id: node.name for node in document.nodes}
    volume = next(v for v in document.volumes if v.name == name)
    return {names[slot.unit.node]: slot.unit.port for slot in volume.slots}


def parts_of(workspace: Path) -> dict[str, Part]:
    """By node name."""
    state = State(workspace)
    document = state.load(state.resolve(None)[1])
    names = {node.id: node.name for node in document.nodes}
    volume = next(v for v in document.volumes if v.name == "target")
    found = {}
    for slot in volume.slots:
        manifest = manifest_for(document, slot.unit.node)
        mine = [item for item in manifest.items if item["owner"] == owner_of(volume)]
        found[names[slot.unit.node]] = Part(
            brick=slot.unit.path,
            port=slot.unit.port,
            volume_id=volume.id,
            services=[item["name"] for item in mine if item["kind"] == "service"],
            files={
                item["path"]: manifest.contents[item["sha256"]]
                for item in mine
                if item["kind"] == "file"
            },
        )
    return found
