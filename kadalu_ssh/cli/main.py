"""The command line: argv in, text or JSON out, an exit code. Imports nothing at the start."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kadalu_ssh.cli.commands import Command
    from kadalu_ssh.model.errors import KadaluError
    from kadalu_ssh.operations.context import Outcome

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    import gc
    import os

    # What starts only makes objects: looking for garbage among them takes a tenth of the time.
    gc.set_threshold(20_000, 20, 20)
    words = list(sys.argv[1:] if argv is None else argv)
    if words in (["--version"], ["-V"]):
        from kadalu_ssh import __version__

        print(f"kadalu {__version__}")
        return 0
    if "_ARGCOMPLETE" in os.environ:
        from kadalu_ssh.cli.complete import complete

        complete()
    if hasattr(sys.stdout, "reconfigure"):
        # A name that the locale cannot spell must not end a command.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        return _Run(words).code()
    finally:
        _flush()


class _Run:
    """One command, from its words to its exit code."""

    def __init__(self, words: list[str]) -> None:
        from kadalu_ssh.cli.text import Paint

        flags = words[: words.index("--")] if "--" in words else words
        self.words = words
        self.as_json = "--json" in flags
        self.paint: Paint = Paint(no_color="--no-color" in flags)
        self.mutating = False

    def code(self) -> int:
        from kadalu_ssh.cli.parser import parse
        from kadalu_ssh.model.errors import KadaluError

        try:
            command, args = parse(self.words)
            return self._execute(command, vars(args)) if command else 0
        except KadaluError as error:
            self._log(error)
            return self._failed(error)
        except KeyboardInterrupt:
            self._failed(KadaluError("interrupted"))
            return INTERRUPTED
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else 2
        except BrokenPipeError:
            return 1
        except Exception as error:
            return self._failed(self._internal(error))

    def _execute(self, command: "Command", args: dict[str, Any]) -> int:
        if command.noun == "completion":
            return self._completion(args["shell"])
        from kadalu_ssh.cli.run import run
        from kadalu_ssh.cli.settings import agrees, settings_of
        from kadalu_ssh.cli.terminal import Terminal

        verbose = args.pop("verbose", None) or 0
        args.pop("json", None)
        terminal = Terminal(yes=agrees(args), json=self.as_json, paint=self.paint)
        settings = settings_of(command, args, self.words)
        self.mutating = command.mutating and not settings.dry_run
        outcome = run(command, args, settings, terminal)
        outcome.dry_run = outcome.dry_run or settings.dry_run
        self._log(None, outcome.summary)
        if self.as_json:
            outcome.warnings = [*terminal.warnings, *outcome.warnings]
        self._print(command, outcome, verbose)
        return outcome.exit_code

    def _completion(self, shell: str) -> int:
        from kadalu_ssh.cli.complete import shell_code
        from kadalu_ssh.cli.report import print_json

        code = shell_code(shell)
        if self.as_json:
            print_json({"shell": shell, "code": code})
        else:
            print(code)
        return 0

    def _print(self, command: "Command", outcome: "Outcome", verbose: int) -> None:
        from contextlib import suppress

        from kadalu_ssh.cli.report import print_outcome

        # A reader that went away does not change what was done.
        with suppress(BrokenPipeError):
            print_outcome(command, outcome, as_json=self.as_json, verbose=verbose, paint=self.paint)

    def _failed(self, error: "KadaluError") -> int:
        from contextlib import suppress

        from kadalu_ssh.cli.report import print_error

        with suppress(BrokenPipeError):
            print_error(error, as_json=self.as_json, paint=self.paint)
        return error.exit_code

    def _internal(self, error: Exception) -> "KadaluError":
        from kadalu_ssh.cli.log import log_trace
        from kadalu_ssh.model.errors import KadaluError

        hint = f"the full trace is in {log_trace(error, self.words)}; please report it"
        return KadaluError(f"internal error: {type(error).__name__}: {error}", hint=hint)

    def _log(self, error: "KadaluError | None", summary: str = "done") -> None:
        """Record changes, and what went wrong after something may have been touched."""
        from kadalu_ssh.cli.log import log_line, log_trace

        if not self.mutating:
            return
        log_line(self.words, f"exit {error.exit_code}: {error.message}" if error else summary)
        if error and error.exit_code in (1, 5):
            log_trace(error, self.words)


def _flush() -> None:
    """Write what is left; a reader that went away is nobody to complain to."""
    import os

    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


if __name__ == "__main__":
    sys.exit(main())
