"""Which GlusterFS is installed, read off its files: starting it would take longer."""

import glob
import os

_LIBRARIES = ("/usr/lib/*/glusterfs", "/usr/lib64/glusterfs", "/usr/lib/glusterfs",
              "/usr/local/lib/glusterfs", "/usr/local/lib64/glusterfs",
              "/usr/local/lib/*/glusterfs")  # fmt: skip
_HELPERS = ("/usr/libexec/glusterfs", "/usr/local/libexec/glusterfs") + _LIBRARIES


def probe(ctx):
    """{"glusterfs": version | None, "xlators": ["cluster/replicate", ...], paths of programs}."""
    folders = [f for p in _LIBRARIES for f in sorted(glob.glob(p + "/*/xlator"))]
    daemon = _program("glusterfsd")
    version = None
    if daemon and folders:
        versions = {os.path.basename(os.path.dirname(folder)): folder for folder in folders}
        version = next(iter(versions)) if len(versions) == 1 else _ask(ctx, daemon)
        folders = [versions[version]] if version in versions else folders[:1]
    return {
        "glusterfs": version,
        "xlators": _xlators(folders[0]) if version else [],
        "glusterfsd": daemon,
        "glusterfs_client": _program("glusterfs"),
        "glfsheal": _first(path + "/glfsheal" for path in _HELPERS),
    }


def _program(name):
    """Path of a program; sbin too, which the login's PATH may lack."""
    folders = os.environ.get("PATH", "").split(":") + ["/usr/sbin", "/usr/bin", "/usr/local/sbin"]
    return _first(os.path.join(folder, name) for folder in folders if folder)


def _xlators(folder):
    names = glob.glob(folder + "/*/*.so") + glob.glob(folder + "/*/*/*.so")
    return sorted(os.path.relpath(name, folder)[: -len(".so")] for name in names)


def _first(patterns):
    found = (path for pattern in patterns for path in sorted(glob.glob(pattern)))
    return next((path for path in found if os.access(path, os.X_OK)), None)


def _ask(ctx, daemon):
    """`glusterfs 11.1` → `11.1`; several are installed, so only the program knows."""
    _, out, _ = ctx.command([daemon, "--version"], limit=10)
    words = out.split()
    return words[1] if len(words) > 1 else None
