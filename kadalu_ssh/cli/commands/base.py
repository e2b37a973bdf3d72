"""What a command is: its words, its arguments, the operation it calls."""

from typing import Any, NamedTuple


class Arg(NamedTuple):
    """An argument: the words and keywords of argparse's add_argument."""

    flags: tuple[str, ...]
    options: dict[str, Any]

    @property
    def is_flag(self) -> bool:
        return self.flags[0].startswith("-")

    @property
    def value(self) -> str:
        """What stands for its value in help; empty for a flag without one."""
        if "action" in self.options and self.options["action"] != "append":
            return ""
        if "choices" in self.options and "metavar" not in self.options:
            return "|".join(self.options["choices"])
        plain = self.flags[-1].lstrip("-").replace("-", "_")
        return str(self.options.get("metavar") or (plain.upper() if self.is_flag else plain))

    @property
    def usage(self) -> str:
        """As it stands in a usage line: `[--port PORT]`, `[HOST...]`."""
        if self.options.get("required"):
            return f"{self.flags[0]} {self.value}"
        if self.is_flag:
            return f"[{' '.join(filter(None, [self.flags[0], self.value]))}]"
        many = {"?": "[{}]", "*": "[{}...]", "+": "{}..."}.get(self.options.get("nargs", ""), "{}")
        return many.format(self.value)


class Command(NamedTuple):
    noun: str
    verb: str
    """Empty for a command of one word: `mount`."""
    help: str
    example: str
    operation: str
    """`module:function` in `kadalu_ssh.operations`."""
    args: tuple[Arg, ...] = ()
    render: str = ""
    """Function of `cli.render`, or of `cli.render_state` for `state`, for the text of a listing;
    empty: the summary line is enough."""
    mutating: bool = False
    notes: str = ""
    """What else --help says; lines as they are to be shown."""

    @property
    def title(self) -> str:
        return f"{self.noun} {self.verb}".strip()

    @property
    def sentence(self) -> str:
        return f"{self.help[0].upper()}{self.help[1:]}."


def arg(*flags: str, **options: Any) -> Arg:
    return Arg(flags, options)


def flag(name: str, text: str) -> Arg:
    return arg(name, action="store_true", help=text)


def names(text: str) -> list[str]:
    """An argparse type: `A,B,C` → names. An empty one, as of an unset variable, is a mistake."""
    found = text.split(",")
    if not all(found):
        raise ValueError(text)
    return found


def port(text: str) -> int:
    """An argparse type."""
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:6]) <= _LAST_PORT:
        raise ValueError(text)
    return int(text)


_LAST_PORT = 65535


def minutes(text: str) -> int:
    """An argparse type: a whole number from 1 to 59."""
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:3]) < _HOUR:
        raise ValueError(text)
    return int(text)


_HOUR = 60

HOST = arg("host", metavar="[CLUSTER/]HOST", help="inventory name of the node")
VOLUME = arg("volume", metavar="[CLUSTER/]VOLUME", help="volume name")
ANY_VOLUME = arg("volume", metavar="[CLUSTER/]VOLUME", nargs="?", help="one volume only")

REPLACING = (
    flag("--allow-rootdirs", "permit paths on the root file system"),
    flag("--create-parents", "make missing parent directories"),
    flag("--same-node", "permit two copies on one node"),
    flag("--wait", "wait until everything is healed"),
)
