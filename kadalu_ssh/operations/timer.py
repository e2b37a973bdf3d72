"""reconcile --install-timer: something that runs `reconcile --only=unwanted` every few minutes."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from kadalu_ssh.files import write_private
from kadalu_ssh.manifest import timer_units
from kadalu_ssh.model.errors import Failed
from kadalu_ssh.operations.context import Change, Context, Outcome
from kadalu_ssh.state.workspace import Workspace

_MINUTES = 5


def install(ctx: Context) -> Outcome:
    """A systemd timer of this user; without systemd, the crontab line to put in by hand."""
    name, cluster_id = Workspace(ctx.settings.workspace).resolve(ctx.settings.cluster)
    unit = f"kadalu-unwanted-{cluster_id}"
    command = _command(ctx, name)
    manager = ["systemctl"] if os.getuid() == 0 else ["systemctl", "--user"]
    if not _has_systemd(manager):
        line = f"*/{_MINUTES} * * * * {shlex.join(command).replace('%', chr(92) + '%')}"
        summary = f"There is no systemd here. Put this into your crontab (crontab -e):\n{line}"
        return Outcome(summary, {"crontab": line}, dry_run=ctx.settings.dry_run)
    texts = timer_units(unit, name, _MINUTES, command)
    folder = _folder()
    changes = [Change("this machine", str(folder / file), "changed", "write") for file in texts]
    if not ctx.settings.dry_run:
        for file, text in texts.items():
            write_private(folder / file, text)
        _systemctl(manager, "daemon-reload")
        _systemctl(manager, "enable", "--now", f"{unit}.timer")
    summary = f"{unit}.timer runs every {_MINUTES} minutes: it stops what should not run."
    return Outcome(summary, {"timer": f"{unit}.timer"}, changes, dry_run=ctx.settings.dry_run)


def _command(ctx: Context, cluster: str) -> list[str]:
    """This very kadalu, with nothing taken from the environment."""
    settings = ctx.settings
    return [
        sys.executable, "-m", "kadalu_ssh", "-C", str(settings.workspace.resolve()),
        "-i", str(settings.inventory.resolve()), "--cluster", cluster,
        "reconcile", "--only=unwanted",
    ]  # fmt: skip


def _folder() -> Path:
    if os.getuid() == 0:
        return Path("/etc/systemd/system")
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "systemd" / "user"


def _has_systemd(manager: list[str]) -> bool:
    if not shutil.which("systemctl"):
        return False
    done = subprocess.run(
        [*manager, "list-timers", "--no-pager"], capture_output=True, check=False, timeout=20
    )
    return done.returncode == 0


def _systemctl(manager: list[str], *words: str) -> None:
    done = subprocess.run(
        [*manager, *words], capture_output=True, text=True, check=False, timeout=60
    )
    if done.returncode:
        raise Failed(f"{' '.join([*manager, *words])} failed: {done.stderr.strip()}")
