"""A sample of the matrix of commands, points and faults. The whole of it: `make torture`."""

import random
from pathlib import Path

import pytest

from tests.cluster.bed import CLIENT, Bed, Workspace
from tests.torture.race import race_of
from tests.torture.runs import NODES, SCENARIOS, Stage

QUICK = ("kill-controller", "kill-worker", "kill-node", "drop-connection")
LONG = (
    "expand", "rebalance", "fix-layout", "rebalance-stop", "shrink", "replace", "replace-same",
    "node-replace", "rest", "end-rest", "upgrade",
)  # fmt: skip
SLOW = ("kill-sshd", "drop-packets", "pause-node")


@pytest.fixture(scope="module")
def stage(clean: Bed, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return Stage(clean, tmp_path_factory.mktemp("torture"))


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_command_that_is_cut_off_somewhere(name: str, stage: Stage) -> None:
    """One point of the controller and one of a node, each with a fault; the seed is the name.

    Of the longer commands only one of the two.
    """
    scenario, chance = SCENARIOS[name], random.Random(name)
    points = stage.record(scenario)
    mine = [p for p in points if p[0] == "controller"]
    theirs = [p for p in points if p[0] != "controller"] or mine
    chosen = (chance.choice(mine), chance.choice(theirs))
    for where, number, what in [chance.choice(chosen)] if name in LONG else chosen:
        fault = chance.choice(QUICK)
        assert stage.run(scenario, where, number, fault) == [], f"{fault} {what}"


@pytest.mark.parametrize("fault", SLOW)
def test_a_node_that_goes_silent(fault: str, stage: Stage) -> None:
    points = [p for p in stage.record(SCENARIOS["create"]) if p[0] != "controller"]
    where, number, what = random.Random(fault).choice(points)
    assert stage.run(SCENARIOS["create"], where, number, fault) == [], what


def test_a_laptop_is_never_ahead_of_the_meta_servers(stage: Stage) -> None:
    """A controller that dies before its commit reaches anybody has not saved it for itself."""
    scenario = SCENARIOS["create"]
    points = [p for p in stage.record(scenario) if p[0] == "controller"]
    where, number, _ = [p for p in points if p[2] == "before Quorum.write"][-1]
    stage.number += stage.number % 2  # judged from the laptop that was cut off
    assert stage.run(scenario, where, number, "kill-controller", seen=_not_listed) == []


def test_a_meta_server_that_missed_the_end_of_a_task_and_what_came_then(stage: Stage) -> None:
    """It still has the task; a laptop that was away as long must not take it for unfinished."""
    scenario = SCENARIOS["create"]
    points = [p for p in stage.record(scenario) if p[0] == "controller"]
    where, number, _ = [p for p in points if p[2] == "before Quorum.write"][-1]
    stage.number |= 1  # judged from the laptop that knows nothing of it
    assert stage.run(scenario, where, number, "kill-node", meanwhile=_one_more) == []


def _one_more(laptop: Workspace) -> None:
    laptop.inventory([*NODES, CLIENT])
    run = laptop.run("volume", "create", "u", "server1:/data2/u", "--timeout", "3", "-y")
    assert run.code in (0, 3), run.out + run.err
    assert {v["name"] for v in laptop.json("volume", "list")["volumes"]} == {"base", "t", "u"}


def _not_listed(laptop: Workspace) -> list[str]:
    names = [v["name"] for v in laptop.json("volume", "list")["volumes"]]
    return [f"the laptop lists {names}"] if "t" in names else []


def test_two_laptops_at_the_same_moment(clean: Bed, tmp_path: Path) -> None:
    """Plain, with a meta server off, and with the intent of a dead controller on a minority."""
    clean.wipe()
    race = race_of(clean, tmp_path, ["plain", "plain", "meta-off", "minority"])
    assert race.wrong == []
    assert len(race.made) == 8
    assert min(race.together) > 0.3, "they were at work at the same time"
