"""The global flags and the environment, resolved."""

import os
from argparse import ArgumentTypeError
from typing import Any

from kadalu_ssh.cli.commands import Command
from kadalu_ssh.cli.log import redacted
from kadalu_ssh.cli.parser import KEEP_SECONDS
from kadalu_ssh.cli.passwords import passwords_of
from kadalu_ssh.cli.workspace import workspace_of
from kadalu_ssh.model.errors import Refused
from kadalu_ssh.operations.context import Settings

_PLAIN = (
    "forks", "timeout", "lock_timeout", "keep_connections", "host_key_checking", "force_no_quorum",
    "dry_run",
)  # fmt: skip
_COMMAND_CHARACTERS = 500


def agrees(args: dict[str, Any]) -> bool:
    """Takes --mode and --yes out of `args`."""
    mode, yes = args.pop("mode", None), args.pop("yes", False)
    return mode == "script" or bool(yes)


def settings_of(command: Command, args: dict[str, Any], words: list[str]) -> Settings:
    """Takes the global flags out of `args`; what is left are the operation's arguments."""
    workspace = workspace_of(args.pop("workspace", None))
    args.pop("no_color", None)
    given = {key: args.pop(key) for key in _PLAIN if key in args}
    if given.get("dry_run") and not command.mutating:
        raise Refused(f"{command.title} changes nothing: it has no --dry-run")
    given.setdefault("keep_connections", _kept_seconds())
    given |= passwords_of(args, silent="--json" in words)
    return Settings(
        workspace=workspace,
        inventory=args.pop("inventory", None) or workspace / "inventory.yml",
        cluster=args.pop("cluster", None) or os.environ.get("KADALU_CLUSTER") or None,
        command=redacted(words)[:_COMMAND_CHARACTERS],
        **given,
    )


def _kept_seconds() -> float:
    """From the environment."""
    text = os.environ.get("KADALU_KEEP_CONNECTIONS") or "0"
    try:
        return KEEP_SECONDS(text)
    except (ValueError, ArgumentTypeError) as error:
        raise Refused(f"KADALU_KEEP_CONNECTIONS: {error}") from error
