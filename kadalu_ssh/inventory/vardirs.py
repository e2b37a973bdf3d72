"""`group_vars/` and `host_vars/` beside an inventory: more variables, in files by name."""

from collections.abc import Collection, Iterator
from pathlib import Path

from kadalu_ssh.inventory.marked import Source, read
from kadalu_ssh.inventory.tree import Tree
from kadalu_ssh.inventory.variables import Variables, read_variables
from kadalu_ssh.model.errors import Refused

_SUFFIXES = ("", ".yml", ".yaml", ".json")


def read_vardirs(base: Path, tree: Tree) -> list[Source]:
    """Add to the groups and hosts of `tree` what the directories in `base` say of them.

    Returns the files that were read. One that Ansible Vault encrypted as a whole is left out.
    Raises Refused as for the inventory itself.
    """
    sources: list[Source] = []
    if present := _names_in(base / "group_vars"):
        for name, group in tree.groups.items():
            group.extra |= _read(base / "group_vars", name, present, sources)
    if present := _names_in(base / "host_vars"):
        for name, host in tree.hosts.items():
            host.variables |= _read(base / "host_vars", name, present, sources)
    return sources


def _names_in(directory: Path) -> Collection[str]:
    try:
        return {path.name for path in directory.iterdir()}
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as error:
        raise Refused(f"cannot read {directory}: {error.strerror}") from error


def _read(directory: Path, name: str, present: Collection[str], sources: list[Source]) -> Variables:
    """The variables of one name: of the first that there is of a directory or file without
    suffix, `.yml`, `.yaml` and `.json`."""
    found: Variables = {}
    first = next((name + suffix for suffix in _SUFFIXES if name + suffix in present), None)
    if first is None:
        return found
    for path in _files(directory / first):
        source = read(path)
        if source.text.startswith("$ANSIBLE_VAULT;"):
            continue
        sources.append(source)
        if (root := source.root()) is not None:
            found |= read_variables(source, root, path.name)
    return found


def _files(path: Path) -> Iterator[Path]:
    """The file itself; of a directory all variable files in it, in order of their names."""
    if not path.is_dir():
        yield path
        return
    for inner in sorted(path.iterdir()):
        hidden = inner.name.startswith(".") or inner.name.endswith("~")
        if not hidden and (inner.is_dir() or inner.suffix in _SUFFIXES):
            yield from _files(inner)
