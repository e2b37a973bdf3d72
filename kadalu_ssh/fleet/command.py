"""The one command line that is run on a node, and sudo's part in it."""

import secrets
import shlex
from dataclasses import dataclass

from kadalu_ssh.fleet.payload import BOOTSTRAP
from kadalu_ssh.fleet.settings import NodeFailure
from kadalu_ssh.model.reach import Reach
from kadalu_ssh.model.secret import Secret


@dataclass(frozen=True)
class Command:
    argv: tuple[str, ...]
    prompt: str = ""
    """sudo asks with this; empty when no password is to be given."""
    password: Secret | None = None

    @property
    def line(self) -> str:
        """Quoted for a shell: asyncssh, like SSH itself, runs a line and not a list."""
        return shlex.join(self.argv)


def command_for(reach: Reach, user: str) -> Command:
    """`python3 -I -S -c …`, with sudo before it unless the login user is root."""
    python = (reach.python, "-I", "-S", "-c", BOOTSTRAP)
    become = reach.become if reach.become is not None else user != "root"
    if not become:
        return Command(python)
    if reach.become_password is None:
        return Command(("sudo", "-n", "-H", *python))
    prompt = f"[kadalu-{secrets.token_hex(8)}]"
    return Command(("sudo", "-S", "-H", "-p", prompt, *python), prompt, reach.become_password)


_WANTS = "sudo wants a password: set ansible_become_password, or give --ask-become-pass"
_SIGNS = (
    # sudo, sudo-rs, and what a shell says of a program that is not there
    ("a password is required", "sudo_password", _WANTS),
    ("interactive authentication is required", "sudo_password",
     _WANTS),
    ("a terminal is required", "sudo_password", "sudo wants a terminal (requiretty) or a password"),
    ("must have a tty", "sudo_password", "sudo wants a terminal (requiretty in its sudoers)"),
    ("incorrect password", "sudo_password", "sudo refused the password"),
    ("sorry, try again", "sudo_password", "sudo refused the password"),
    ("authentication failed, try again", "sudo_password", "sudo refused the password"),
    ("not in the sudoers", "no_sudo", "{user} may not use sudo here"),
    ("may not run sudo", "no_sudo", "{user} may not use sudo here"),
    ("not allowed to execute", "no_sudo", "{user} may not run {python} with sudo"),
    ("sudo: not found", "no_sudo", "sudo is not installed, and {user} is not root"),
    ("sudo: command not found", "no_sudo", "sudo is not installed, and {user} is not root"),
)  # fmt: skip


def early_end(reach: Reach, user: str, status: int | None, stderr: str) -> NodeFailure:
    """Why Python did not start, from what was printed and the exit status."""
    low = stderr.lower()
    for sign, kind, reason in _SIGNS:
        if sign in low:
            return NodeFailure(kind, reason.format(user=user, python=reach.python))
    if status in (126, 127) or "not found" in low or "no such file" in low:
        hint = "install python3, or set ansible_python_interpreter"
        return NodeFailure("no_python", f"no Python 3 at {reach.python}: {hint}")
    if "syntaxerror" in low:
        return NodeFailure("old_python", f"{reach.python} is not Python 3.6 or newer")
    last = stderr.strip().splitlines()[-1:] or [f"exit status {status}"]
    return NodeFailure("shell", f"Python did not start: {last[0][:200]}")
