"""The command line: argv in, text or JSON out, an exit code."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kadalu_ssh.cli.commands import Command
    from kadalu_ssh.cli.terminal import Terminal
    from kadalu_ssh.operations.context import Outcome, Settings

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    import os

    words = list(sys.argv[1:] if argv is None else argv)
    if words in (["--version"], ["-V"]):
        from kadalu_ssh import __version__

        print(f"kadalu {__version__}")
        return 0
    if "_ARGCOMPLETE" in os.environ:
        from kadalu_ssh.cli.complete import complete

        complete()
    try:
        code = _run(words)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of a pipe went away; nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 1
    return code


def _run(words: list[str]) -> int:
    from kadalu_ssh.cli.parser import parse
    from kadalu_ssh.cli.report import print_error
    from kadalu_ssh.model.errors import KadaluError

    as_json = "--json" in words
    try:
        command, args = parse(words)
        if command is None:
            return 0
        return _execute(command, vars(args), words)
    except KadaluError as error:
        print_error(error, as_json)
        return error.exit_code
    except KeyboardInterrupt:
        print_error(KadaluError("interrupted"), as_json)
        return INTERRUPTED
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 2
    except BrokenPipeError:
        raise
    except Exception as error:
        from kadalu_ssh.cli.log import log_trace

        hint = f"the full trace is in {log_trace(error, words)}; please report it"
        print_error(
            KadaluError(f"internal error: {type(error).__name__}: {error}", hint=hint), as_json
        )
        return 1


def _execute(command: "Command", args: dict[str, Any], words: list[str]) -> int:
    if command.noun == "completion":
        from kadalu_ssh.cli.complete import shell_code

        print(shell_code(args["shell"]))
        return 0
    import asyncio

    from kadalu_ssh.cli.report import print_outcome
    from kadalu_ssh.cli.terminal import Terminal

    as_json, verbose = args.pop("json", False), args.pop("verbose", None) or 0
    terminal = Terminal(yes=_agrees(args), json=as_json)
    settings = _settings(args, words)
    if settings.dry_run and not command.mutating:
        from kadalu_ssh.model.errors import Refused

        raise Refused(f"{command.noun} {command.verb} changes nothing: it has no --dry-run")
    outcome = asyncio.run(_call(command, args, settings, terminal))
    terminal.clear()
    print_outcome(command, outcome, as_json=as_json, verbose=verbose)
    return outcome.exit_code


def _agrees(args: dict[str, Any]) -> bool:
    mode, yes = args.pop("mode", None), args.pop("yes", False)
    return mode == "script" or bool(yes)


def _settings(args: dict[str, Any], words: list[str]) -> "Settings":
    """Takes the global flags out of `args`; what is left are the operation's arguments."""
    import argparse
    import os

    from kadalu_ssh.cli.parser import workspace_of
    from kadalu_ssh.operations.context import Settings

    workspace = workspace_of(argparse.Namespace(**args))
    args.pop("workspace", None)
    args.pop("no_color", None)
    given = {
        key: args.pop(key)
        for key in (
            "forks",
            "timeout",
            "lock_timeout",
            "host_key_checking",
            "force_no_quorum",
            "dry_run",
        )
        if key in args
    }
    return Settings(
        workspace=workspace,
        inventory=args.pop("inventory", None) or workspace / "inventory.yml",
        cluster=args.pop("cluster", None) or os.environ.get("KADALU_CLUSTER"),
        command=" ".join(["kadalu", *words])[:500],
        **given,
    )


async def _call(
    command: "Command", args: dict[str, Any], settings: "Settings", terminal: "Terminal"
) -> "Outcome":
    from importlib import import_module

    from kadalu_ssh.operations.context import Context

    module, _, function = command.operation.partition(":")
    operation = getattr(import_module(f"kadalu_ssh.operations.{module}"), function)
    outcome: Outcome = await operation(Context(settings, terminal), **args)
    outcome.warnings = [*terminal.warnings, *outcome.warnings]
    return outcome


if __name__ == "__main__":
    sys.exit(main())
