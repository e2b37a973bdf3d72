"""Expansions of a volume, one after the other, under two writers that never stop."""

from pathlib import Path
from typing import NamedTuple

from tests.cluster.bed import CLIENT, Bed, Workspace, wait_until
from tests.cluster.load import two_writers
from tests.torture.runs import NODES


class Grown(NamedTuple):
    """What came of it."""

    expansions: int
    directories: int
    """Made by the writers meanwhile."""
    wrong: list[str]


def grow(bed: Bed, root: Path, times: int) -> Grown:
    """A volume of one unit gets another group `times` times, and its layout is fixed after each;
    in the end files are moved onto all of them.
    """
    bed.wipe([*NODES, CLIENT])
    laptop = Workspace(root / "laptop", bed)
    laptop.inventory([*NODES, CLIENT])
    laptop.ok("cluster", "init", "prod", f"--nodes={','.join(NODES)}")
    laptop.ok("volume", "create", "g", f"{NODES[0]}:/data1/g0")
    laptop.ok("mount", "g", f"{CLIENT}:/mnt/g")
    loads = two_writers(bed, "/mnt/g", pause=0.25)
    for number in range(1, times + 1):
        laptop.ok("volume", "expand", "g", f"{NODES[number % len(NODES)]}:/data1/g{number}")
        for load in loads:
            load.more(20)
        laptop.ok("rebalance", "status", "g", "--watch")
        print(f"{number} expansions, {loads[0].rounds() + loads[1].rounds()} files", flush=True)
    laptop.ok("rebalance", "start", "g")
    wait_until(lambda: _state(laptop) != "running", 1800, "the rebalance ends")
    reports = [load.stop() for load in loads]
    wrong = [error for report in reports for error in report["errors"]]
    wrong += [] if _state(laptop) == "complete" else [f"the rebalance is {_state(laptop)}"]
    return Grown(times, sum(report["directories"] for report in reports), wrong)


def _state(laptop: Workspace) -> str:
    return str(laptop.run("rebalance", "status", "g", "--json").json["total"]["state"])
