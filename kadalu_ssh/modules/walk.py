"""Look at every directory of a volume once, so that all groups have it.

GlusterFS makes a directory in a group that lacks it when a client first looks at it. On a busy
volume two clients that do so at the same moment leave it with mode 000: so it is done before any
client knows the new group, by one ordinary mount, parents first, each directory once.
"""

import os

import directories
import fence
import private_mount
from common import LOG, RUN, cluster_dir, read_json, remove_quietly, write_atomic, write_json

_TELL_EVERY = 500
_BARE_SHOWN = 10


def run(params, ctx):
    """{"fence", "volume_id", "volfile": text, "glusterfs": program, "unit": path of one that has
    all directories, "units": how many the mount has to reach} → {"directories": how many}.
    Events: {"directories": how many so far}. With "end": true, only takes away what a call that
    was killed has left. With "mend": true, it is the last of several: a directory that has lost its
    mode since an earlier one gets it back; → also {"bare": paths of those whose mode nobody knows}.
    """
    fence.enter(ctx, params["fence"])
    base = cluster_dir(RUN, params["fence"]["cluster_id"])
    name = "walk-%s" % params["volume_id"]
    volfile, point = os.path.join(base, name + ".vol"), os.path.join(base, name)
    log = os.path.join(cluster_dir(LOG, params["fence"]["cluster_id"]), name + ".log")
    try:
        if params.get("end"):
            return {"directories": 0}
        write_atomic(volfile, params["volfile"])
        private_mount.mount(ctx.command, params["glusterfs"], volfile, point, log)
        private_mount.wait_whole(point, params["units"])
        modes = os.path.join(base, name + ".modes")
        if params.get("mend"):
            return _mend(params["unit"], point, read_json(modes) or {}, ctx)
        seen = _look(params["unit"], point, ctx)
        write_json(modes, seen)
        return {"directories": len(seen)}
    finally:
        private_mount.unmount(private_mount.program, point)
        remove_quietly(volfile)


def _look(unit, point, ctx):
    """{directory: its mode in the unit before it was looked at}."""
    modes = {}
    for path in directories.walk(unit):
        ctx.check_cancelled()
        try:
            mode = os.lstat(os.path.join(unit, path)).st_mode & 0o7777
            os.lstat(os.path.join(point, path))
            modes[path] = mode
        except FileNotFoundError:
            pass  # it was removed meanwhile
        if len(modes) % _TELL_EVERY == 0:
            ctx.event({"directories": len(modes)})
    return modes


def _mend(unit, point, modes, ctx):
    """Look at those that came since, and give those their mode back that have none any more."""
    count, bare = 0, []
    for path in directories.walk(unit):
        ctx.check_cancelled()
        here = os.path.join(point, path)
        try:
            found = os.lstat(here).st_mode & 0o7777
            if found == 0 and modes.get(path):
                os.chmod(here, modes[path])
            elif found == 0 and path not in modes:
                bare.append(path)
            count += 1
        except FileNotFoundError:
            pass
    return {"directories": count, "bare": bare[:_BARE_SHOWN]}
