"""How a running command talks: progress, warnings, questions. All on stderr."""

import sys
import time

from kadalu_ssh.model.errors import Refused

_QUIET_SECONDS = 1.0


class Terminal:
    """The Reporter of the command line."""

    def __init__(self, *, yes: bool, json: bool) -> None:
        self.yes = yes
        self.json = json
        self.live = sys.stderr.isatty() and not json
        self.started = time.monotonic()
        self.warnings: list[str] = []
        self._drawn = False

    def progress(self, node: str, text: str) -> None:
        """One live line, once the work has lasted over a second."""
        if self.live and time.monotonic() - self.started > _QUIET_SECONDS:
            line = f"{node}: {text}" if node else text
            sys.stderr.write(f"\r\033[K{clean(line)[:100]}")
            sys.stderr.flush()
            self._drawn = True

    def clear(self) -> None:
        """Take the live line away before anything else is printed."""
        if self._drawn:
            sys.stderr.write("\r\033[K")
            self._drawn = False

    def warn(self, text: str) -> None:
        self.clear()
        self.warnings.append(text)
        print(f"warning: {clean(text)}", file=sys.stderr)

    def confirm(self, question: str) -> None:
        if not self.yes:
            self._demand("yes", f"{question} [yes/no] ", question)

    def confirm_name(self, question: str, name: str) -> None:
        if not self.yes:
            self._demand(name, f"{question} Type {name} to go on: ", question)

    def _demand(self, answer: str, prompt: str, question: str) -> None:
        if self.json or not sys.stdin.isatty():
            raise Refused(
                f"this needs a confirmation: {question}",
                hint="add --yes (or --mode=script) to agree",
            )
        self.clear()
        print(clean(prompt), end="", file=sys.stderr, flush=True)
        given = sys.stdin.readline().strip().lower()
        if given not in (answer.lower(), "y" if answer == "yes" else answer.lower()):
            raise Refused("not confirmed; nothing was changed")


def clean(text: str) -> str:
    """Text from nodes and files, with control characters shown and not obeyed."""
    return "".join(c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in text)
