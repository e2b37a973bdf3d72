"""Crawls: the order of directories, what is counted, what is asked of a mount. On real files."""

import errno
import json
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.unit.node_modules import FakeContext, load


@pytest.fixture
def modules(tmp_path: Path) -> Any:
    return load(tmp_path / "host")


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """A storage unit, with what is GlusterFS's own in it."""
    root = tmp_path / "unit"
    for folder in ("a/b/c", "a/z", "b", ".glusterfs/00/ff", ".glusterfs-anonymous-inode-x/y"):
        (root / folder).mkdir(parents=True)
    for name in ("f", "a/f", "a/b/f", "a/b/c/f", "b/f"):
        (root / name).write_bytes(b"x" * 9000)
        os.link(root / name, root / ".glusterfs" / name.replace("/", "-"))
    (root / "a" / "pointer").touch()
    (root / "a" / "pointer").chmod(0o1000)
    (root / "b" / "soft").symlink_to("f")
    return root


WHOLE = ["", "a", "a/b", "a/b/c", "a/z", "b"]


def test_parents_come_first_and_what_is_glusterfs_own_is_left_out(modules: Any, unit: Path) -> None:
    assert list(modules["directories"].walk(str(unit))) == WHOLE


@pytest.mark.parametrize("at", range(len(WHOLE)))
def test_a_walk_is_taken_up_where_it_was_left(modules: Any, unit: Path, at: int) -> None:
    assert list(modules["directories"].walk(str(unit), WHOLE[at])) == WHOLE[at + 1 :]


def test_it_goes_on_also_when_the_last_directory_is_gone(modules: Any, unit: Path) -> None:
    assert list(modules["directories"].walk(str(unit), "a/b/gone")) == ["a/z", "b"]
    assert list(modules["directories"].walk(str(unit), "a/a")) == ["a/b", "a/b/c", "a/z", "b"]


def test_pointers_to_other_groups_are_no_files(modules: Any, unit: Path) -> None:
    assert [name for name, _ in modules["directories"].files(str(unit), "a")] == ["f"]
    assert [name for name, _ in modules["directories"].files(str(unit), "b")] == ["f", "soft"]
    assert modules["directories"].files(str(unit), "gone") == []


def test_what_is_left_in_a_unit_is_counted_and_named(modules: Any, unit: Path) -> None:
    found = modules["leftovers"].run({"units": [str(unit)]}, FakeContext())["units"][str(unit)]
    assert found["files"] == 6 and "b/soft" in found["some"]


@pytest.mark.parametrize(
    ("throttle", "cores", "size"),
    [("lazy", 64, 1), ("normal", 1, 1), ("normal", 2, 1), ("normal", 4, 2), ("normal", 64, 4),
     ("aggressive", 1, 2), ("aggressive", 8, 8), ("aggressive", 64, 16)],
)  # fmt: skip
def test_how_many_files_at_a_time(modules: Any, throttle: str, cores: int, size: int) -> None:
    assert modules["crawl_work"].crew_size(throttle, cores) == size


class Mount:
    """Stands in for os.setxattr on a mount: who was asked for, and what it answers."""

    def __init__(self, answers: dict[str, list[int]]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, str]] = []

    def setxattr(self, path: str, name: str, value: bytes, follow_symlinks: bool = True) -> None:
        self.asked.append((os.path.relpath(path, "/m"), name))
        pending = self.answers.get(os.path.relpath(path, "/m"), [])
        if pending:
            number = pending.pop(0)
            raise OSError(number, os.strerror(number))


def crawl(
    modules: Any, unit: Path, mount: Mount, monkeypatch: pytest.MonkeyPatch,
    stopping: threading.Event | None = None, **job: Any,
) -> Any:  # fmt: skip
    """Run a crawl to its end; returns what it wrote down."""
    work, status = modules["crawl_work"], str(unit.parent / "status.json")
    monkeypatch.setattr(work.os, "setxattr", mount.setxattr)
    monkeypatch.setattr(work, "_PAUSE", 0.0)
    whole = {
        "run": "r", "unit": str(unit), "mount": "/m", "status": status, "kind": "migrate",
        "lead": True, "throttle": "lazy", "force": False, **job,
    }  # fmt: skip
    book = modules["crawl_book"].Book(status, whole["kind"] != "layout")
    done = work.work(whole, book, stopping or threading.Event())
    book.end("complete" if done else "interrupted")
    return json.loads(Path(status).read_text())


