"""inventory.yml → hosts and how to reach them."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from kadalu_ssh.inventory.marked import Source, read
from kadalu_ssh.inventory.schema import closest
from kadalu_ssh.inventory.tree import Group, HostEntry, Tree, above
from kadalu_ssh.inventory.values import Unusable, Value
from kadalu_ssh.inventory.vardirs import read_vardirs
from kadalu_ssh.inventory.variables import Variables
from kadalu_ssh.model.errors import Refused
from kadalu_ssh.model.names import shown
from kadalu_ssh.model.reach import Reach
from kadalu_ssh.model.secret import Secret

_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
"""Names that mean this machine without standing in the inventory, as for Ansible."""

_T = TypeVar("_T")


@dataclass
class Inventory:
    """What one inventory file says; hosts and groups are in its order."""

    path: Path
    hosts: dict[str, HostEntry]
    groups: dict[str, Group]
    warnings: list[str]
    """For the user, one line each."""

    def names(self) -> list[str]:
        """All hosts."""
        return list(self.hosts)

    def reach(self, name: str) -> Reach:
        """How to reach a host. Raises Refused for one that is not there, or where a variable
        that is needed has a value that only Ansible could use."""
        if name not in self.hosts:
            return self._not_listed(name)
        values = self.variables(name)
        for value in values.values():
            if isinstance(value, Unusable):
                raise Refused(f"{value.place}: {value.what}", hint=value.hint)
        return _reach(self.hosts[name], values, self.path.parent)

    def local_name(self) -> str:
        """The name of this machine: the first host with `ansible_connection: local`."""
        for name in self.hosts:
            if self.variables(name).get("ansible_connection") == "local":
                return name
        return "localhost"

    def variables(self, name: str) -> Variables:
        """The variables of a host of the inventory. What counts most comes last: the groups'
        `vars`, the outermost first, then `group_vars/` likewise, then the host's own."""
        host = self.hosts[name]
        groups = self._groups_of(host.groups)
        found: Variables = {}
        for layer in (*(g.variables for g in groups), *(g.extra for g in groups)):
            found |= layer
        return found | host.variables

    def _groups_of(self, names: Iterable[str]) -> list[Group]:
        """Those and the groups around them, by depth, then priority, then name: Ansible's order."""
        found = [self.groups[name] for name in above(self.groups, names) | {"all"}]
        return sorted(found, key=lambda g: (self._depths[g.name], _priority(g), g.name))

    @cached_property
    def _depths(self) -> dict[str, int]:
        """Group → the longest way down to it from `all`."""
        depths = {"all": 0}
        waiting = [name for name in self.groups if name != "all"]
        while waiting:
            later = []
            for name in waiting:
                parents = self.groups[name].parents
                if all(parent in depths for parent in parents):
                    depths[name] = 1 + max((depths[parent] for parent in parents), default=0)
                else:
                    later.append(name)
            waiting = later
        return depths

    def _not_listed(self, name: str) -> Reach:
        if name in _THIS_MACHINE:
            return Reach(name=name, host=name, local=True)
        close = closest(name, self.hosts)
        hint = f"did you mean {close}?" if close else f"add it to {self.path}"
        known = name if name.isprintable() and name.isascii() and len(name) < 80 else shown(name)
        raise Refused(f"{known} is not in the inventory {self.path}", hint=hint)


def load(path: Path) -> Inventory:
    """Read and check an inventory, with the `group_vars/` and `host_vars/` beside it.

    Raises Refused: `FILE:LINE:COLUMN: what is wrong`, with a hint.
    """
    try:
        source = read(path)
    except FileNotFoundError:
        raise Refused(
            f"there is no inventory {path}",
            hint="write one (docs/inventory.md shows how), or: kadalu cluster create NAME, "
            "and then kadalu node add HOST --user USER, which writes it",
        ) from None
    return load_source(source)


def empty(path: Path) -> Inventory:
    """What there is before `path` is written."""
    return load_source(Source(path, ""))


def load_source(source: Source) -> Inventory:
    """As `load`, of a text that is not (yet) in the file."""
    try:
        tree = Tree(source)
    except RecursionError:
        raise Refused(f"{source.path}: it is nested too deeply, or inside itself") from None
    sources = [source, *read_vardirs(source.path.parent, tree)]
    warnings = [*tree.warnings, *(_warning(s) for s in sources if s.holds_secret and _is_open(s))]
    return Inventory(source.path, tree.hosts, tree.groups, warnings)


def _is_open(source: Source) -> bool:
    return source.path.exists() and source.path.stat().st_mode & 0o044 != 0


def _warning(source: Source) -> str:
    return f"{source.path} holds a password, and others can read it: chmod 600 {source.path}"


def _priority(group: Group) -> int:
    priority = _get(group.variables, "ansible_group_priority", int)
    return 1 if priority is None else priority


def _get(values: Variables, key: str, kind: type[_T]) -> _T | None:
    value: Value = values.get(key)
    return value if isinstance(value, kind) else None


def _reach(host: HostEntry, values: Variables, base: Path) -> Reach:
    key_file = _get(values, "ansible_ssh_private_key_file", str)
    return Reach(
        name=host.name,
        host=_get(values, "ansible_host", str) or host.name,
        local=values.get("ansible_connection") == "local",
        user=_get(values, "ansible_user", str),
        port=_get(values, "ansible_port", int),
        key_file=base / Path(key_file).expanduser() if key_file else None,
        password=_get(values, "ansible_password", Secret),
        become=_get(values, "ansible_become", bool),
        become_password=_get(values, "ansible_become_password", Secret),
        python=_get(values, "ansible_python_interpreter", str) or "python3",
        address=_get(values, "kadalu_address", str),
        zone=_get(values, "kadalu_zone", str),
        source=host.place,
    )
