"""A graph as data: xlators from the bottom up, each with its options and its children."""

import re
from dataclasses import dataclass, field

from kadalu_ssh.model.errors import Refused
from kadalu_ssh.model.names import shown

# What the volfile grammar takes as one word. Its parser hands backticks to a shell.
_WORD = re.compile(r"[^\s\"'`\\]+", re.ASCII)


@dataclass
class Xlator:
    """One `volume … end-volume` block."""

    name: str
    type: str
    options: dict[str, str] = field(default_factory=dict)
    """In the order in which glusterd sets them; it writes the last one first."""
    children: tuple[str, ...] = ()


def check_words(xlator: Xlator) -> None:
    """Raise Refused for anything that a volfile would not read back as it was meant."""
    for key, value in (("name", xlator.name), *xlator.options.items()):
        if not _WORD.fullmatch(value) or not _WORD.fullmatch(key):
            raise Refused(
                f"option {shown(key)} of {xlator.type} cannot be {shown(value)}",
                hint="volfile values have no spaces, quotes, backslashes or backticks",
            )


def stack(graph: list[Xlator], xlator: Xlator) -> None:
    """Put `xlator` on top of the graph's last one."""
    xlator.children = (graph[-1].name,)
    graph.append(xlator)
