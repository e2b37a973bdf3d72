"""Which directory is the workspace."""

import os
from pathlib import Path

from kadalu_ssh.model.errors import Refused


def workspace_of(given: Path | str | None) -> Path:
    """-C, KADALU_WORKSPACE, the current directory if it is one, else ~/.config/kadalu."""
    given = given or os.environ.get("KADALU_WORKSPACE")
    if given:
        return _home(Path(given)).absolute()
    try:
        here = Path.cwd()
    except FileNotFoundError as error:
        raise Refused(
            "the current directory is gone", hint="cd elsewhere, or give -C DIR"
        ) from error
    if (here / "inventory.yml").exists() or (here / "state").is_dir():
        return here
    return _home(Path("~/.config/kadalu"))


def _home(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise Refused(f"cannot tell where {path} is", hint="set HOME, or give -C DIR") from error
