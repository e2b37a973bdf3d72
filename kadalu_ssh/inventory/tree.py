"""The document of an inventory → groups, hosts and what each of them says."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import yaml

from kadalu_ssh.inventory.marked import Entries, Source, is_null
from kadalu_ssh.inventory.ranges import BadRange, expand
from kadalu_ssh.inventory.schema import closest
from kadalu_ssh.inventory.values import is_host
from kadalu_ssh.inventory.variables import Variables, read_variables
from kadalu_ssh.model.names import shown

_PARTS = ("hosts", "vars", "children")


@dataclass
class Group:
    """A group: what it says, and what is directly in it."""

    name: str
    variables: Variables = field(default_factory=dict)
    extra: Variables = field(default_factory=dict)
    """What `group_vars/` says: it counts more than every group's `vars`."""
    hosts: dict[str, None] = field(default_factory=dict)
    children: dict[str, None] = field(default_factory=dict)
    parents: dict[str, None] = field(default_factory=dict)


@dataclass
class HostEntry:
    """A host: what it says itself, and which groups it stands in."""

    name: str
    place: str
    """`FILE:LINE` where it stands first."""
    variables: Variables = field(default_factory=dict)
    groups: dict[str, None] = field(default_factory=dict)


def above(groups: Mapping[str, Group], names: Iterable[str]) -> set[str]:
    """The groups `names` and all groups that they are in."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(groups[name].parents)
    return found


class Tree:
    """Reads one document; `groups` and `hosts` are in its order. Raises Refused."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.groups: dict[str, Group] = {"all": Group("all")}
        self.hosts: dict[str, HostEntry] = {}
        self.warnings: list[str] = []
        root = source.root()
        self._check_root(root)
        for name, (key, value) in source.mapping(root, "the inventory").items():
            self._group(name, key, value)

    def _check_root(self, root: yaml.Node | None) -> None:
        if isinstance(root, yaml.ScalarNode | yaml.SequenceNode) and not is_null(root):
            self.source.refuse(
                root, "this is no YAML inventory: it does not start with `all:`",
                "to convert another kind: ansible-inventory -i FILE --list --yaml",
            )  # fmt: skip
        entries = self.source.mapping(root, "the inventory")
        if "plugin" in entries:
            self.source.refuse(
                entries["plugin"].key, "this configures an inventory plugin of Ansible",
                "write out what it finds: ansible-inventory -i FILE --list --yaml",
            )  # fmt: skip
        for part in _PARTS:
            if part in entries:
                self.source.refuse(entries[part].key, f"`{part}:` has to stand under `all:`")

    def _group(self, name: str, key: yaml.Node, node: yaml.Node) -> None:
        """Read one group where it stands; it may stand in several places."""
        if not name.strip() or not name.isprintable():
            self.source.refuse(key, f"{shown(name)} cannot name a group")
        group = self.groups.setdefault(name, Group(name))
        for part, entry in self.source.mapping(node, f"group {name}").items():
            if part == "vars":
                group.variables |= read_variables(self.source, entry.value, f"the vars of {name}")
            elif part == "hosts":
                for pattern, host in self._listed(entry.value, f"the hosts of {name}").items():
                    self._hosts(group, pattern, host.key, host.value)
            elif part == "children":
                self._children(group, self._listed(entry.value, f"the children of {name}"))
            else:
                self._not_a_part(name, part, entry.key)

    def _listed(self, node: yaml.Node, what: str) -> Entries:
        """As `mapping`; Ansible lets a lone name stand for itself."""
        if isinstance(node, yaml.ScalarNode) and node.value and not is_null(node):
            empty = yaml.ScalarNode("tag:yaml.org,2002:null", "", node.start_mark, node.end_mark)
            node = yaml.MappingNode("", [(node, empty)], node.start_mark, node.end_mark)
        return self.source.mapping(node, what)

    def _children(self, group: Group, entries: Entries) -> None:
        for name, (key, value) in entries.items():
            child = self.groups.setdefault(name, Group(name))
            if name == "all" or self._is_above(name, group.name):
                self.source.refuse(key, f"group {shown(name)} would be inside itself")
            group.children[name] = None
            child.parents[group.name] = None
            self._group(name, key, value)

    def _is_above(self, upper: str, lower: str) -> bool:
        """Whether `upper` is `lower` or any group that `lower` is in."""
        return upper in above(self.groups, [lower])

    def _hosts(self, group: Group, pattern: str, key: yaml.Node, node: yaml.Node) -> None:
        stem, port = _split_port(pattern)
        what = f"host {shown(pattern)}" if not is_host(pattern) else f"host {pattern}"
        own = read_variables(self.source, node, what, port)
        try:
            names = expand(stem)
        except BadRange as error:
            self.source.refuse(key, f"{shown(pattern)}: {error}")
        line = self.source.line(key)
        for name in names:
            if not is_host(name):
                hint = "it takes letters, digits, '.', '-' and '_', or an IPv6 address"
                self.source.refuse(key, f"{shown(name)} cannot name a host", hint)
            host = self.hosts.get(name) or self.hosts.setdefault(name, HostEntry(name, line))
            host.variables |= own
            host.groups[group.name] = None
            group.hosts[name] = None

    def _not_a_part(self, group: str, part: str, key: yaml.Node) -> None:
        """Ansible skips such a key; where it is surely a mistake, so that a host or a variable
        would go missing, say so."""
        what = f"group {group} has a key {shown(part)}"
        if close := closest(part, _PARTS):
            self.source.refuse(key, what, f"did you mean {close}?")
        if part.startswith(("ansible_", "kadalu")):
            self.source.refuse(key, what, "a variable of a group stands under its `vars:`")
        self.warnings.append(f"{self.source.place(key)}: {what}, which is skipped")


def _split_port(pattern: str) -> tuple[str, str | None]:
    """`HOST:PORT` and `[IPV6]:PORT` → (host, port)."""
    host, _, port = pattern.rpartition(":")
    if host.startswith("[") and host.endswith("]") and is_host(host[1:-1]) and ":" in host[2:]:
        return host[1:-1], port
    if pattern.startswith("[") and pattern.endswith("]") and pattern.count(":") > 1:
        inner = pattern[1:-1]
        return (inner, None) if is_host(inner) else (pattern, None)
    if host and port.isdigit() and not is_host(pattern) and "[" not in port:
        return host, port
    return pattern, None
