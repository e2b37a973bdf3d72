"""The systemd timer of a controller: what `reconcile --install-timer` writes. Pure."""

from collections.abc import Sequence

from kadalu_ssh.templates import render


def timer_units(name: str, cluster: str, minutes: int, command: Sequence[str]) -> dict[str, str]:
    """File name → text of a service that runs `command`, and of the timer that starts it."""
    return _units(name, "unwanted", command, cluster=cluster, minutes=minutes)


def rebalance_units(name: str, volume: str, minutes: int, command: Sequence[str]) -> dict[str, str]:
    """As timer_units, for `rebalance cron`."""
    return _units(name, "rebalance", command, volume=volume, minutes=minutes)


def _units(name: str, kind: str, command: Sequence[str], **values: object) -> dict[str, str]:
    values["command"] = _quoted(command)
    return {f"{name}.{end}": render(f"{kind}.{end}.j2", **values) for end in ("service", "timer")}


def _quoted(command: Sequence[str]) -> str:
    """As systemd.service(5) reads ExecStart=: quotes and backslashes as in C, % and $ doubled."""
    words = []
    for word in command:
        text = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
        words.append(f'"{text}"')
    return " ".join(words)
