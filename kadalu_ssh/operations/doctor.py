"""doctor: is this machine fit to control a cluster, and is the workspace whole?"""

import os
import shutil
import sys
from collections.abc import Iterator

from kadalu_ssh.inventory import load
from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.errors import KadaluError
from kadalu_ssh.operations.context import Context, Outcome
from kadalu_ssh.state.workspace import Workspace

_FREE_MEGABYTES = 50


async def doctor(ctx: Context) -> Outcome:
    """Asks no node. Exit 1 when something is broken."""
    checks = [*_machine(), *_workspace(ctx)]
    broken = any(check["state"] == "error" for check in checks)
    return Outcome(data={"checks": checks}, exit_code=1 if broken else 0)


def _row(check: str, state: str, detail: str) -> Json:
    return {"check": check, "state": state, "detail": detail}


def _machine() -> Iterator[Json]:
    yield _row("python", "ok", sys.version.split()[0])
    import asyncssh

    yield _row("asyncssh", "ok", asyncssh.__version__)
    agent = os.environ.get("SSH_AUTH_SOCK")
    yield _row("ssh-agent", "ok" if agent else "none", agent or "SSH_AUTH_SOCK is not set")


def _workspace(ctx: Context) -> Iterator[Json]:
    root = ctx.settings.workspace
    yield _row("workspace", "ok" if root.is_dir() else "none", str(root))
    try:
        inventory = load(ctx.settings.inventory)
        detail = f"{ctx.settings.inventory}: {len(inventory.names())} hosts"
        yield _row("inventory", "ok", detail)
        yield from (_row("inventory", "warning", warning) for warning in inventory.warnings)
    except KadaluError as error:
        yield _row("inventory", "error", error.message)
    yield from _clusters(Workspace(root))
    yield _space(ctx)


def _clusters(workspace: Workspace) -> Iterator[Json]:
    try:
        clusters = workspace.index().clusters
    except KadaluError as error:
        yield _row("clusters.json", "error", error.message)
        return
    for name, cluster_id in sorted(clusters.items()):
        try:
            document = workspace.load(cluster_id)
            detail = f"serial {document.serial}, {len(document.nodes)} nodes"
            yield _row(f"cluster {name}", "ok", detail)
        except KadaluError as error:
            yield _row(f"cluster {name}", "error", error.message)


def _space(ctx: Context) -> Json:
    place = ctx.settings.workspace
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free >> 20
    state = "ok" if free >= _FREE_MEGABYTES else "error"
    return _row("free space", state, f"{free} MiB at {place}")
