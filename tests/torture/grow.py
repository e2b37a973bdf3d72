"""Expansions of a volume, one after the other, under two writers that never stop."""

from pathlib import Path
from typing import NamedTuple

from tests.cluster.bed import CLIENT, Bed, Workspace
from tests.cluster.load import two_writers
from tests.torture.runs import NODES

_REBALANCE_EVERY = 4


class Grown(NamedTuple):
    """What came of it."""

    expansions: int
    directories: int
    """Made by the writers meanwhile."""
    wrong: list[str]


def grow(bed: Bed, root: Path, times: int) -> Grown:
    """A volume of one unit gets another group `times` times; its layout is fixed after each, and
    files are moved after every fourth.
    """
    bed.wipe([*NODES, CLIENT])
    laptop = Workspace(root / "laptop", bed)
    laptop.inventory([*NODES, CLIENT])
    laptop.ok("cluster", "init", "prod", f"--nodes={','.join(NODES)}")
    laptop.ok("volume", "create", "g", f"{NODES[0]}:/data1/g0")
    laptop.ok("mount", "g", f"{CLIENT}:/mnt/g")
    loads = two_writers(bed, "/mnt/g", pause=0.1)
    for number in range(1, times + 1):
        laptop.ok("volume", "expand", "g", f"{NODES[number % len(NODES)]}:/data1/g{number}")
        for load in loads:
            load.more(20)
        if number % _REBALANCE_EVERY == 0:
            laptop.ok("rebalance", "start", "g")
        laptop.ok("rebalance", "status", "g", "--watch")
        print(f"{number} expansions, {loads[0].rounds() + loads[1].rounds()} files", flush=True)
    reports = [load.stop() for load in loads]
    wrong = [error for report in reports for error in report["errors"]]
    return Grown(times, sum(report["directories"] for report in reports), wrong)
