"""identity and meta: whose host it is, the cluster lock, the replicas."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.unit.node_modules import CLUSTER, NODE, FakeContext, Json, load

OTHER = "bbbbbbbb-0000-4000-8000-000000000001"


@pytest.fixture
def modules(tmp_path: Path) -> Any:
    return load(tmp_path)


def identity(modules: Any, op: str, cluster: str = CLUSTER, node: str = NODE, **more: Any) -> Any:
    params = {"op": op, "cluster_id": cluster, "node_id": node, "name": "n1", **more}
    return modules["identity"].run(params, FakeContext())["identity"]


def meta(modules: Any, context: FakeContext, op: str, **more: Any) -> Json:
    params = {"op": op, "cluster_id": CLUSTER, **more}
    return modules["meta"].run(params, context)  # type: ignore[no-any-return]


def document(serial: int) -> str:
    return json.dumps({"epoch": 1, "serial": serial})


def test_claim_and_release_leave_nothing(modules: Any, tmp_path: Path) -> None:
    assert identity(modules, "claim")["node_id"] == NODE
    assert identity(modules, "claim")["node_id"] == NODE
    assert (tmp_path / "lib" / CLUSTER / "identity.json").stat().st_mode & 0o777 == 0o600
    assert identity(modules, "release") is None
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []
    assert not (tmp_path / "lib" / CLUSTER).exists()
    assert identity(modules, "release") is None


@pytest.mark.parametrize("claimed", [True, False])
def test_what_was_cut_short_goes_with_a_release(
    modules: Any, tmp_path: Path, claimed: bool
) -> None:
    """Found by killing a worker between writing a file and renaming it."""
    home = tmp_path / "lib" / CLUSTER
    home.mkdir(parents=True)
    if claimed:
        identity(modules, "claim")
    (home / "identity.json.kadalu-new").write_text("{")
    assert identity(modules, "release") is None
    assert not home.exists()


def test_a_host_is_a_node_of_one_cluster_but_a_client_of_many(modules: Any) -> None:
    identity(modules, "claim")
    with pytest.raises(Exception, match=f"node of cluster {CLUSTER}"):
        identity(modules, "claim", cluster=OTHER)
    assert identity(modules, "claim", cluster=OTHER, role="client")["role"] == "client"


def test_a_host_has_one_id_in_a_cluster(modules: Any) -> None:
    identity(modules, "claim")
    with pytest.raises(Exception, match="already, as n1"):
        identity(modules, "claim", node=OTHER)
    with pytest.raises(Exception, match="not the one that was meant"):
        identity(modules, "release", node=OTHER)


def test_a_host_with_something_of_ours_is_not_released(modules: Any) -> None:
    identity(modules, "claim")
    book = modules["ledger"].Ledger(CLUSTER)
    book.intended["service:x"] = {"kind": "service", "id": "service:x"}
    book.save_intended()
    with pytest.raises(Exception, match="still has service:x"):
        identity(modules, "release")


def test_the_lock_has_one_holder_and_says_who(modules: Any) -> None:
    one, two, holder = FakeContext(), FakeContext(), {"who": "ann@laptop"}
    assert meta(modules, one, "peek") == {"locked": False, "holder": None}
    assert meta(modules, one, "lock", holder=holder)["locked"]
    assert meta(modules, two, "lock", holder={}) == {"locked": False, "holder": holder}
    assert meta(modules, two, "peek") == {"locked": True, "holder": holder}
    assert meta(modules, one, "holds")["locked"]
    assert not meta(modules, two, "holds")["locked"]
    meta(modules, one, "unlock")
    assert not meta(modules, two, "peek")["locked"]
    assert meta(modules, two, "lock", holder=holder)["locked"]


def test_unlocking_what_another_holds_does_nothing(modules: Any) -> None:
    one, two = FakeContext(), FakeContext()
    meta(modules, one, "lock", holder={})
    meta(modules, two, "unlock")
    assert not meta(modules, two, "lock", holder={})["locked"]


def test_only_the_holder_writes(modules: Any) -> None:
    with pytest.raises(Exception, match="not held") as caught:
        meta(modules, FakeContext(), "write", document=document(1))
    assert caught.value.kind == "fenced"  # type: ignore[attr-defined]


def test_writes_are_read_back_and_none_leaves_or_removes(modules: Any) -> None:
    context = FakeContext()
    meta(modules, context, "lock", holder={})
    assert meta(modules, context, "read")["document"] is None
    meta(modules, context, "write", document=document(1), intent="task")
    meta(modules, context, "write", intent="task 2")
    found = meta(modules, FakeContext(), "read")
    assert (found["document"], found["intent"]) == (document(1), "task 2")
    meta(modules, context, "write", document=document(2), intent=None)
    found = meta(modules, context, "read")
    assert (found["document"], found["intent"]) == (document(2), None)


def test_the_last_twenty_documents_are_kept(modules: Any, tmp_path: Path) -> None:
    context = FakeContext()
    meta(modules, context, "lock", holder={})
    for serial in range(25):
        meta(modules, context, "write", document=document(serial))
    folder = tmp_path / "lib" / CLUSTER / "meta" / "history"
    kept = sorted(folder.iterdir())
    assert [json.loads(p.read_text())["serial"] for p in kept] == list(range(5, 25))
    assert os.stat(kept[-1]).st_mode & 0o777 == 0o600


def test_nothing_to_write_makes_nothing(modules: Any, tmp_path: Path) -> None:
    context = FakeContext()
    meta(modules, context, "lock", holder={})
    meta(modules, context, "write", intent=None)
    assert not (tmp_path / "lib").exists()


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".x"])
def test_an_id_that_is_a_path_is_refused(modules: Any, name: str) -> None:
    with pytest.raises(Exception, match="not a cluster id"):
        modules["meta"].run({"op": "read", "cluster_id": name}, FakeContext())
