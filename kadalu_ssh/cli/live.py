"""Lines at the foot of a terminal that are drawn over again and again."""

import shutil
from typing import TextIO

from kadalu_ssh.cli.text import one_line


class LiveLines:
    """Remembers how many lines stand there, so that they can be taken away."""

    def __init__(self) -> None:
        self._height = 0

    def show(self, stream: TextIO, lines: list[str]) -> None:
        """Replace what stands there. Lines are cut to the terminal: a wrapped one would stay."""
        width, height = shutil.get_terminal_size()
        shown = [one_line(line)[: width - 1] for line in lines[: height - 1]]
        stream.write(self._erase() + "".join(f"{line}\n" for line in shown))
        stream.flush()
        self._height = len(shown)

    def clear(self, stream: TextIO) -> None:
        if self._height:
            stream.write(self._erase())
            stream.flush()
            self._height = 0

    def _erase(self) -> str:
        return f"\033[{self._height}F\033[J" if self._height else ""
