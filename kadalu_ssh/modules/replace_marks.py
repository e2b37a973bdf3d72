"""Have the good copies of a group blame a unit that was made anew, so that it is healed.

AFR does that itself, for a client with this pid that names the unit's xlator: it marks the roots of
the others (`trusted.afr.NAME`), and has their indices list them. Nobody else may.
"""

import os

import fence
import private_mount
from common import LOG, RUN, cluster_dir, remove_quietly, write_atomic

_PID = "--client-pid=-12"
_KEY = "trusted.replace-brick"


def run(params, ctx):
    """{"fence", "volume_id", "volfile": text, "glusterfs": program, "name": the unit's xlator,
    "units": how many the mount has to reach} → {}. With "end": true, only takes away what a call
    that was killed has left.
    """
    fence.enter(ctx, params["fence"])
    base = cluster_dir(RUN, params["fence"]["cluster_id"])
    name = "walk-replace-%s" % params["volume_id"]
    volfile, point = os.path.join(base, name + ".vol"), os.path.join(base, name)
    log = os.path.join(cluster_dir(LOG, params["fence"]["cluster_id"]), name + ".log")
    try:
        if not params.get("end"):
            write_atomic(volfile, params["volfile"])
            private_mount.mount(ctx.command, params["glusterfs"], volfile, point, log, [_PID])
            private_mount.wait_whole(point, params["units"])
            os.setxattr(point, _KEY, params["name"].encode())
    finally:
        private_mount.unmount(private_mount.program, point)
        remove_quietly(volfile)
    return {}
