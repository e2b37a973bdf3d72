"""init_unit, drop_unit, facts of paths: on real directories with real xattrs."""

import json
import os
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.unit.node_modules import CLUSTER, NODE, FakeContext, Json, fence, load

VOLUME = "11111111-0000-4000-8000-000000000001"
UNIT = "44444444-0000-4000-8000-000000000001"


@pytest.fixture
def modules(tmp_path: Path) -> Any:
    loaded = load(tmp_path)
    claim = {"op": "claim", "cluster_id": CLUSTER, "node_id": NODE, "name": "n1"}
    loaded["identity"].run(claim, FakeContext())
    return loaded


def spec(path: Path, **more: Any) -> Json:
    return {
        "path": str(path), "unit_id": UNIT, "volume_id": VOLUME, "group": 0, "position": 1,
        "role": "data", "fs_uuid": "", "fsid": "", "create_parents": False, "adopt": False, **more,
    }  # fmt: skip


def init(modules: Any, *units: Json, serial: int = 1) -> Json:
    params = {"fence": fence(serial), "units": list(units)}
    return modules["init_unit"].run(params, FakeContextOnce.get(modules))  # type: ignore[no-any-return]


def drop(modules: Any, *units: Json, **more: Any) -> list[str]:
    params = {"fence": fence(), "units": [dict(unit, **more) for unit in units]}
    answer = modules["drop_unit"].run(params, FakeContextOnce.get(modules))
    return [unit["result"] for unit in answer["units"]]


class FakeContextOnce:
    """One worker for all calls of a test, so that it keeps its lock."""

    @staticmethod
    def get(modules: Any) -> FakeContext:
        return modules.setdefault("context", FakeContext())  # type: ignore[no-any-return]


def test_marks_a_new_directory(modules: Any, tmp_path: Path) -> None:
    path = tmp_path / "b1"
    assert init(modules, spec(path)) == {"units": [{"path": str(path), "made_dirs": [str(path)]}]}
    assert os.getxattr(path, modules["marks"].VOLUME_ID) == uuid.UUID(VOLUME).bytes
    record = json.loads(os.getxattr(path / ".glusterfs", modules["marks"].RECORD))
    assert record == {
        "cluster": CLUSTER, "volume": VOLUME, "unit": UNIT, "group": 0, "position": 1,
        "role": "data", "task": "t1", "made": 1,
    }  # fmt: skip
    assert (path / ".glusterfs" / "indices").is_dir()
    assert path.stat().st_mode & 0o777 == 0o755


def test_the_same_call_again_changes_nothing(modules: Any, tmp_path: Path) -> None:
    first = init(modules, spec(tmp_path / "b1"))
    os.setxattr(tmp_path / "b1", "user.seen", b"1")
    assert init(modules, spec(tmp_path / "b1"), serial=2) == first


