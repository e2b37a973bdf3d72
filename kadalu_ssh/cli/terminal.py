"""How a running command talks: progress, warnings, questions. All on stderr."""

import signal
import sys
import time
from collections import Counter

from kadalu_ssh.cli.live import LiveLines
from kadalu_ssh.cli.text import Paint, clean, is_terminal
from kadalu_ssh.model.errors import Refused

_QUIET_SECONDS = 1.0
_MOST_LINES = 12


class Terminal:
    """The Reporter of the command line."""

    def __init__(self, *, yes: bool, json: bool, paint: Paint | None = None) -> None:
        self.yes = yes
        self.json = json
        self.paint = paint or Paint()
        self.live = is_terminal(sys.stderr) and not json
        self.started = time.monotonic()
        self.warnings: list[str] = []
        self.interrupted = False
        self._lines = LiveLines()
        self._doing: dict[str, str] = {}

    def progress(self, node: str, text: str) -> None:
        """Remember what `node` does; `draw` shows it."""
        self._doing[node] = text

    def draw(self) -> None:
        """A live line per node, once the work has lasted over a second."""
        took = time.monotonic() - self.started
        if self.live and took > _QUIET_SECONDS:
            head = f"{self._doing.get('', 'working')} ({took:.0f} s)"
            self._lines.show(sys.stderr, [head, *self._nodes()])

    def _nodes(self) -> list[str]:
        nodes = {name: text for name, text in self._doing.items() if name}
        if len(nodes) <= _MOST_LINES:
            return [f"  {name}: {text}" for name, text in nodes.items()]
        return [
            f"  {count} nodes: {text}" for text, count in Counter(nodes.values()).most_common(4)
        ]

    def clear(self) -> None:
        """Take the live lines away before anything else is printed."""
        self._lines.clear(sys.stderr)

    def warn(self, text: str) -> None:
        """Printed at once; in the JSON document too."""
        self.clear()
        self.warnings.append(text)
        print(f"{self.paint(sys.stderr, 'yellow', 'warning:')} {clean(text)}", file=sys.stderr)

    def confirm(self, question: str) -> None:
        if not self.yes:
            self._demand(("yes", "y"), f"{question} [yes/no] ", question)

    def confirm_name(self, question: str, name: str) -> None:
        if not self.yes:
            self._demand((name,), f"{question} Type {name} to go on: ", question)

    def _demand(self, answers: tuple[str, ...], prompt: str, question: str) -> None:
        if self.json or not is_terminal(sys.stdin):
            raise Refused(
                f"this needs a confirmation: {question}",
                hint="add --yes (or --mode=script) to agree",
            )
        self.clear()
        print(clean(prompt), end="", file=sys.stderr, flush=True)
        if _answer() not in (answer.lower() for answer in answers):
            raise Refused("not confirmed; nothing was changed")


def _answer() -> str:
    """A line from the user; Ctrl-C works here though an event loop has taken the signal."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return sys.stdin.readline().strip().lower()
    finally:
        signal.signal(signal.SIGINT, before)
