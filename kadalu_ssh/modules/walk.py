"""Look at every directory of a volume once, so that all groups have it.

GlusterFS makes a directory in a group that lacks it when a client first looks at it. On a busy
volume two clients that do so at the same moment leave it with mode 000: so it is done before any
client knows the new group, by one ordinary mount, parents first, each directory once.
"""

import os

import directories
import fence
import private_mount
from common import LOG, RUN, cluster_dir, remove_quietly, write_atomic

_TELL_EVERY = 500


def run(params, ctx):
    """{"fence", "volume_id", "volfile": text, "glusterfs": program, "unit": path of one that has
    all directories, "units": how many the mount has to reach} → {"directories": how many}.
    Events: {"directories": how many so far}. With "end": true, only takes away what a call that
    was killed has left.
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
        return {"directories": _look(params["unit"], point, ctx)}
    finally:
        private_mount.unmount(private_mount.program, point)
        remove_quietly(volfile)


def _look(unit, point, ctx):
    count = 0
    for path in directories.walk(unit):
        ctx.check_cancelled()
        try:
            os.lstat(os.path.join(point, path))
            count += 1
        except FileNotFoundError:
            pass  # it was removed meanwhile
        if count % _TELL_EVERY == 0:
            ctx.event({"directories": count})
    return count
