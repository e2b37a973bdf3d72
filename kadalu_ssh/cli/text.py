"""Text for a terminal: what came from a node or a file never acts on it. A few colours."""

import os
from typing import Any, TextIO

_COLOURS = {"red": "31", "green": "32", "yellow": "33"}


def clean(text: str) -> str:
    """Control characters are shown and not obeyed; lines stay lines."""
    return "".join(c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in text)


def one_line(text: str) -> str:
    """As clean, and line breaks are shown too: a file's name must not forge a line of output."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def safe(value: Any) -> Any:
    """An operation's data with every text in it on one clean line, a diff's lines one by one."""
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, dict):
        return {
            safe(key): _text(item) if key == "diff" else safe(item) for key, item in value.items()
        }
    return [safe(item) for item in value] if isinstance(value, list | tuple) else value


def _text(diff: Any) -> Any:
    return "\n".join(map(one_line, diff.splitlines())) if isinstance(diff, str) else safe(diff)


def is_terminal(stream: TextIO | None) -> bool:
    """False too for a stream that the caller closed before it started us."""
    return stream is not None and not stream.closed and stream.isatty()


class Paint:
    """Colours for terminals that want them: not with --no-color, NO_COLOR or TERM=dumb."""

    def __init__(self, *, no_color: bool = False) -> None:
        wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self.enabled = wanted and not no_color

    def __call__(self, stream: TextIO | None, colour: str, text: str) -> str:
        """`text`, coloured when `stream` is a terminal."""
        if not (self.enabled and is_terminal(stream)):
            return text
        return f"\033[{_COLOURS[colour]}m{text}\033[0m"
