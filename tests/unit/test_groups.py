"""Groups that come and go, and what is told of rebalances. Pure."""

from typing import Any

import msgspec
import pytest

from kadalu_ssh.cli.render_rebalance import rebalance_status
from kadalu_ssh.manifest import Paths, crawl_service, manifest_for
from kadalu_ssh.model.errors import Refused
from kadalu_ssh.model.records import Crawl, Document, Rebalance, Volume
from kadalu_ssh.operations.option_rules import without_effect
from kadalu_ssh.operations.rebalance_view import _row, total_of
from kadalu_ssh.operations.regroup import as_adding, new_groups_of
from kadalu_ssh.operations.volume_expand import plan_like
from kadalu_ssh.volgen import client_volfile
from tests.unit.glusterd_fixtures import ROOT, read_info


def document(name: str = "rep3", **changes: Any) -> tuple[Document, Volume]:
    volume, nodes = read_info(ROOT / "11.1" / name)
    volume = msgspec.structs.replace(volume, state="started", **changes)
    made = Document(cluster_id="c", name="c", nodes=tuple(nodes.values()), volumes=(volume,))
    return made, volume


NAMES = sorted(path.name for path in (ROOT / "11.1").iterdir())


def test_units_alone_make_groups_of_the_volumes_own_shape() -> None:
    _, volume = document("arb")
    plan = plan_like(volume, ["a:/d,b:/d", "c:/d", "d:/d", "e:/d", "f:/d"])
    assert [[str(s.unit) for s in group] for group in plan.groups] == [
        ["a:/d", "b:/d", "c:/d"], ["d:/d", "e:/d", "f:/d"],
    ]  # fmt: skip
    assert [slot.role for slot in plan.groups[1]] == ["data", "data", "arbiter"]
    assert plan_like(volume, ["replica", "2", "arbiter", "1", "a:/d", "b:/d", "c:/d"]).groups


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["a:/d", "b:/d"], "cannot be divided into groups of 3"),
        (["replica", "3", "a:/d", "b:/d", "c:/d"], "not like those of volume"),
        (["a:/d", "a:/d", "b:/d"], "given twice"),
        (["a:/d", "b:/d", "replica"], "no type"),
        (["$(reboot):/d", "b:/d", "c:/d"], "cannot name a host"),
        ([","], "no storage units given"),
    ],
)
def test_other_shapes_are_refused(words: list[str], said: str) -> None:
    _, volume = document("arb")
    with pytest.raises(Refused, match=said.replace("(", r"\(")):
        plan_like(volume, words)


def test_files_that_are_elsewhere_are_looked_for_once_groups_have_changed() -> None:
    made, volume = document()
    nodes = {node.id: node for node in made.nodes}
    plain = client_volfile(volume, nodes, 11, trusted=False)
    changed = msgspec.structs.replace(
        volume, regrouped=True, options={**volume.options, "cluster.lookup-optimize": "on"}
    )
    text = client_volfile(changed, nodes, 11, trusted=False)
    assert "lookup-optimize" not in plain
    assert text.count("option lookup-optimize off") == 1 and "lookup-optimize on" not in text
    assert "has no effect" in next(iter(without_effect(changed, {"cluster.lookup-optimize": "on"})))


def test_a_group_that_is_added_is_unknown_to_clients() -> None:
    made, volume = document(next(n for n in NAMES if "2x" in n or "distributed-replica" in n or
                                 len(read_info(ROOT / "11.1" / n)[0].groups) > 1))  # fmt: skip
    old = msgspec.structs.replace(made, volumes=(
        msgspec.structs.replace(volume, groups=volume.groups[:1]),))  # fmt: skip
    new = new_groups_of(old, volume)
    assert [group.number for group in new] == [g.number for g in volume.groups[1:]]
    nodes = {node.id: node for node in made.nodes}
    hidden = client_volfile(as_adding(volume, new), nodes, 11, trusted=False)
    for slot in new[0].slots:
        assert f"volume {slot.client_name}\n" not in hidden


def test_a_crawl_is_a_service_beside_its_unit() -> None:
    made, volume = document()
    unit = volume.groups[0].slots[0].unit
    run = Rebalance(id="run", kind="migrate", crawls=(Crawl(group=0, unit=unit.id),))
    started = msgspec.structs.replace(volume, rebalance=run)
    told = manifest_for(msgspec.structs.replace(made, volumes=(started,)), unit.node)
    items = {item["id"]: item for item in told.items}
    service = items[f"service:{crawl_service(volume.id, 0)}"]
    assert (service["running"], service["enabled"], service["critical"]) == (True, True, False)
    home = Paths("c").crawl("run")
    assert items[f"dir:{home}"]["tree"] and f"file:{home}/crawl.py" in items
    for other in (msgspec.structs.replace(run, state="stopped"), run):
        state = "started" if other.state == "stopped" else "stopped"
        changed = msgspec.structs.replace(volume, rebalance=other, state=state)
        told = manifest_for(msgspec.structs.replace(made, volumes=(changed,)), unit.node)
        found = next(item for item in told.items if item["id"] == service["id"])
        assert not found["running"] and not found["enabled"]


def row(book: dict[str, Any] | None, wanted: bool = True, **seen: Any) -> dict[str, Any]:
    answer = {"active": True, "state": "running", "why": "", "book": book, **seen}
    return {"group": 1, "node": "a", **_row(Crawl(group=0, unit="u"), answer, wanted, None)}


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (row({"state": "running"}), "running"),
        (row({"state": "complete", "percent": 100}, wanted=False), "complete"),
        (row({"state": "interrupted"}, wanted=False, active=False), "stopped"),
        (row({"state": "interrupted"}, active=False, state="dead"), "stopped"),
        (row({"state": "failed", "reason": "x"}, active=False, state="failed"), "failed"),
        (row({"state": "failed", "reason": "x"}, active=False, state="auto-restart"), "running"),
        (row(None, active=False, state="failed", why="it was killed"), "failed"),
    ],
)
def test_the_word_for_a_crawl(found: dict[str, Any], state: str) -> None:
    assert found["state"] == state


def test_all_groups_together() -> None:
    half = row({"state": "running", "phase": "files", "percent": 50, "bytes_scanned": 500,
                "total_bytes": 1000, "seconds": 10.0, "files_moved": 3})  # fmt: skip
    done = row({"state": "complete", "percent": 100, "bytes_scanned": 1000, "total_bytes": 1000,
                "seconds": 5.0, "skipped": {"in place": 7}})  # fmt: skip
    total = total_of([half, done])
    assert (total["state"], total["percent"], total["left"]) == ("running", 75, 10)
    assert (total["files_moved"], total["skipped"]) == (3, {"in place": 7})
    assert total_of([done, done])["percent"] == 100
    data = {"volume": "v", "run": "r", "kind": "migrate", "groups": [half, done],
            "total": total, "detail": True}  # fmt: skip
    text = rebalance_status(data)
    assert "Volume v (layout and files): running, 75 %" in text and "about 10 s left" in text
    assert "7 (7 in place)" in text