def test_every_directory_then_every_file(
    modules: Any, unit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exists, full, gone = errno.EEXIST, errno.ENOSPC, errno.ENOENT
    mount = Mount({"a/f": [exists], "b/f": [full], "a/b/f": [gone], "f": [errno.EACCES]})
    found = crawl(modules, unit, mount, monkeypatch)
    fixed = [path for path, name in mount.asked if name == "distribute.fix.layout"]
    assert fixed == [".", *WHOLE[1:]]
    assert mount.asked[len(fixed)] == (".", "trusted.kadalu.layout")
    assert found["skipped"] == {"in place": 1, "no space there": 1, "gone": 1}
    assert (found["files_moved"], found["files_failed"], found["files_scanned"]) == (2, 1, 6)
    assert found["failures"] == [{"path": "f", "reason": "Permission denied"}]
    assert found["bytes_scanned"] == found["total_bytes"] > 5 * 9000
    assert (found["state"], found["percent"]) == ("complete", 100)


def test_what_a_unit_that_is_away_makes_fail_is_tried_again(
    modules: Any, unit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mount = Mount({"a/f": [errno.ENOTCONN] * 3, "b/f": [errno.ESTALE]})
    found = crawl(modules, unit, mount, monkeypatch)
    assert (found["files_moved"], found["files_failed"]) == (6, 0)


def test_the_names_of_one_file_are_counted_once_and_stay(
    modules: Any, unit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.link(unit / "a" / "f", unit / "a" / "g")
    mount = Mount({"a/f": [errno.EPERM], "a/g": [errno.EPERM]})
    found = crawl(modules, unit, mount, monkeypatch)
    assert found["skipped"] == {"hard links": 2} and found["files_failed"] == 0
    assert found["bytes_scanned"] == found["total_bytes"] == 5 * 12288


def test_of_a_group_that_leaves_a_name_that_does_not_move_is_a_failure(
    modules: Any, unit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.link(unit / "a" / "f", unit / "a" / "g")
    mount = Mount({"a/g": [errno.EPERM]})
    assert crawl(modules, unit, mount, monkeypatch, kind="shrink")["files_failed"] == 1


def test_layout_only_moves_nothing(
    modules: Any, unit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mount = Mount({})
    found = crawl(modules, unit, mount, monkeypatch, kind="layout")
    assert {name for _, name in mount.asked} == {"distribute.fix.layout", "trusted.kadalu.layout"}
    assert (found["percent"], found["directories"], found["files_scanned"]) == (100, 6, 0)


def test_100_is_only_for_what_is_complete(modules: Any, tmp_path: Path) -> None:
    book = modules["crawl_book"].Book(str(tmp_path / "s"), True)
    book.set(phase="files", total_bytes=100)
    book.take([((None, "", "f"), 500, False)])
    book.count("f", "moved")
    book.set()
    assert book["percent"] == 99
    again = modules["crawl_book"].Book(str(tmp_path / "s"), True)
    again.set(bytes_scanned=10)
    assert again["percent"] == 99, "it never goes back"


class Died(BaseException):
    """The crawl's process is killed."""


class Moving(Mount):
    """Moves files away for good, but for those that have other names; at one of them it dies."""

    def __init__(self, unit: Path, at: int, after: bool, stopping: threading.Event | None) -> None:
        super().__init__({})
        self.unit, self.at, self.after, self.stopping = unit, at, after, stopping
        self.gone: set[str] = set()
        self.dead = False

    def setxattr(self, path: str, name: str, value: bytes, follow_symlinks: bool = True) -> None:
        if name != "trusted.distribute.migrate-data":
            return
        self.at -= 1
        self.dead |= self.at == 0 and not self.after and not self.stopping
        if self.dead:
            raise Died
        try:
            self._move(os.path.relpath(path, "/m"))
        finally:
            self._end()

    def _move(self, path: str) -> None:
        local = self.unit / path
        if path in self.gone or path == "b/f":
            raise OSError(errno.EEXIST, "it is there")
        if local.stat(follow_symlinks=False).st_nlink > 2:
            raise OSError(errno.EPERM, "it has other names")
        local.unlink()
        self.gone.add(path)

    def _end(self) -> None:
        if self.at == 0 and self.stopping:
            self.stopping.set()
        elif self.at == 0 and self.after:
            self.dead = True
            raise Died


@pytest.mark.parametrize("at", [1, 3, 4, 6, 8])
@pytest.mark.parametrize(("chunk", "often"), [(2, 0.0), (3, 1000.0), (256, 0.0), (256, 1000.0)])
@pytest.mark.parametrize("end", ["before", "after", "stopped"])
def test_nothing_is_counted_twice_whenever_it_dies(
    modules: Any, unit: Path, monkeypatch: pytest.MonkeyPatch, at: int, chunk: int, often: float,
    end: str,
) -> None:  # fmt: skip
    os.link(unit / "a" / "f", unit / "a" / "g")
    os.link(unit / "a" / "f", unit / "b" / "g")
    monkeypatch.setattr(modules["crawl_work"], "_CHUNK", chunk, raising=False)
    monkeypatch.setattr(modules["crawl_book"], "_SAVE_EVERY", often)
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    written: list[dict[str, Any]] = []
    save = modules["crawl_book"].write_json
    monkeypatch.setattr(
        modules["crawl_book"], "write_json",
        lambda path, values: (written.append(dict(values)), save(path, values)),
    )  # fmt: skip
    stopping = threading.Event()
    mount = Moving(unit, at, end == "after", stopping if end == "stopped" else None)
    with suppress(Died):
        crawl(modules, unit, mount, monkeypatch, stopping)
    mount.dead, mount.at = False, -1
    found = crawl(modules, unit, mount, monkeypatch)
    assert (found["files_scanned"], found["bytes_scanned"]) == (8, found["total_bytes"])
    assert found["files_moved"] == len(mount.gone) == 4 and found["files_failed"] == 0
    assert found["skipped"] == {"hard links": 3, "in place": 1}
    percents = [values["percent"] for values in written]
    assert percents == sorted(percents) and percents[-1] == 100
    assert all(values["bytes_scanned"] <= found["total_bytes"] for values in written)


def test_the_names_of_what_is_next_stay_on_the_node(modules: Any, tmp_path: Path) -> None:
    book = modules["crawl_book"].Book(str(tmp_path / "s"), True)
    book.take([((None, "", "f"), 500, False)])
    assert json.loads((tmp_path / "s").read_text())["left"] == {"f": [500, False]}
    assert "left" not in modules["crawls"]._book(str(tmp_path / "s"))


def test_in_a_group_that_leaves_nothing_is_in_place(
    modules: Any, unit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DHT says so of a file whose name another one has in another group: it would stay for ever."""
    mount = Mount({"a/f": [errno.EEXIST]})
    found = crawl(modules, unit, mount, monkeypatch, kind="shrink")
    assert found["files_failed"] == 1 and "in place" not in found["skipped"]
    (failure,) = found["failures"]
    assert failure["path"] == "a/f" and "another file of this name" in failure["reason"]
