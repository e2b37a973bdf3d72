"""A graph as data: xlators from the bottom up, each with its options and its children."""

import re
from dataclasses import dataclass, field
from functools import lru_cache

from kadalu_ssh.model.errors import Refused
from kadalu_ssh.model.names import shown

# What the volfile grammar takes as one word: its lexer splits at blanks and quotes, `#` begins a
# comment, and before all that a backtick hands what it encloses to a shell.
_WORD = re.compile(r"""[^\s"'`\\#\x00-\x1f\x7f][^\s"'`\\\x00-\x1f\x7f]*""")
_GRAMMAR = frozenset({"volume", "type", "option", "subvolumes", "subvolumeS", "end-volume"})


@dataclass(slots=True)
class Xlator:
    """One `volume … end-volume` block."""

    name: str
    type: str
    options: dict[str, str] = field(default_factory=dict)
    """In the order in which glusterd sets them; it writes the last one first."""
    children: tuple[str, ...] = ()


@lru_cache(maxsize=4096)  # The same few hundred words make up thousands of volfiles.
def is_word(text: str) -> bool:
    """True when a volfile that holds `text` unquoted is read back with exactly that."""
    return _WORD.fullmatch(text) is not None and text not in _GRAMMAR


def check_words(xlator: Xlator) -> None:
    """Raise Refused for anything that a volfile would not read back as it was meant."""
    if not is_word(xlator.name):
        raise _refusal(f"no xlator can be named {shown(xlator.name)}")
    for key, value in xlator.options.items():
        if not is_word(key) or not is_word(value):
            raise _refusal(f"option {shown(key)} of {xlator.type} cannot be {shown(value)}")


def _refusal(message: str) -> Refused:
    words = ", ".join(sorted(_GRAMMAR))
    return Refused(
        message,
        hint="a volfile takes no blanks, quotes, backslashes, backticks or control characters, "
        f"no leading '#', and none of its own words ({words})",
    )


def stack(graph: list[Xlator], xlator: Xlator) -> None:
    """Put `xlator` on top of the graph's last one."""
    xlator.children = (graph[-1].name,)
    graph.append(xlator)
