"""Which variables there are, and of which type: read from the documented example."""

import difflib
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from kadalu_ssh.inventory.marked import Scalar, Source

EXAMPLE = "inventory.example.yml"
_ALIASES = {
    "ansible_become_pass": "ansible_become_password",
    "ansible_ssh_pass": "ansible_password",
    "ansible_ssh_host": "ansible_host",
    "ansible_ssh_user": "ansible_user",
    "ansible_ssh_port": "ansible_port",
}


@cache
def known() -> dict[str, type]:
    """Variable → type of its value in the example."""
    text = (files("kadalu_ssh.inventory") / EXAMPLE).read_text(encoding="utf-8")
    found: dict[str, type] = {}
    _collect(yaml.safe_load(text), found)
    return found


def _collect(value: Any, found: dict[str, type]) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key.startswith(("ansible_", "kadalu_")):
                found[key] = type(inner)
            _collect(inner, found)


def canonical(key: str) -> str:
    """The name that we use for a variable that Ansible has several names for."""
    return _ALIASES.get(key, key)


def check_key(source: Source, node: yaml.Node, key: str) -> bool:
    """Whether we use the variable; refuses a `kadalu_*` one that does not exist."""
    if canonical(key) in known():
        return True
    if key.startswith("kadalu"):
        ours = [name for name in known() if name.startswith("kadalu_")]
        close = difflib.get_close_matches(key, ours, 1)
        hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(ours)}"
        source.refuse(node, f"there is no variable {key}", hint)
    return False


def check_value(source: Source, node: yaml.Node, key: str, value: Scalar) -> Scalar:
    """The value, of the type that the example shows; refuses others."""
    wanted = known()[key]
    if wanted is bool and not isinstance(value, bool):
        source.refuse(node, f"{key} must be true or false")
    if wanted is int:
        return _port(source, node, key, value)
    if wanted is str and not isinstance(value, str):
        source.refuse(node, f"{key} must be text; put it in quotes")
    if isinstance(value, str):
        _check_text(source, node, key, value)
    return value


def _port(source: Source, node: yaml.Node, key: str, value: Scalar) -> int:
    text = node.value if isinstance(node, yaml.ScalarNode) else ""
    # YAML 1.1 reads 022 as octal: what was written counts.
    if not text.isdecimal() or not 1 <= int(text) <= 65535 or text.startswith("0"):
        source.refuse(node, f"{key} must be a port from 1 to 65535, not {text!r}")
    return int(text)


def _check_text(source: Source, node: yaml.Node, key: str, value: str) -> None:
    if key == "ansible_connection" and value not in ("local", "ssh", "smart", "paramiko"):
        source.refuse(node, f"ansible_connection {value!r}: kadalu knows ssh and local")
    secret = "password" in key
    if not secret and (value.startswith("-") or not value.isprintable() or not value.strip()):
        source.refuse(node, f"{key} cannot be {value!a}")
