"""Arrows point one way, pure rooms do no I/O, and what runs on nodes needs nothing but Python."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "kadalu_ssh"

MAY_IMPORT = {
    "model": set(),
    "templates": set(),
    "volgen": {"model", "templates"},
    "manifest": {"model", "volgen", "templates"},
    "inventory": {"model", "files"},
    "state": {"model", "files"},
    "fleet": {"model", "files", "modules"},
    "operations": {"model", "files", "state", "manifest", "volgen", "fleet", "inventory"},
    "cli": {"model", "files", "operations", "inventory", "cli", ""},
}
PURE = ("model", "manifest", "volgen")
IO = {"os", "socket", "subprocess", "asyncio", "tempfile", "shutil", "fcntl"}


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_arrows_point_one_way(room: str) -> None:
    for path in (ROOT / room).glob("*.py"):
        for name in imports(path):
            parts = name.split(".")
            if parts[0] == "kadalu_ssh":
                target = parts[1] if len(parts) > 1 else ""
                assert target in MAY_IMPORT[room] | {room}, f"{path}: {name}"


@pytest.mark.parametrize("room", PURE)
def test_pure_rooms_do_no_io(room: str) -> None:
    for path in (ROOT / room).glob("*.py"):
        for name in imports(path):
            assert name.split(".")[0] not in IO, f"{path}: {name}"
        text = path.read_text(encoding="utf-8")
        assert "open(" not in text, path


def test_node_modules_import_the_standard_library_and_each_other() -> None:
    siblings = {path.stem for path in (ROOT / "modules").glob("*.py")}
    for path in (ROOT / "modules").glob("*.py"):
        for name in imports(path):
            assert name.split(".")[0] in siblings | set(sys.stdlib_module_names), f"{path}: {name}"


def test_node_modules_never_use_a_shell() -> None:
    for path in (ROOT / "modules").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                assert not any(k.arg == "shell" for k in node.keywords), path
            if isinstance(node, ast.Attribute):
                assert node.attr not in ("system", "popen", "getoutput"), path


def test_every_file_stays_readable() -> None:
    for path in ROOT.rglob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, path
