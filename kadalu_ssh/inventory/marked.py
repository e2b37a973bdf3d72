"""YAML with a place for everything: FILE:LINE:COLUMN in every error."""

from pathlib import Path
from typing import NoReturn

import yaml

from kadalu_ssh.model.errors import Refused

_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Scalar = str | int | float | bool | None


class Source:
    """One inventory file, for messages about its nodes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def refuse(self, node: yaml.Node, what: str, hint: str | None = None) -> NoReturn:
        """Raise Refused with the place of `node`."""
        raise Refused(f"{self.place(node)}: {what}", hint=hint)

    def place(self, node: yaml.Node) -> str:
        mark = node.start_mark
        return f"{self.path}:{mark.line + 1}:{mark.column + 1}"

    def read(self) -> yaml.Node | None:
        """The root node; None of an empty file. Raises Refused."""
        try:
            return yaml.compose(self.path.read_text(encoding="utf-8"), _Loader)
        except FileNotFoundError:
            raise Refused(
                f"there is no inventory {self.path}",
                hint="write one (see inventory.example.yml), or: kadalu node add HOST --user USER",
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise Refused(f"cannot read {self.path}: {error}") from error
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            place = f"{self.path}:{mark.line + 1}:{mark.column + 1}" if mark else str(self.path)
            raise Refused(f"{place}: {error.problem}") from error

    def mapping(self, node: yaml.Node | None, what: str) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """Key → (key node, value node). Refuses other nodes, keys that are no text, duplicates."""
        if node is None or is_null(node):
            return {}
        if not isinstance(node, yaml.MappingNode):
            self.refuse(node, f"{what} must be a mapping of names")
        found: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.refuse(key, f"a key of {what} must be plain text")
            if key.value in found:
                first = found[key.value][0].start_mark.line + 1
                self.refuse(key, f"{key.value!r} stands here twice (first on line {first})")
            found[key.value] = (key, value)
        return found

    def scalar(self, node: yaml.Node, key: str) -> Scalar:
        """The value of a variable that we use. Refuses templates, vaults and collections."""
        if node.tag == "!vault":
            self.refuse(node, f"{key} is encrypted; kadalu does not open Ansible vaults")
        if not isinstance(node, yaml.ScalarNode):
            self.refuse(node, f"{key} must be a single value")
        if "{{" in node.value:
            self.refuse(node, f"{key} is a template; kadalu does not evaluate those")
        value: Scalar = _Loader("").construct_object(node)
        return value


def is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"
