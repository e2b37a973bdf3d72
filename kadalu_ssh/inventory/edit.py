"""Writing a host into an inventory, keeping all that the user wrote."""

import json
from collections.abc import Mapping
from pathlib import Path

import yaml

from kadalu_ssh.files import write_private
from kadalu_ssh.inventory.inventory import load
from kadalu_ssh.inventory.marked import Source, is_null
from kadalu_ssh.model.errors import Refused

_NEW = "# Hosts that kadalu reaches: see inventory.example.yml.\nall:\n  hosts:\n"


def append_host(path: Path, name: str, variables: Mapping[str, object]) -> None:
    """Add a host under `all: hosts:`. Raises Refused where that cannot be done safely."""
    text = path.read_text(encoding="utf-8") if path.exists() else _NEW
    line, indent = _place(path, text) if path.exists() else (len(text.splitlines()), 4)
    pad = " " * indent
    added = [f"{pad}{name}:\n"]
    added += [f"{pad}  {key}: {json.dumps(value)}\n" for key, value in variables.items()]
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    new = "".join([*lines[:line], *added, *lines[line:]])
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    write_private(path, new)
    path.chmod(mode)
    load(path)


def _place(path: Path, text: str) -> tuple[int, int]:
    """(line to insert at, indentation) for a host under `all: hosts:`."""
    source = Source(path)
    root = source.mapping(source.read(), "an inventory")
    everyone = source.mapping(root["all"][1], "all") if "all" in root else {}
    if "hosts" not in everyone:
        raise _by_hand(path)
    key, hosts = everyone["hosts"]
    if is_null(hosts):
        return key.start_mark.line + 1, key.start_mark.column + 2
    if not isinstance(hosts, yaml.MappingNode) or hosts.flow_style or not hosts.value:
        raise _by_hand(path)
    return hosts.start_mark.line, hosts.start_mark.column


def _by_hand(path: Path) -> Refused:
    return Refused(f"{path} has no 'all: hosts:' block to add a host to", hint="add it by hand")
