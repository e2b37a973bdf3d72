"""A sample of the matrix of commands, points and faults. The whole of it: `make torture`."""

import random

import pytest

from tests.cluster.bed import Bed
from tests.torture.runs import SCENARIOS, Stage

QUICK = ("kill-controller", "kill-worker", "kill-node", "drop-connection")
SLOW = ("kill-sshd", "drop-packets", "pause-node")


@pytest.fixture(scope="module")
def stage(clean: Bed, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return Stage(clean, tmp_path_factory.mktemp("torture"))


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_command_that_is_cut_off_somewhere(name: str, stage: Stage) -> None:
    """One point of the controller and one of a node, each with a fault; the seed is the name."""
    scenario, chance = SCENARIOS[name], random.Random(name)
    points = stage.record(scenario)
    mine = [p for p in points if p[0] == "controller"]
    theirs = [p for p in points if p[0] != "controller"] or mine
    for where, number, what in (chance.choice(mine), chance.choice(theirs)):
        fault = chance.choice(QUICK)
        assert stage.run(scenario, where, number, fault) == [], f"{fault} {what}"


@pytest.mark.parametrize("fault", SLOW)
def test_a_node_that_goes_silent(fault: str, stage: Stage) -> None:
    points = [p for p in stage.record(SCENARIOS["create"]) if p[0] != "controller"]
    where, number, what = random.Random(fault).choice(points)
    assert stage.run(SCENARIOS["create"], where, number, fault) == [], what
