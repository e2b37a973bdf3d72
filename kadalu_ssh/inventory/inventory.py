"""inventory.yml → hosts and how to reach them."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from kadalu_ssh.inventory.marked import Scalar, Source
from kadalu_ssh.inventory.ranges import expand
from kadalu_ssh.inventory.schema import canonical, check_key, check_value
from kadalu_ssh.model.errors import Refused
from kadalu_ssh.model.names import shown
from kadalu_ssh.model.reach import Reach
from kadalu_ssh.model.secret import Secret

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.:-]*[A-Za-z0-9])?", re.ASCII)
_GROUP_KEYS = ("hosts", "vars", "children")
_HOST_RANK = 1 << 20
"""Above every group's depth."""

Variables = dict[str, tuple[tuple[int, int], Scalar]]
"""Variable → ((rank, order), value): the highest counts."""


@dataclass
class Inventory:
    """Hosts by name, in the order of the file."""

    path: Path
    hosts: dict[str, Variables] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def names(self) -> list[str]:
        return list(self.hosts)

    def reach(self, name: str) -> Reach:
        """How to reach a host. Raises Refused for an unknown one."""
        if name not in self.hosts:
            close = difflib.get_close_matches(name, self.hosts, 1)
            hint = f"did you mean {close[0]}?" if close else f"add it to {self.path}"
            raise Refused(f"{shown(name)} is not in the inventory {self.path}", hint=hint)
        values = {key: value for key, (_, value) in self.hosts[name].items()}
        return _reach(name, values, self.path.parent, self.places[name])


def _reach(name: str, values: Mapping[str, Scalar], base: Path, place: str) -> Reach:
    def text(key: str) -> str | None:
        value = values.get(key)
        return None if value is None else str(value)

    def secret(key: str) -> Secret | None:
        value = text(key)
        return None if value is None else Secret(value)

    port, become, key_file = values.get("ansible_port"), values.get("ansible_become"), None
    if written := text("ansible_ssh_private_key_file"):
        key_file = base / Path(written).expanduser()
    python = text("ansible_python_interpreter") or "python3"
    return Reach(
        name=name, host=text("ansible_host") or name, source=place, key_file=key_file,
        local=text("ansible_connection") == "local",
        user=text("ansible_user"), port=port if isinstance(port, int) else None,
        password=secret("ansible_password"),
        become=become if isinstance(become, bool) else None,
        become_password=secret("ansible_become_password"),
        python="python3" if python.startswith("auto") else python,
        address=text("kadalu_address"), zone=text("kadalu_zone"),
    )  # fmt: skip


def load(path: Path) -> Inventory:
    """Read and check an inventory. Raises Refused with file, line and column."""
    reader = _Reader(path)
    root = reader.source.mapping(reader.source.read(), "an inventory")
    for name, (key, node) in root.items():
        reader.group(name, key, node, 0 if name == "all" else 1, {})
    reader.inventory.warnings = _readable_secrets(reader)
    return reader.inventory


def _readable_secrets(reader: "_Reader") -> list[str]:
    path = reader.inventory.path
    if reader.has_password and path.stat().st_mode & 0o077:
        return [f"{path} holds a password and can be read by others: chmod 600 {path}"]
    return []


class _Reader:
    def __init__(self, path: Path) -> None:
        self.source = Source(path)
        self.inventory = Inventory(path)
        self.has_password = False
        self.order = 0
        self.group_vars: dict[str, Variables] = {}

    def group(
        self, name: str, key: yaml.Node, node: yaml.Node, depth: int, inherited: Variables
    ) -> None:
        """A group's hosts get its variables and those of the groups around it."""
        parts = self.source.mapping(node, f"group {name}")
        for part, (part_key, _) in parts.items():
            if part not in _GROUP_KEYS:
                close = difflib.get_close_matches(part, _GROUP_KEYS, 1)
                hint = f"did you mean {close[0]}?" if close else "a group has hosts, vars, children"
                self.source.refuse(part_key, f"group {name} cannot have {part!r}", hint)
        variables = dict(inherited)
        if "vars" in parts:
            own = self._variables(parts["vars"][1], depth, f"vars of {name}")
            self.group_vars.setdefault(name, {}).update(own)
        variables.update(self.group_vars.get(name, {}))
        if "hosts" in parts:
            for pattern, (host_key, value) in self._hosts(parts["hosts"][1], name).items():
                self._host(pattern, host_key, value, variables)
        if "children" in parts:
            children = self.source.mapping(parts["children"][1], f"children of {name}")
            for child, (child_key, child_node) in children.items():
                self.group(child, child_key, child_node, depth + 1, variables)

    def _hosts(self, node: yaml.Node, group: str) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        return self.source.mapping(node, f"hosts of {group}")

    def _host(self, pattern: str, key: yaml.Node, node: yaml.Node, inherited: Variables) -> None:
        own = self._variables(node, _HOST_RANK, f"host {pattern}")
        try:
            names = list(expand(pattern))
        except ValueError as error:
            self.source.refuse(key, str(error))
        for name in names:
            if len(name) > 253 or not _HOST.fullmatch(name):
                self.source.refuse(key, f"{shown(name)} cannot name a host")
            found = self.inventory.hosts.setdefault(name, {})
            self.inventory.places.setdefault(name, self.source.place(key))
            for variables in (inherited, own):
                _merge(found, variables)

    def _variables(self, node: yaml.Node, rank: int, what: str) -> Variables:
        found: Variables = {}
        for key, (key_node, value) in self.source.mapping(node, what).items():
            if not check_key(self.source, key_node, key):
                continue
            name = canonical(key)
            scalar = check_value(self.source, value, name, self.source.scalar(value, name))
            self.has_password |= "password" in name
            self.order += 1
            found[name] = ((rank, self.order), scalar)
        return found


def _merge(into: Variables, variables: Variables) -> None:
    for key, (rank, value) in variables.items():
        if key not in into or into[key][0] <= rank:
            into[key] = (rank, value)
