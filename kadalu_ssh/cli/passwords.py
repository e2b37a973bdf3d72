"""Passwords for hosts whose inventory has none: from a prompt, or from the environment.

Never from the command line, where every user of the machine could read them.
"""

import os
import sys
from typing import Any

from kadalu_ssh.model.errors import Refused
from kadalu_ssh.model.secret import Secret

_KINDS = {
    "ssh_password": ("ask_pass", "KADALU_SSH_PASSWORD", "SSH password"),
    "become_password": ("ask_become_pass", "KADALU_BECOME_PASSWORD", "sudo password"),
}


def passwords_of(args: dict[str, Any], *, silent: bool) -> dict[str, Secret | None]:
    """Takes --ask-pass and --ask-become-pass out of `args`; → fields of Settings.

    `silent`: nothing may be asked. Raises Refused when something should be.
    """
    return {
        field: _asked(flag, what, silent) if args.pop(flag, False) else _given(variable)
        for field, (flag, variable, what) in _KINDS.items()
    }


def _given(variable: str) -> Secret | None:
    value = os.environ.get(variable)
    return Secret(value) if value else None


def _asked(flag: str, what: str, silent: bool) -> Secret | None:
    if silent or not sys.stdin.isatty():
        variable = next(v for f, v, _ in _KINDS.values() if f == flag)
        raise Refused(
            f"--{flag.replace('_', '-')}: there is no terminal to ask on",
            hint=f"set the environment variable {variable}, or write it into the inventory",
        )
    import getpass

    return Secret(getpass.getpass(f"{what}: ", sys.stderr))
