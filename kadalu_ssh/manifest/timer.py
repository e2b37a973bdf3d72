"""The systemd timer of a controller: what `reconcile --install-timer` writes. Pure."""

from collections.abc import Sequence

from kadalu_ssh.templates import render


def timer_units(name: str, cluster: str, minutes: int, command: Sequence[str]) -> dict[str, str]:
    """File name → text of a service that runs `command`, and of the timer that starts it."""
    values = {"cluster": cluster, "minutes": minutes, "command": _quoted(command)}
    return {
        f"{name}.{kind}": render(f"unwanted.{kind}.j2", **values) for kind in ("service", "timer")
    }


def _quoted(command: Sequence[str]) -> str:
    """As systemd.service(5) reads ExecStart=: quotes and backslashes as in C, % and $ doubled."""
    words = []
    for word in command:
        text = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
        words.append(f'"{text}"')
    return " ".join(words)