@pytest.mark.parametrize("steps", range(6))
def test_a_making_that_was_cut_short_is_taken_back(
    modules: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """The worker is killed before its Nth change: nobody undoes anything then."""
    unit = spec(tmp_path / "deep" / "b1", create_parents=True)
    left = [steps]

    def counted(call: Any) -> Any:
        def run(*args: Any, **options: Any) -> Any:
            if str(tmp_path / "deep") in str(args[0]):
                if not left[0]:
                    raise SystemExit
                left[0] -= 1
            return call(*args, **options)

        return run

    monkeypatch.setattr(modules["init_unit"], "_undo", lambda made: None)
    with monkeypatch.context() as cut:
        for name in ("mkdir", "chmod", "setxattr"):
            cut.setattr(os, name, counted(getattr(os, name)))
        with pytest.raises(SystemExit):
            init(modules, unit)
    drop(modules, unit, undo=True)
    assert not (tmp_path / "deep").exists()


def foreign_id(path: Path, modules: Any) -> None:
    path.mkdir()
    os.setxattr(path, modules["marks"].VOLUME_ID, uuid.uuid4().bytes)


def same_volume_other_unit(path: Path, modules: Any) -> None:
    path.mkdir()
    os.setxattr(path, modules["marks"].VOLUME_ID, uuid.UUID(VOLUME).bytes)
    (path / ".glusterfs").mkdir(exist_ok=True)
    os.setxattr(modules["marks"].keeper(path), modules["marks"].RECORD, b'{"unit": "another"}')


def with_a_file(path: Path, modules: Any) -> None:
    path.mkdir()
    (path / "precious").write_text("data")


def a_file(path: Path, modules: Any) -> None:
    path.write_text("precious")


def a_link(path: Path, modules: Any) -> None:
    path.symlink_to(path.parent / "elsewhere")


def inside_a_unit(path: Path, modules: Any) -> None:
    os.setxattr(path.parent, modules["marks"].VOLUME_ID, uuid.uuid4().bytes)


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        (foreign_id, "belongs to another volume"),
        (same_volume_other_unit, "as another storage unit"),
        (with_a_file, "is not empty (precious)"),
        (a_file, "is not a directory"),
        (a_link, "symbolic link"),
        (inside_a_unit, "which belongs to a volume"),
    ],
)
def test_refuses_what_is_somebody_elses_and_touches_nothing(
    modules: Any, tmp_path: Path, before: Any, reason: str
) -> None:
    (tmp_path / "p").mkdir()
    before(tmp_path / "p" / "b2", modules)
    with pytest.raises(Exception) as caught:
        init(modules, spec(tmp_path / "b1"), spec(tmp_path / "p" / "b2"))
    assert reason in str(caught.value)
    assert caught.value.kind == "refused"  # type: ignore[attr-defined]
    assert not (tmp_path / "b1").exists()


def test_refuses_a_missing_parent_unless_told_to_make_it(modules: Any, tmp_path: Path) -> None:
    path = tmp_path / "x" / "y" / "b"
    with pytest.raises(Exception, match="does not exist"):
        init(modules, spec(path))
    made = init(modules, spec(path, create_parents=True))["units"][0]["made_dirs"]
    assert made == [str(path), str(path.parent), str(tmp_path / "x")]
    assert drop(modules, spec(path), undo=True) == ["undone"]
    assert not (tmp_path / "x").exists()


def test_refuses_when_the_file_system_is_not_the_one_that_was_checked(
    modules: Any, tmp_path: Path
) -> None:
    for wrong in ({"fs_uuid": "other"}, {"fsid": "dev:99999"}):
        with pytest.raises(Exception, match="another file system"):
            init(modules, spec(tmp_path / "b", **wrong))
    assert not (tmp_path / "b").exists()


def test_all_or_none(modules: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "there").mkdir()
    real = os.setxattr

    def fails_late(path: Any, name: str, value: bytes, flags: int = 0) -> None:
        if str(path).endswith("b3"):
            raise OSError(28, "No space left on device", path)
        real(path, name, value, flags)

    monkeypatch.setattr(modules["init_unit"].os, "setxattr", fails_late)
    with pytest.raises(OSError, match="No space left"):
        init(modules, *(spec(tmp_path / n, unit_id=n) for n in ("there", "b2", "b3")))
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir() if p.name not in ("lib", "run", "log")] == ["there"]
    assert os.listxattr(tmp_path / "there") == []
    assert list((tmp_path / "there").iterdir()) == []


def test_adopts_a_unit_with_its_data(modules: Any, tmp_path: Path) -> None:
    path = tmp_path / "b"
    init(modules, spec(path))
    (path / "data").write_text("precious")
    again = spec(path, unit_id="55555555-0000-4000-8000-000000000001", adopt=True)
    init(modules, again)
    assert modules["marks"].record(str(path))["unit"] == again["unit_id"]
    assert drop(modules, again, undo=True) == ["undone"]
    assert (path / "data").read_text() == "precious"
    assert modules["marks"].volume_id(str(path)) == VOLUME
    assert modules["marks"].record(str(path))["unit"] == UNIT


def test_goes_on_where_it_was_interrupted(modules: Any, tmp_path: Path) -> None:
    path = tmp_path / "b"
    first = init(modules, spec(path))
    os.removexattr(path, modules["marks"].VOLUME_ID)
    assert init(modules, spec(path)) == first
    assert modules["marks"].volume_id(str(path)) == VOLUME
    os.removexattr(path, modules["marks"].VOLUME_ID)
    assert drop(modules, spec(path), undo=True) == ["undone"]
    assert not path.exists()


