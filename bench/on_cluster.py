"""Commands on nodes: against the floor, counted, and against peers."""

import asyncio
import sys
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from bench import live, peers
from bench.counted import Count, context, count
from bench.measure import Cost, Row, cpu, interleaved, ms, run, spread, wall
from bench.nodes import started
from bench.recipe import write_recipe
from bench.target import THREE, Bench, make_target, stop_target
from tests.cluster.bed import Bed, Workspace

MANY = [f"server{n}" for n in range(1, 31)]
_FSYNC = """
import os, sys, time
took, home = [], "/var/lib/kadalu-bench"
os.makedirs(home, exist_ok=True)
for _ in range(41):
    begin = time.perf_counter()
    with open(home + "/new", "w") as file:
        file.write("x" * 8000); file.flush(); os.fsync(file.fileno())
    os.rename(home + "/new", home + "/now")
    handle = os.open(home, os.O_RDONLY); os.fsync(handle); os.close(handle)
    took.append(time.perf_counter() - begin)
print(sorted(took)[20])
"""


def rows(parts: list[str], pairs: int) -> Iterator[Row]:
    """Start what the parts need, and measure them one after the other."""
    servers = MANY if "status" in parts else THREE
    rivals = {"peers", "set", "rebalance"}.intersection(parts)
    clients = live.CLIENTS if {"set", "rebalance"}.intersection(parts) else ()
    booted = [*THREE, *(peers.GLUSTERD if rivals else []), *clients]
    light = servers[len(THREE) :]
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        _say(f"starting {len(booted) + len(light)} nodes")
        with started(booted, light, folder) as bed:
            bench = Bench(bed, Workspace(folder / "laptop", bed), pairs)
            bench.laptop.inventory([*servers, *clients])
            bench.kadalu("cluster", "init", "bench", f"--nodes={','.join(servers)}")
            target = make_target(bench)
            for part in parts:
                _say(part)
                if part == "create":
                    yield from _create(bench, target)
                if part == "status":
                    yield from _status(bench, folder)
                if part == "peers":
                    yield from peers.rows(bench, folder)
                if part == "set":
                    yield from live.set_rows(bench, folder)
                if part == "rebalance":
                    yield from live.rebalance_rows(bench)


def _say(text: str) -> None:
    print(f"… {text}", file=sys.stderr, flush=True)


def _create(bench: Bench, target: Count) -> Iterator[Row]:
    recipe = write_recipe(bench.laptop.path / "create.json", bench.bed, target)

    def floor() -> Cost:
        stop_target(bench)
        return bench.floor(recipe)

    found = interleaved({"kadalu": bench.create, "floor": floor}, bench.pairs)
    calls = target.calls[THREE[0]]
    writes = calls.count("meta:write")
    fsync = max(_fsync(bench.bed, node) for node in THREE)
    allowed = 1.5 * wall(found["floor"]) + writes * fsync
    took = wall(found["kadalu"])
    yield Row("floor of create", ms(wall(found["floor"])), f"middle half {spread(found['floor'])}")
    yield Row(
        "`volume create` + start, replica 3 on 3 nodes", ms(took),
        f"{took / wall(found['floor']):.2f} × the floor; middle half {spread(found['kadalu'])}",
        f"{ms(allowed)} (1.5 × the floor + {writes} saves of {ms(fsync)})", took <= allowed,
    )  # fmt: skip
    yield Row("controller CPU of create", ms(cpu(found["kadalu"])), f"{ms(cpu(found['floor']))}")
    yield _counted("create", target, 3)
    yield Row("calls per node of create", ", ".join(calls))
    shown = "; ".join(" ".join(c[:3]) for c in target.commands[THREE[0]])
    yield Row("commands per node of create", shown)


def _counted(what: str, found: Count, nodes: int) -> Row:
    stats = found.stats
    text = f"{stats.connections}, {stats.execs}, {stats.round_trips / nodes:.1f}"
    good = stats.connections == stats.execs == nodes
    one = f"{nodes} and {nodes}"
    return Row(f"connections, execs, round trips per node of {what}", text, "", one, good)


def _fsync(bed: Bed, node: str) -> float:
    return float(bed.docker("exec", bed.container(node), "python3", "-c", _FSYNC))


def _status(bench: Bench, folder: Path) -> Iterator[Row]:
    from kadalu_ssh.operations import cluster

    status = partial(cluster.status, context(bench.laptop.path), name=None)
    counted = asyncio.run(count(bench.bed, MANY, status))
    recipe = write_recipe(folder / "status.json", bench.bed, counted)
    idle = _idle(folder, bench.env)
    runs = {
        "kadalu": partial(bench.kadalu, "cluster", "status"),
        "floor": partial(bench.floor, recipe),
        "start-up": idle,
    }
    found = interleaved(runs, bench.pairs)
    took, floor = wall(found["kadalu"]), wall(found["floor"])
    count_of = len(MANY)
    yield Row(
        f"floor of status, {count_of} nodes", ms(floor), f"middle half {spread(found['floor'])}"
    )
    yield Row(
        f"`cluster status`, {count_of} nodes", ms(took),
        f"{took / floor:.2f} × the floor; middle half {spread(found['kadalu'])}",
        "1.3 × the floor", took <= 1.3 * floor,
    )  # fmt: skip
    above = (cpu(found["kadalu"]) - cpu(found["start-up"])) / count_of
    of_floor = (cpu(found["floor"]) - cpu(found["start-up"])) / count_of
    yield Row(
        "controller CPU per node above start-up", ms(above),
        f"the floor {ms(of_floor)} above the same {ms(cpu(found['start-up']))}", "5.0 ms",
        above <= 0.005,
    )  # fmt: skip
    yield _counted("status", counted, count_of)


def _idle(folder: Path, env: Mapping[str, str]) -> "partial[Cost]":
    """`cluster status` of a cluster without nodes, that loads all that SSH needs."""
    empty = folder / "empty"
    empty.mkdir()
    (empty / "inventory.yml").write_text("all:\n  hosts:\n    server1:\n")
    own = {**env, "KADALU_WORKSPACE": str(empty)}
    run([sys.executable, "-m", "kadalu_ssh", "cluster", "create", "empty"], own, empty)
    program = (
        "import asyncssh, kadalu_ssh.fleet.ssh, sys\n"
        "from kadalu_ssh.cli.main import main\n"
        "sys.exit(main(['cluster', 'status']))"
    )
    return partial(run, [sys.executable, "-c", program], own, empty)
