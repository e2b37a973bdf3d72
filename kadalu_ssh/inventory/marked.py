"""YAML with a place for everything: FILE:LINE:COLUMN in every error."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, NoReturn

import yaml

from kadalu_ssh.model.errors import Refused
from kadalu_ssh.model.names import shown

# Composing with libyaml takes a tenth of the time.
Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

TAG = "tag:yaml.org,2002:"
_READ_AS = {"int": "a number", "float": "a number", "bool": "true or false", "null": "nothing"}


class Entry(NamedTuple):
    """A key and its value, where they stand."""

    key: yaml.Node
    value: yaml.Node


Entries = dict[str, Entry]


class Source:
    """The text of one file, for messages about places in it."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.text = text
        self.holds_secret = False
        """Set by who reads a password out of it."""

    def place(self, node: yaml.Node) -> str:
        """`FILE:LINE:COLUMN`, both counted from 1."""
        return f"{self.line(node)}:{node.start_mark.column + 1}"

    def line(self, node: yaml.Node) -> str:
        """`FILE:LINE`."""
        return f"{self.path}:{node.start_mark.line + 1}"

    def refuse(self, node: yaml.Node, what: str, hint: str | None = None) -> NoReturn:
        """Raise Refused with the place of `node`."""
        raise Refused(f"{self.place(node)}: {what}", hint=hint)

    def root(self) -> yaml.Node | None:
        """The root node; None of an empty file. Raises Refused where it is not YAML."""
        try:
            return yaml.compose(self.text, Loader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = f"{self.path}:{mark.line + 1}:{mark.column + 1}" if mark else str(self.path)
            raise Refused(f"{place}: {error.problem or error.context}") from error
        except yaml.reader.ReaderError as error:
            raise Refused(f"{self.path}: it has a character that YAML does not allow") from error

    def mapping(self, node: yaml.Node | None, what: str, odd_keys: bool = False) -> Entries:
        """Key → entry, those of `<<` included; empty of nothing.

        Refuses other nodes than mappings, and keys that stand twice. Keys that are no text are
        left out with `odd_keys`, else refused.
        """
        if node is None or is_null(node):
            return {}
        if not isinstance(node, yaml.MappingNode):
            self._not_a_mapping(node, what)
        found: Entries = {}
        merged: Entries = {}
        for key, value in node.value:
            if key.tag == TAG + "merge":
                for inner in self._merged(value):
                    merged = self.mapping(inner, what, odd_keys) | merged
                continue
            if key.tag != TAG + "str":
                if odd_keys:
                    continue
                self._not_text(key, what)
            if key.value in found:
                first = found[key.value].key.start_mark.line + 1
                self.refuse(key, f"{shown(key.value)} stands twice in {what} (first: line {first})")
            found[key.value] = Entry(key, value)
        return merged | found

    def _merged(self, value: yaml.Node) -> Iterator[yaml.Node]:
        """What `<<: VALUE` brings in, the one that counts most first."""
        if isinstance(value, yaml.SequenceNode):
            yield from value.value
        else:
            yield value

    def _not_a_mapping(self, node: yaml.Node, what: str) -> NoReturn:
        if isinstance(node, yaml.SequenceNode):
            self.refuse(node, f"{what} is a list", "write every entry as `NAME:`, not as `- NAME`")
        self.refuse(node, f"{what} is not a mapping", "write every entry as `NAME:`")

    def _not_text(self, key: yaml.Node, what: str) -> NoReturn:
        if not isinstance(key, yaml.ScalarNode):
            self.refuse(key, f"a key of {what} is not text")
        read_as = _READ_AS.get(key.tag.removeprefix(TAG), "something else")
        self.refuse(
            key, f"YAML reads the key {shown(key.value)} of {what} as {read_as}", "put it in quotes"
        )


def read(path: Path) -> Source:
    """Read a file. Raises FileNotFoundError when there is none, Refused when it is no text."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Refused(f"cannot read {path}: {error.strerror}") from error
    try:
        return Source(path, data.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Refused(f"{path}:{line}: the file is not UTF-8 text") from error


def is_null(node: yaml.Node) -> bool:
    return node.tag == TAG + "null"
