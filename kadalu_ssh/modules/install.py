"""Install the distribution's GlusterFS packages."""

import os
import shutil

import glusterfs
from common import ModuleError

# glusterd stays out: nothing of ours needs it, and its package would start it on some systems.
_MANAGERS = (
    ("apt-get", ["glusterfs-common", "glusterfs-client", "attr"]),
    ("dnf", ["glusterfs", "glusterfs-server", "glusterfs-fuse", "attr"]),
    ("zypper", ["glusterfs", "attr"]),
)


def run(params, ctx):
    """{} → {"changed": bool, "glusterfs": version, "manager": name}.

    Raises ModuleError `install` with the last line of what the package manager said.
    """
    before = glusterfs.probe(ctx)["glusterfs"]
    if before:
        return {"changed": False, "glusterfs": before, "manager": None}
    manager, packages = _manager()
    for argv in _commands(manager, packages):
        ctx.event({"detail": " ".join(argv)})
        _must(ctx, argv)
    found = glusterfs.probe(ctx)["glusterfs"]
    if not found:
        raise ModuleError("install", "%s installed no GlusterFS" % manager)
    return {"changed": True, "glusterfs": found, "manager": manager}


def _manager():
    for name, packages in _MANAGERS:
        if shutil.which(name):
            return name, packages
    raise ModuleError("install", "no package manager was found (apt-get, dnf or zypper)")


def _commands(manager, packages):
    if manager == "apt-get":
        install = ["apt-get", "-q", "-y", "--no-install-recommends", "install"]
        return [["apt-get", "-q", "update"], install + packages]
    if manager == "dnf":
        return [["dnf", "-q", "-y", "install"] + packages]
    return [["zypper", "--non-interactive", "install"] + packages]


def _must(ctx, argv):
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    status, out, err = ctx.command(argv, env=env)
    if status != 0:
        lines = (err.strip() or out.strip() or "exit status %d" % status).splitlines()
        raise ModuleError("install", "%s: %s" % (argv[0], lines[-1]), out + err)
