"""install: which programs it runs, and what it makes of their failure."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.node_modules import FakeContext, load


class Shell(FakeContext):
    """Keeps what is run; the package manager ends with `status`."""

    def __init__(self, status: int = 0) -> None:
        super().__init__()
        self.status = status
        self.argv: list[list[str]] = []

    def command(self, argv: list[str], **options: Any) -> tuple[int, str, str]:
        self.argv.append(argv)
        return self.status, "", "E: first\nE: Unable to locate package"


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A host without GlusterFS, where installing brings it."""
    loaded = load(tmp_path)
    versions = iter([None, "11.1"])
    probe = loaded["install"].glusterfs
    monkeypatch.setattr(probe, "probe", lambda ctx: {"glusterfs": next(versions)})
    return loaded


def has(modules: Any, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    def which(name: str) -> str | None:
        return f"/usr/bin/{name}" if name in names else None

    monkeypatch.setattr(modules["install"].shutil, "which", which)


@pytest.mark.parametrize(
    ("manager", "first"),
    [
        ("apt-get", ["apt-get", "-q", "update"]),
        ("dnf", ["dnf", "-q", "-y", "install"]),
        ("zypper", ["zypper", "--non-interactive", "install"]),
    ],
)
def test_uses_the_package_manager_that_is_there(
    modules: Any, monkeypatch: pytest.MonkeyPatch, manager: str, first: list[str]
) -> None:
    has(modules, monkeypatch, manager)
    shell = Shell()
    answer = modules["install"].run({}, shell)
    assert answer == {"changed": True, "glusterfs": "11.1", "manager": manager}
    assert shell.argv[0][: len(first)] == first
    assert any("glusterfs" in word for word in shell.argv[-1])


def test_says_what_the_package_manager_said(modules: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    has(modules, monkeypatch, "apt-get")
    with pytest.raises(Exception, match=r"^apt-get: E: Unable to locate package$"):
        modules["install"].run({}, Shell(status=100))


def test_a_host_without_a_package_manager(modules: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    has(modules, monkeypatch)
    with pytest.raises(Exception, match="no package manager"):
        modules["install"].run({}, Shell())
