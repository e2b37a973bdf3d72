"""state show, history, diff, verify: what they tell, and that secrets never show."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from kadalu_ssh.cli.main import main
from kadalu_ssh.model.errors import Failed, Refused
from kadalu_ssh.model.records import Document, Volume
from kadalu_ssh.model.secret import mask
from kadalu_ssh.operations import state_verify
from kadalu_ssh.operations.context import Outcome
from kadalu_ssh.state.document import encode, successor
from kadalu_ssh.state.history import History
from kadalu_ssh.state.index import Index, enrol
from kadalu_ssh.state.locks import local_lock
from kadalu_ssh.state.workspace import Workspace
from tests.unit.fake_fleet import CLUSTER, FakeNodes, context, document_of
from tests.unit.test_cli import place

__all__ = ["place"]  # the fixture

S3 = ("server1", "server2", "server3")
PASSWORD = "correct-horse"


def volume(password: str = PASSWORD) -> Volume:
    return Volume(
        id="v1", name="vol1", xlator_name="vol1", kind="replicate", groups=(), username="u",
        password=password, next_brick_id=0, options={"auth.secret": PASSWORD, "a.b": "on"},
    )  # fmt: skip


@pytest.fixture
def chain(place: Path, monkeypatch: pytest.MonkeyPatch) -> list[Document]:
    """Three documents of a cluster in the workspace, the last one on all meta servers."""
    first = document_of(*S3)
    second = successor(first, volumes=(volume(),))
    third = successor(second, volumes=(volume("battery-staple"),))
    workspace = Workspace(place)
    for document in (first, second, third):
        workspace.save(document)
    workspace.save_index(Index(clusters={"prod": CLUSTER}))
    return [first, second, third]


@pytest.fixture
def nodes(place: Path, chain: list[Document], monkeypatch: pytest.MonkeyPatch) -> FakeNodes:
    made = FakeNodes(place, S3)
    made.install(monkeypatch)
    for name in S3:
        made.give(name, chain[-1])
    return made


def state_file(place: Path) -> Path:
    return place / "state" / CLUSTER / "state.json"


def verify(place: Path) -> Outcome:
    return asyncio.run(state_verify.verify(context(place)))


def states(outcome: Outcome) -> dict[str, str]:
    return {row["place"]: row["state"] for row in outcome.data["places"]}


# --- show, history, diff ---


@pytest.mark.parametrize("words", [["show"], ["show", "--json"], ["diff", "2"], ["diff", "1-1"]])
def test_no_secret_is_ever_shown(
    words: list[str], chain: list[Document], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["state", *words]) == 0
    shown = capsys.readouterr().out
    assert PASSWORD not in shown and "battery-staple" not in shown
    assert mask("battery-staple") in shown


def test_show_is_the_document(chain: list[Document], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["state", "show", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["state"]
    assert (found["cluster_id"], found["serial"]) == (CLUSTER, 3)
    assert found["volumes"][0]["options"] == {"a.b": "on", "auth.secret": mask(PASSWORD)}


def test_history_marks_the_current_one(
    chain: list[Document], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["state", "history", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["history"]
    assert [(r["epoch"], r["serial"], r["current"]) for r in rows] == [
        (1, 1, False), (1, 2, False), (1, 3, True),
    ]  # fmt: skip
    assert rows[0]["when"].endswith("Z") and len(rows[0]["digest"]) == 8
    assert main(["state", "history"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("*  1-3")


def test_history_works_with_a_damaged_copy(
    place: Path, chain: list[Document], capsys: pytest.CaptureFixture[str]
) -> None:
    state_file(place).write_text("{")
    assert main(["state", "history"]) == 0
    told = capsys.readouterr()
    assert "1-3" in told.out and "state.json is not JSON" in told.err


def test_diff_is_from_then_to_now(
    chain: list[Document], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["state", "diff", "1-2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f'-      "password": "{mask(PASSWORD)}",' in lines
    assert f'+      "password": "{mask("battery-staple")}",' in lines
    assert main(["state", "diff", "00003"]) == 0
    assert capsys.readouterr().out == "1-3 and 1-3 are the same.\n"


@pytest.mark.parametrize(
    ("serial", "told"),
    [
        ("9", "there are: 1-1, 1-2, 1-3"),
        ("2-1", "there are: 1-1"),
        ("x", "is not SERIAL"),
        ("", "is not SERIAL"),
        ("-1", "-1"),
        ("1-2-00000000", "there are"),
    ],
)
def test_a_serial_that_is_not_there(
    serial: str, told: str, chain: list[Document], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["state", "diff", "--", serial]) == 2
    assert told in capsys.readouterr().err


def test_two_entries_of_one_serial_are_told_apart(
    place: Path, chain: list[Document], capsys: pytest.CaptureFixture[str]
) -> None:
    Workspace(place).save(msgspec.structs.replace(chain[1], name="fork"))
    assert main(["state", "diff", "2"]) == 2
    hint = capsys.readouterr().err.splitlines()[-1]
    exact = hint.split("name one of ")[1].split(", ")
    assert [main(["state", "diff", name]) for name in exact] == [0, 0]


# --- verify ---


def test_all_is_well(place: Path, nodes: FakeNodes) -> None:
    outcome = verify(place)
    assert outcome.exit_code == 0
    assert states(outcome) == dict.fromkeys(["laptop", "history", *S3], "ok")
    assert nodes.ops() == {"read"}, "no lock is taken, nothing is written"


def test_replicas_that_differ(place: Path, nodes: FakeNodes, chain: list[Document]) -> None:
    nodes.give("server1", chain[1])
    nodes.give("server2", successor(chain[2]))
    nodes.give("server3", msgspec.structs.replace(chain[2], name="other"))
    outcome = verify(place)
    assert outcome.exit_code == 3
    assert [states(outcome)[s] for s in S3] == ["older", "newer", "fork"]


def test_an_old_replica_that_the_history_contradicts(
    place: Path, nodes: FakeNodes, chain: list[Document]
) -> None:
    nodes.give("server1", msgspec.structs.replace(chain[1], name="other"))
    assert states(verify(place))["server1"] == "fork"


def test_replicas_that_cannot_be_read(place: Path, nodes: FakeNodes) -> None:
    nodes.give("server1", "{")
    nodes.down.add("server2")
    (nodes.home("server3") / "document.json").unlink()
    outcome = verify(place)
    assert outcome.exit_code == 3
    assert [states(outcome)[s] for s in S3] == ["unreadable", "down", "older"]
    nodes.down.update(S3)
    assert verify(place).exit_code == 4


def test_bytes_that_are_no_text(place: Path, nodes: FakeNodes, chain: list[Document]) -> None:
    text = encode(chain[2]).encode().replace(b'"prod"', b'"pr\xff"')
    (nodes.home("server1") / "document.json").write_bytes(text)
    assert states(verify(place))["server1"] == "unreadable"


@pytest.mark.parametrize(
    ("edit", "state"),
    [
        (lambda text: text[:100], "unreadable"),
        (lambda text: text.replace('"prod"', '"prod2"'), "fork"),
        (lambda text: text.replace(CLUSTER, "other"), "fork"),
    ],
)
def test_a_laptop_whose_copy_was_touched(
    edit: Callable[[str], str], state: str, place: Path, nodes: FakeNodes
) -> None:
    path = state_file(place)
    path.write_text(edit(path.read_text()))
    outcome = verify(place)
    assert outcome.exit_code == 3
    assert states(outcome)["laptop"] == state
    assert "server1" in states(outcome), "the history knows the meta servers"


def test_a_laptop_behind_its_history(place: Path, nodes: FakeNodes, chain: list[Document]) -> None:
    state_file(place).write_text(encode(chain[1]))
    found = states(verify(place))
    assert (found["laptop"], found["server1"]) == ("older", "newer")


def test_a_history_that_does_not_fit(place: Path, nodes: FakeNodes, chain: list[Document]) -> None:
    second = History(state_file(place).parent).entries[1].path
    text = second.read_text()
    second.write_text(text.replace('"prod"', '"evil"'))
    assert states(verify(place))["history"] == "unreadable"
    second.unlink()
    assert states(verify(place))["history"] == "ok", "a gap: others worked meanwhile"
    Workspace(place).save(msgspec.structs.replace(chain[1], name="fork"))
    assert states(verify(place))["history"] == "fork"


def test_verify_as_text(place: Path, nodes: FakeNodes, capsys: pytest.CaptureFixture[str]) -> None:
    nodes.down.add("server2")
    assert main(["state", "verify"]) == 3
    rows = capsys.readouterr().out.splitlines()
    assert rows[1].split()[:3] == ["laptop", "ok", "1-3"]
    assert any(row.split()[:2] == ["server2", "down"] for row in rows)


# --- descent ---


def test_descent_needs_every_step(place: Path, chain: list[Document]) -> None:
    first, _, third = chain
    past = History(state_file(place).parent)
    assert past.descends(third, first)
    assert not past.descends(third, msgspec.structs.replace(first, name="fork"))
    assert not past.descends(first, third)
    past.entries[1].path.unlink()
    assert not History(state_file(place).parent).descends(third, first)


# --- names in clusters.json ---


def test_a_name_that_is_taken() -> None:
    index = Index(clusters={"prod": "other"}, current="prod")
    assert enrol(index, "prod", "c1") == "prod-2"
    assert enrol(index, "prod", "c1") == "prod-2"
    assert enrol(index, "dev", "c1") == "dev"
    assert index.clusters == {"prod": "other", "dev": "c1"}
    assert len(enrol(Index(clusters={"x" * 63: "other"}), "x" * 63, "c1")) == 63


def test_the_chosen_cluster_keeps_being_chosen() -> None:
    index = Index(clusters={"old": "c1"}, current="old")
    assert enrol(index, "new", "c1") == "new"
    assert index == Index(clusters={"new": "c1"}, current="new")


# --- saving ---


@pytest.mark.parametrize("which", [1, 2])
def test_a_disk_that_fills_leaves_all_as_it_was(
    which: int, place: Path, chain: list[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether at the history or at state.json itself."""
    import os

    before = {p: p.read_bytes() for p in (place / "state").rglob("*") if p.is_file()}
    real, calls = os.replace, []

    def replace(source: object, target: object) -> None:
        calls.append(target)
        if len(calls) == which:
            raise OSError(28, "No space left on device")
        real(source, target)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(Failed, match="No space left on device") as error:
        Workspace(place).save(successor(chain[2]))
    assert str(state_file(place).parent) in error.value.message
    assert "state pull" in str(error.value.hint)
    assert {p: p.read_bytes() for p in (place / "state").rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("full", [{"f_bavail": 10}, {"f_favail": 0}])
def test_a_full_disk_is_noticed_before_anything_is_touched(
    full: dict[str, int], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    disk = {"f_bavail": 1 << 20, "f_frsize": 4096, "f_files": 100, "f_favail": 50, **full}
    monkeypatch.setattr(os, "fstatvfs", lambda handle: SimpleNamespace(**disk))
    with (
        pytest.raises(Failed, match=r"cannot write .*lock: No space left on device"),
        local_lock(place, "kadalu x", 0),
    ):
        pytest.fail("it went on")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{", b"[]", b'{"schema": 99}'])
def test_a_damaged_copy_tells_the_ways_out(
    content: bytes, place: Path, chain: list[Document]
) -> None:
    state_file(place).write_bytes(content)
    with pytest.raises(Failed) as error:
        Workspace(place).load(CLUSTER)
    assert str(state_file(place)) in error.value.message
    assert "kadalu state history" in str(error.value.hint)
    assert "kadalu state recover --from NODE" in str(error.value.hint)


def test_no_cluster_is_told_of_recover(place: Path) -> None:
    with pytest.raises(Refused) as error:
        Workspace(place).resolve(None)
    assert "kadalu state recover" in str(error.value.hint)
