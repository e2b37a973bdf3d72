"""What is done about a rebalance, and what is told of it, when a node of it is off."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from kadalu_ssh.model.errors import Pending, Refused
from kadalu_ssh.model.records import Group, Volume
from kadalu_ssh.operations import rebalance, shrink_checks, volume_shrink
from tests.unit.rebalance_bench import COMPLETE, Bench

V = "rep2x3"
FIRST, SECOND = ("unit-0", "unit-1", "unit-2"), ("unit-3", "unit-4", "unit-5")


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench(tmp_path, monkeypatch)
    made.serves()
    change(made, regrouped=True)
    return made


def change(bench: Bench, state: str = "running", **changes: Any) -> None:
    run = bench.volume.rebalance
    assert run
    run = msgspec.structs.replace(run, state=state)  # type: ignore[arg-type]
    bench.save(msgspec.structs.replace(bench.volume, **{"rebalance": run, **changes}))


def crawls(bench: Bench) -> tuple[str, list[str]]:
    run = bench.saved().rebalance
    assert run
    return run.id, [crawl.unit for crawl in run.crawls]


# --- start ---


def test_a_start_moves_only_the_group_whose_node_is_off(bench: Bench) -> None:
    bench.off("n1")
    done = bench.run(rebalance.start, volume=V, throttle="lazy")
    assert crawls(bench) == ("run", ["unit-1", "unit-4"])
    assert done.exit_code == 3 and [error.name for error in done.pending] == ["n1"]
    assert "group 1 on n2" in done.summary and "as they were" in done.warnings[0]


def test_a_start_is_refused_while_all_groups_run(bench: Bench) -> None:
    with pytest.raises(Refused, match="is running"):
        bench.run(rebalance.start, volume=V)


def test_a_start_is_a_new_run_when_nothing_goes_on(bench: Bench) -> None:
    bench.books = {1: COMPLETE}
    bench.off("n1")
    bench.run(rebalance.start, volume=V)
    run, units = crawls(bench)
    assert run != "run" and units == ["unit-1", "unit-4"]


def test_a_group_without_another_unit_that_is_up_is_not_taken_over(bench: Bench) -> None:
    bench.serves(*FIRST)
    bench.off("n1")
    with pytest.raises(Refused, match="no storage unit of group 1"):
        bench.run(rebalance.start, volume=V)


# --- status ---


@pytest.mark.parametrize(("state", "word"), [("running", "stale"), ("stopped", "stopped")])
def test_a_run_that_was_stopped_is_stopped_also_where_its_node_is_off(
    bench: Bench, state: str, word: str
) -> None:
    change(bench, state)
    bench.off("n1")
    found = bench.status(watch=False)
    first = found.data["groups"][0]
    assert (first["state"], found.exit_code) == (word, 3 if word == "stale" else 0)
    assert bool(first["reason"]) == (word == "stale")


def test_cron_has_nothing_to_tell_of_a_run_that_was_stopped(bench: Bench) -> None:
    bench.books = {0: {**COMPLETE, "files_failed": 2}, 1: COMPLETE}
    assert bench.status(watch=False).exit_code == 3
    change(bench, "stopped")
    assert bench.status(watch=False).exit_code == 0


def test_what_was_seen_complete_stays_so_when_its_node_goes(bench: Bench) -> None:
    bench.books = {0: {**COMPLETE, "files_moved": 7, "layout_at": "e/\udcff"}}
    bench.status(watch=False)
    bench.off("n1")
    first = bench.status(watch=False).data["groups"][0]
    assert (first["state"], first["files_moved"], first["reason"]) == ("complete", 7, None)
    run = bench.volume.rebalance
    assert run
    change(bench, rebalance=msgspec.structs.replace(run, id="another"))
    assert bench.status(watch=False).data["groups"][0]["state"] == "stale"


def test_a_damaged_memory_is_none(bench: Bench) -> None:
    bench.books = {0: COMPLETE}
    bench.status(watch=False)
    kept = next(bench.root.glob("state/*/rebalances.json"))
    for text in ("{", "[]", '{"x": 1}', f'{{"{bench.volume.id}": {{}}}}'):
        kept.write_text(text)
        assert bench.status(watch=False).data["groups"][0]["state"] == "complete"


# --- a group that leaves ---


def leaving(bench: Bench) -> tuple[Volume, Group]:
    group = msgspec.structs.replace(bench.volume.groups[0], state="leaving")
    change(bench, groups=(group, *bench.volume.groups[1:]))
    return bench.volume, group


def unfit(bench: Bench) -> None:
    volume, group = leaving(bench)
    bench.module("heal", lambda node, params: {"bricks": [{"count": None}]})
    bench.inside(lambda session: shrink_checks.refuse_unfit(session, volume, group, "v is not"))


def test_a_group_is_emptied_further_through_the_units_that_are_up(bench: Bench) -> None:
    bench.off("n1")
    unfit(bench)


def test_a_group_is_not_emptied_further_without_its_quorum(bench: Bench) -> None:
    bench.serves("unit-2")
    bench.off("n1")
    with pytest.raises(Refused, match="1 of its storage units are up, and 2 are needed") as told:
        unfit(bench)
    assert [error.name for error in told.value.nodes] == ["n1", "n3"]


def test_of_two_copies_the_one_that_is_left_may_lack_something(bench: Bench) -> None:
    pairs = tuple(msgspec.structs.replace(g, slots=g.slots[:2]) for g in bench.volume.groups)
    change(bench, groups=pairs)
    bench.off("n1")
    bench.agrees = False
    with pytest.raises(Refused, match="not confirmed"):
        unfit(bench)


@pytest.mark.parametrize("down", ["node", "unit", "node of another group"])
def test_what_cannot_be_looked_at_is_not_dropped(bench: Bench, down: str) -> None:
    volume, group = leaving(bench)
    if down == "unit":
        bench.serves("unit-0")
    elif down == "node":
        bench.off("n1")
    else:
        bench.off("n1")
        group = msgspec.structs.replace(group, slots=group.slots[1:])
    with pytest.raises(Pending, match="whether files are left in it is not known") as told:
        bench.inside(lambda session: shrink_checks.refuse_unseen(session, volume, group))
    assert [error.name for error in told.value.nodes] == ["n1"]
    assert f"when n1 is back: kadalu volume shrink {V} --group 1" in str(told.value.hint)


def test_all_that_serve_can_be_looked_at(bench: Bench) -> None:
    volume, group = leaving(bench)
    bench.inside(lambda session: shrink_checks.refuse_unseen(session, volume, group))


# --- what to do next ---


def test_every_refusal_says_what_to_do_next(bench: Bench) -> None:
    change(bench, "stopped")
    with pytest.raises(Refused, match="no rebalance of volume") as told:
        bench.run(rebalance.stop, volume=V)
    assert f"kadalu rebalance status {V}" in str(told.value.hint)
    with pytest.raises(Refused, match="is not leaving it") as told:
        bench.run(volume_shrink.shrink, volume=V, group=2, cancel=True)
    assert f"kadalu volume info {V}" in str(told.value.hint)
    leaving(bench)
    with pytest.raises(Refused, match="leaving the volume already") as told:
        bench.run(volume_shrink.shrink, volume=V, group=2)
    assert f"kadalu volume shrink {V} --group 1" in str(told.value.hint)
