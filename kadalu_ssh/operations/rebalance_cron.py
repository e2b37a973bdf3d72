"""rebalance cron: a line and a timer that keep the status in a file, and tell of a failure."""

import shlex
import sys
from pathlib import Path

from kadalu_ssh.manifest import rebalance_units
from kadalu_ssh.model.errors import Refused
from kadalu_ssh.model.names import split_volume
from kadalu_ssh.operations.context import Context, Outcome
from kadalu_ssh.operations.volume_view import chosen, load_document


async def cron(
    ctx: Context, *, volume: str, file: Path | None = None, minutes: int = 10,
    mail: str | None = None, execute: str | None = None,
) -> Outcome:  # fmt: skip
    """Print what root or the admin installs; changes nothing. `mail`, `execute`: on failure."""
    if mail and execute:
        raise Refused("--mail and --exec cannot be combined")
    cluster, name = split_volume(volume)
    document = load_document(ctx, cluster)
    chosen(document, name)
    title = f"{document.name}/{name}"
    target = file or ctx.settings.workspace / f"rebalance-{name}.json"
    script = _script(ctx, title, target.absolute(), _on_failure(title, mail, execute))
    # In a crontab, % ends the command.
    line = f"*/{minutes} * * * * /bin/sh -c {shlex.quote(script)}".replace("%", r"\%")
    units = rebalance_units(f"kadalu-rebalance-{name}", title, minutes, ["/bin/sh", "-c", script])
    lines = {unit: text.splitlines() for unit, text in units.items()}
    return Outcome(data={"volume": name, "file": str(target), "crontab": line, "units": lines})


def _script(ctx: Context, title: str, target: Path, on_failure: str) -> str:
    """Whole or not at all: a reader never sees half a status."""
    new = shlex.quote(f"{target}.new")
    command = [
        sys.executable, "-m", "kadalu_ssh", "-C", str(ctx.settings.workspace.absolute()),
        "rebalance", "status", title, "--json",
    ]  # fmt: skip
    status = " ".join(shlex.quote(word) for word in command)
    return f"{status} >{new}; code=$?; mv {new} {shlex.quote(str(target))}; {on_failure}"


def _on_failure(title: str, mail: str | None, execute: str | None) -> str:
    if mail:
        subject = shlex.quote(f"rebalance of {title} needs a look")
        act = f"echo {subject} | mail -s {subject} {shlex.quote(mail)}"
    elif execute:
        act = execute
    else:
        return "exit $code"
    return f"case $code in 0) ;; *) {act} ;; esac"
