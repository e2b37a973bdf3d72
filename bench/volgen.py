"""What the volfiles of a large volume cost: `python -m bench.volgen`.

Every file that one controller makes for a volume, each once: one per storage unit, and those of
mounts with and without credentials, of the self-heal daemon and of a rebalance. Sizes take turns;
each figure is a median of ROUNDS runs. Exit code 1 when a limit is missed.
"""

import statistics
import sys
import time
from collections.abc import Callable

from kadalu_ssh.model.records import Capabilities, Group, Node, Slot, Unit, Volume
from kadalu_ssh.volgen import (
    brick_volfile,
    client_volfile,
    default_options,
    rebalance_volfile,
    shd_volfile,
)

SIZES = (300, 1000, 3000)
ROUNDS = 11
NODES = 30
LIMIT = 2.0
"""Seconds for all files of the largest volume, loading jinja2 and the option table included."""
GROWTH = 1.5
"""How much more a unit of the largest volume may cost than one of the smallest; 10 if quadratic."""


def nodes() -> dict[str, Node]:
    capabilities = Capabilities(glusterfs="11.1", xlators=("features/simple-quota",))
    names = [f"server{number}" for number in range(NODES)]
    return {n: Node(id=n, name=n, address=n, capabilities=capabilities) for n in names}


def volume(units: int) -> Volume:
    """Replica 3; whole groups only, so 1,000 becomes 999."""
    groups = tuple(
        Group(number=number, slots=tuple(slot(number, position) for position in range(3)))
        for number in range(units // 3)
    )
    return Volume(
        id="5f3f2c70-7c3f-4a66-9d0c-3f6a1de0f001", name="big", xlator_name="big",
        kind="replicate", groups=groups, username="user", password="password",
        next_brick_id=units, options=default_options("replicate"),
    )  # fmt: skip


def slot(group: int, position: int) -> Slot:
    number = group * 3 + position
    unit = Unit(
        id=f"unit-{number}", node=f"server{number % NODES}", path=f"/data/{number}/big",
        port=24010 + number // NODES, fs_uuid="", fsid=str(number),
    )  # fmt: skip
    return Slot(position=position, brick_id=number, client_name=f"big-client-{number}", unit=unit)


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(volume: Volume, nodes: dict[str, Node]) -> dict[str, float]:
    """Seconds per kind of file."""
    return {
        "units": seconds(lambda: [_unit(volume, slot, nodes) for slot in volume.slots]),
        "mount": seconds(lambda: client_volfile(volume, nodes, 11, trusted=False)),
        "trusted": seconds(lambda: client_volfile(volume, nodes, 11, trusted=True)),
        "shd": seconds(lambda: shd_volfile(volume, nodes)),
        "rebalance": seconds(lambda: rebalance_volfile(volume, nodes)),
    }


def _unit(volume: Volume, slot: Slot, nodes: dict[str, Node]) -> str:
    return brick_volfile(volume, slot, nodes[slot.unit.node], 1, "/var/lib/kadalu/c/marker.tstamp")


def main() -> int:
    cluster, volumes = nodes(), {size: volume(size) for size in SIZES}
    cold = sum(measure(volumes[SIZES[-1]], cluster).values())
    runs: dict[int, list[dict[str, float]]] = {size: [] for size in SIZES}
    for _ in range(ROUNDS):
        for size in SIZES:
            runs[size].append(measure(volumes[size], cluster))
    total = {size: statistics.median(sum(run.values()) for run in runs[size]) for size in SIZES}
    growth = (total[SIZES[-1]] / SIZES[-1]) / (total[SIZES[0]] / SIZES[0])
    show(runs, total)
    print(f"{SIZES[-1]} units in a new process: {cold:.3f} s (limit {LIMIT:g} s)")
    print(f"a unit of the largest costs {growth:.2f} × one of the smallest (limit {GROWTH:g})")
    return int(cold > LIMIT or growth > GROWTH)


def show(runs: dict[int, list[dict[str, float]]], total: dict[int, float]) -> None:
    kinds = list(runs[SIZES[0]][0])
    print(
        f"{'units':>6} " + " ".join(f"{kind + ' ms':>13}" for kind in [*kinds, "all", "per unit"])
    )
    for size in SIZES:
        cells = [statistics.median(run[kind] for run in runs[size]) for kind in kinds]
        cells += [total[size], total[size] / size]
        print(f"{size:>6} " + " ".join(f"{cell * 1000:>13.3f}" for cell in cells))


if __name__ == "__main__":
    sys.exit(main())
