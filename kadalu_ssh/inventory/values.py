"""The value of a variable: what its type allows, and what kadalu makes of it."""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

import yaml

from kadalu_ssh.inventory.marked import TAG, is_null
from kadalu_ssh.inventory.schema import Key
from kadalu_ssh.model.names import shown
from kadalu_ssh.model.secret import Secret

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?", re.ASCII)
_IPV6 = re.compile(r"[0-9A-Fa-f:.]{2,45}(?:%[A-Za-z0-9_.-]{1,15})?", re.ASCII)
_USER = re.compile(r"[A-Za-z0-9_.\\][A-Za-z0-9_.@\\$+-]{0,254}", re.ASCII)
_COMMAND = re.compile(r"[A-Za-z0-9_./~][A-Za-z0-9_./~+-]*", re.ASCII)
_ENV = re.compile(r"/(?:usr/)?bin/env\s+(\S+)")
_TRUE = {"yes", "on", "true", "y", "t", "1"}
_FALSE = {"no", "off", "false", "n", "f", "0"}


class Wrong(ValueError):
    """A value that cannot be right. `what` follows the name of the variable."""

    def __init__(self, what: str, hint: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


class Unusable(NamedTuple):
    """A value that is right for Ansible and that kadalu cannot use.

    It is an error only for a host that is to be reached with it.
    """

    what: str
    hint: str
    place: str = ""


Value = str | int | bool | Secret | Unusable | None


def value_of(key: Key, node: yaml.Node) -> Value:
    """What `node` means for `key`; None when it is left empty. Raises Wrong."""
    if node.tag == "!vault":
        return Unusable("is encrypted by Ansible Vault", "kadalu has no vault: write it elsewhere")
    if not isinstance(node, yaml.ScalarNode):
        raise Wrong("has to be a single value", "it is a list or a mapping here")
    if node.tag != "!unsafe" and ("{{" in node.value or "{%" in node.value):
        return Unusable("is a template", "kadalu does not evaluate templates: write the value")
    if is_null(node):
        return None
    return _of_choices(key, node) if key.choices else TYPES[key.type](node)


def _of_choices(key: Key, node: yaml.ScalarNode) -> str | Unusable:
    value = _text(node)
    if value in key.choices:
        return value
    return Unusable(f"is {shown(value)}", f"kadalu knows {', '.join(key.choices)}")


def _text(node: yaml.ScalarNode) -> str:
    """Text as it was written. YAML 1.1 makes booleans, octals and dates of plain words."""
    if node.tag in (TAG + "str", "!unsafe", "!"):
        return str(node.value)
    if node.tag == TAG + "int" and re.fullmatch(r"0|[1-9][0-9]*", node.value):
        return str(node.value)
    if node.tag == TAG + "bool":
        meaning = "true" if node.value.lower() in _TRUE else "false"
        raise Wrong(f"has to be text, and YAML reads {node.value} as {meaning}", "put it in quotes")
    raise Wrong("has to be text, and YAML reads this as something else", "put it in quotes")


def _word(node: yaml.ScalarNode) -> str:
    text = _text(node)
    if not text:
        raise Wrong("is empty", "leave the line out, or write a value")
    if not text.isprintable() or text != text.strip() or text.startswith("-"):
        raise Wrong(f"cannot be {shown(text)}")
    return text


def _user(node: yaml.ScalarNode) -> str:
    text = _word(node)
    if not _USER.fullmatch(text):
        raise Wrong(f"cannot be {shown(text)}", "it is the name of a user")
    return text


def _host(node: yaml.ScalarNode) -> str:
    text = _word(node)
    if not is_host(text):
        raise Wrong(f"cannot be {shown(text)}", "it is a host name or an address, without a port")
    return text


def is_host(text: str) -> bool:
    """Whether `text` can be a host name, an IPv4 or an IPv6 address."""
    if ":" not in text:
        return _NAME.fullmatch(text) is not None
    if not _IPV6.fullmatch(text):
        return False
    import ipaddress  # here, as difflib elsewhere: completion rarely has use for it

    try:
        return ipaddress.ip_address(text).version == 6
    except ValueError:
        return False


def _port(node: yaml.ScalarNode) -> int:
    # What was written counts: YAML 1.1 reads 022 as 18, and 22:22 as 1342.
    if not re.fullmatch(r"[1-9][0-9]{0,4}", node.value, re.ASCII) or int(node.value) > 65535:
        octal = node.value.startswith("0") and len(node.value) > 1
        hint = "YAML reads a number that starts with 0 as octal" if octal else None
        raise Wrong(f"has to be a port from 1 to 65535, not {shown(node.value)}", hint)
    return int(node.value)


def _number(node: yaml.ScalarNode) -> int:
    if not re.fullmatch(r"-?[1-9][0-9]{0,8}|0", node.value, re.ASCII):
        raise Wrong(f"has to be a whole number, not {shown(node.value)}")
    return int(node.value)


def _yes_or_no(node: yaml.ScalarNode) -> bool:
    text = node.value.lower()
    if text not in _TRUE | _FALSE:
        raise Wrong(f"has to be true or false, not {shown(node.value)}")
    return text in _TRUE


def _secret(node: yaml.ScalarNode) -> Secret:
    text = _text(node)
    if "\n" in text or "\0" in text:
        raise Wrong("has more than one line")
    return Secret(text)


def _command(node: yaml.ScalarNode) -> str:
    text = _word(node)
    if text.startswith("auto"):
        return "python3"
    if env := _ENV.fullmatch(text):
        text = env[1]
    if not _COMMAND.fullmatch(text):
        raise Wrong(f"cannot be {shown(text)}", "it is the path or the name of a Python 3")
    return text


TYPES: Mapping[str, Callable[[yaml.ScalarNode], Value]] = {
    "text": _word, "user": _user, "host": _host, "path": _word, "command": _command,
    "port": _port, "number": _number, "yes or no": _yes_or_no, "secret": _secret,
}  # fmt: skip