def test_undo_keeps_a_unit_that_has_data(modules: Any, tmp_path: Path) -> None:
    init(modules, spec(tmp_path / "b"))
    (tmp_path / "b" / "file").write_text("precious")
    assert drop(modules, spec(tmp_path / "b"), undo=True) == ["kept"]
    assert (tmp_path / "b" / "file").read_text() == "precious"
    assert modules["marks"].volume_id(str(tmp_path / "b")) == VOLUME


def test_undo_leaves_a_directory_that_was_there_before(modules: Any, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    init(modules, spec(tmp_path / "b"))
    (tmp_path / "b" / ".glusterfs" / "00").mkdir()
    assert drop(modules, spec(tmp_path / "b"), undo=True) == ["undone"]
    assert os.listdir(tmp_path / "b") == []
    assert os.listxattr(tmp_path / "b") == []


def test_undo_of_what_was_never_made_is_fine(modules: Any, tmp_path: Path) -> None:
    assert drop(modules, spec(tmp_path / "b"), undo=True) == ["absent"]
    foreign_id(tmp_path / "c", modules)
    assert drop(modules, spec(tmp_path / "c"), undo=True) == ["absent"]
    assert (tmp_path / "c").is_dir()


def test_wipe_removes_everything_of_this_unit(modules: Any, tmp_path: Path) -> None:
    path = tmp_path / "b"
    (tmp_path / "outside").write_text("precious")
    init(modules, spec(path))
    (path / "dir").mkdir()
    (path / "dir" / "file").write_text("x")
    (path / "link").symlink_to(tmp_path / "outside")
    assert drop(modules, spec(path), wipe=True) == ["wiped"]
    assert not path.exists()
    assert (tmp_path / "outside").read_text() == "precious"
    assert drop(modules, spec(path), wipe=True) == ["absent"]


def test_wipe_refuses_another_unit_and_touches_none(modules: Any, tmp_path: Path) -> None:
    init(modules, spec(tmp_path / "b1"), spec(tmp_path / "b2", unit_id="another"))
    with pytest.raises(Exception, match="another storage unit"):
        drop(modules, spec(tmp_path / "b1"), spec(tmp_path / "b2"), wipe=True)
    assert (tmp_path / "b1" / ".glusterfs").is_dir()


def test_wipe_refuses_an_unmarked_directory_with_files(modules: Any, tmp_path: Path) -> None:
    with_a_file(tmp_path / "b", modules)
    with pytest.raises(Exception, match="carries no marks"):
        drop(modules, spec(tmp_path / "b"), wipe=True)
    assert (tmp_path / "b" / "precious").exists()


def test_giving_up_without_wipe_leaves_data_and_marks(modules: Any, tmp_path: Path) -> None:
    init(modules, spec(tmp_path / "b"))
    assert drop(modules, spec(tmp_path / "b")) == ["kept"]
    assert modules["marks"].record(str(tmp_path / "b"))["unit"] == UNIT


def test_probe_of_paths_leaves_nothing_behind(modules: Any, tmp_path: Path) -> None:
    init(modules, spec(tmp_path / "b"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "f").write_text("")
    before = sorted(tmp_path.rglob("*"))
    probe = modules["paths"].probe
    new, made = probe(str(tmp_path / "x" / "y")), probe(str(tmp_path / "b"))
    assert (new["exists"], new["parent_exists"], new["empty"]) == (False, False, True)
    assert (made["volume_id"], made["record"]["unit"]) == (VOLUME, UNIT)
    assert new["fsid"] == made["fsid"]
    assert probe(str(tmp_path / "full"))["entries"] == ["f"]
    assert probe(str(tmp_path / "b" / "in"))["parent_volume_id"]["path"] == str(tmp_path / "b")
    assert made["size_bytes"] > made["free_bytes"] > 0
    assert sorted(tmp_path.rglob("*")) == before


def test_probe_tells_file_systems_apart(modules: Any) -> None:
    probe = modules["paths"].probe
    assert probe("/proc")["fsid"] != probe("/")["fsid"]
    assert probe("/")["is_rootfs"]
    assert probe("/proc")["is_mount_point"]
    assert not probe("/proc")["is_rootfs"]
