"""Writing a host into an inventory, keeping all that the user wrote."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import yaml

from kadalu_ssh.inventory.inventory import Inventory, load_source
from kadalu_ssh.inventory.marked import Loader, Source, is_null, read
from kadalu_ssh.inventory.schema import known
from kadalu_ssh.inventory.values import Unusable, Wrong, is_host, value_of
from kadalu_ssh.model.errors import Refused
from kadalu_ssh.model.names import shown

_NEW = """\
# Which hosts there are, and how SSH reaches them: docs/inventory.md shows all that can stand here.
all:
  hosts:
"""


class _Place(NamedTuple):
    """Where to insert, and how far in; `opening` has to come first."""

    line: int
    indent: int
    opening: str = ""


class Edited(NamedTuple):
    """An inventory with one host more, which is not in its file yet."""

    inventory: Inventory
    text: str

    def write(self) -> None:
        """Whole or not at all; mode and owner of the file stay."""
        _write(self.inventory.path.resolve(), self.text)


def append_host(path: Path, name: str, variables: Mapping[str, object]) -> None:
    """As `with_host`, written at once."""
    with_host(path, name, variables).write()


def with_host(path: Path, name: str, variables: Mapping[str, object]) -> Edited:
    """Add a host under `all: hosts:` of an inventory, which need not exist.

    Everything else in the file stays as it is, comments included. Variables that are None are left
    out; a relative key file is meant from the current directory. Raises Refused when the host is
    there already, when a value is no good, or when the file has no place where lines can be
    inserted safely.
    """
    given = {key: _checked(key, value) for key, value in variables.items() if value is not None}
    if not is_host(name):
        raise Refused(f"{shown(name)} cannot name a host")
    target = path.resolve()
    before = read(target) if target.exists() else None
    source = before or Source(path, _NEW)
    old = load_source(Source(path, source.text))
    if name in old.hosts:
        raise Refused(f"{name} is in {path} already ({old.hosts[name].place})")
    after = Source(path, _inserted(source, name, given))
    return Edited(_verified(old, after, name), after.text)


def _checked(key: str, value: object) -> object:
    """The value as it goes into the file; raises Refused for one that could not stay there."""
    if key not in known():
        raise Refused(f"there is no inventory variable {shown(key)}")
    if known()[key].type == "path":
        text = str(value)
        value = text if text.startswith("~") else str(Path.cwd() / text)
    node = yaml.compose(yaml.safe_dump(value), Loader)
    assert node is not None
    try:
        read_back = value_of(known()[key], node)
    except Wrong as wrong:
        raise Refused(f"{key} {wrong.what}", hint=wrong.hint) from None
    if isinstance(read_back, Unusable):
        raise Refused(f"{key} {read_back.what}", hint=read_back.hint)
    return value


def _inserted(source: Source, name: str, variables: Mapping[str, object]) -> str:
    place = _place(source)
    dumped = yaml.safe_dump(
        {name: dict(variables) or None}, sort_keys=False, width=10_000, allow_unicode=True
    )
    dumped = dumped.replace(": null\n", ":\n")
    pad = " " * place.indent
    added = place.opening + "".join(pad + line for line in dumped.splitlines(keepends=True))
    newline = "\r\n" if "\r\n" in source.text else "\n"
    lines = source.text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += newline
    return "".join([*lines[: place.line], added.replace("\n", newline), *lines[place.line :]])


def _place(source: Source) -> _Place:
    """Behind the last host of `all: hosts:`; where that is missing, where it would begin."""
    root = source.root()
    if root is None or is_null(root):
        return _Place(len(source.text.splitlines()), 4, "all:\n  hosts:\n")
    everything = _inside(source, root, "all")
    if everything is None:
        return _Place(_end(root), 4, "all:\n  hosts:\n")
    key, value = everything
    if is_null(value) and not value.value:
        return _Place(key.end_mark.line + 1, 4, "  hosts:\n")
    hosts = _inside(source, value, "hosts")
    if hosts is None:
        column = value.start_mark.column
        return _Place(value.start_mark.line, column + 2, " " * column + "hosts:\n")
    key, value = hosts
    if is_null(value) and not value.value:
        return _Place(key.end_mark.line + 1, key.start_mark.column + 2)
    _need_block(source, value, key)
    return _Place(_end(value), value.start_mark.column)


def _inside(source: Source, node: yaml.Node, name: str) -> tuple[yaml.Node, yaml.Node] | None:
    """Key and value of `name` in a mapping that lines can be inserted into."""
    _need_block(source, node, node)
    return next(((k, v) for k, v in node.value if k.value == name), None)


def _need_block(source: Source, node: yaml.Node, key: yaml.Node) -> None:
    """Refuse what is written in one line: {a: , b: }."""
    if not isinstance(node, yaml.MappingNode) or node.flow_style or not node.value:
        raise Refused(
            f"{source.place(key)}: a host cannot be inserted here",
            hint="add it by hand, or write the mapping as one indented line per entry",
        )


def _end(node: yaml.Node) -> int:
    """The number of lines up to the end of `node`, without comments that follow it."""
    if isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        last = node.value[-1]
        key, value = last if isinstance(last, tuple) else (last, last)
        # An alias stands where it is used, not where its value was written.
        return max(_end(value), int(key.end_mark.line) + 1)
    if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
        return int(node.end_mark.line) + (node.end_mark.column > 0)
    return int(node.end_mark.line) + 1


def _verified(old: Inventory, after: Source, name: str) -> Inventory:
    """The new text has to say all that the old one said, and the host besides."""
    new = load_source(after)
    said = {host: (entry.variables, entry.groups) for host, entry in new.hosts.items()}
    groups = {group: (g.variables, g.children) for group, g in new.groups.items()}
    was = {host: (entry.variables, entry.groups) for host, entry in old.hosts.items()}
    if (
        said.pop(name, ({}, {}))[1] != {"all": None}
        or said != was
        or groups != {group: (g.variables, g.children) for group, g in old.groups.items()}
    ):
        raise Refused(f"{name} cannot be inserted safely into {after.path}", hint="add it by hand")
    return new


def _write(path: Path, text: str) -> None:
    """A new file is for the user alone."""
    from kadalu_ssh.files import write_private  # here: completion has no use for it

    stat = path.stat() if path.exists() else None
    write_private(path, text)
    if stat:
        if stat.st_uid != os.geteuid():
            os.chown(path, stat.st_uid, stat.st_gid)
        path.chmod(stat.st_mode & 0o7777)
