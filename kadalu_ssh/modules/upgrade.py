"""Upgrade the GlusterFS packages of a host, or run what its admin has for that."""

import os
import shutil

import fence
import glusterfs
from common import ModuleError


def run(params, ctx):
    """{"op": "look"} → {"packages": [what would be upgraded]}.
    {"op": "upgrade", "fence", "command": text | None} → {"glusterfs": version, "said": last lines}:
    the packages, or `command` by /bin/sh. Raises ModuleError `upgrade` with what was said last.
    """
    if params["op"] == "look":
        return {"packages": _outdated(ctx)}
    fence.enter(ctx, params["fence"])
    said = _run(ctx, params["command"]) if params["command"] else _upgrade(ctx)
    return {"glusterfs": glusterfs.probe(ctx)["glusterfs"], "said": said}


def _run(ctx, command):
    """The admin's own words, for the admin's own shell."""
    return _must(ctx, ["/bin/sh", "-c", command])


def _upgrade(ctx):
    names = _outdated(ctx)
    if not names:
        return "nothing to upgrade"
    manager = _manager()
    if manager == "apt-get":
        return _must(ctx, ["apt-get", "-q", "-y", "install", "--only-upgrade"] + names)
    if manager == "dnf":
        return _must(ctx, ["dnf", "-q", "-y", "upgrade"] + names)
    return _must(ctx, ["zypper", "--non-interactive", "update"] + names)


def _manager():
    for name in ("apt-get", "dnf", "zypper"):
        if shutil.which(name):
            return name
    raise ModuleError("upgrade", "no package manager was found (apt-get, dnf or zypper)")


def _outdated(ctx):
    """Installed GlusterFS packages of which there is a newer version."""
    manager = _manager()
    if manager == "apt-get":
        _must(ctx, ["apt-get", "-q", "update"])
        text = _must(ctx, ["apt-get", "-q", "-s", "upgrade"], whole=True)
        return _named(line.split()[1] for line in text.splitlines() if line.startswith("Inst "))
    if manager == "dnf":
        status, out, err = ctx.command(["dnf", "-q", "check-update"])
        if status not in (0, 100):  # 100: there is something
            raise ModuleError("upgrade", "dnf: %s" % _last(out, err))
        return _named(line.split(".")[0] for line in out.splitlines() if line.strip())
    out = _must(ctx, ["zypper", "--non-interactive", "list-updates"], whole=True)
    rows = [line.split("|") for line in out.splitlines()]
    return _named(row[2].strip() for row in rows if len(row) > 2)


def _named(names):
    wanted = ("glusterfs", "libglusterfs", "libgfapi", "libgfrpc", "libgfxdr", "libgfchangelog")
    return sorted({name for name in names if name.startswith(wanted)})


def _must(ctx, argv, whole=False):
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    status, out, err = ctx.command(argv, env=env)
    if status != 0:
        raise ModuleError("upgrade", "exit status %d: %s" % (status, _last(out, err)), out + err)
    return out if whole else _last(out, err)


def _last(out, err):
    lines = (err.strip() or out.strip()).splitlines()
    return "; ".join(line.strip() for line in lines[-3:])
