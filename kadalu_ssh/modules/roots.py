"""Whose the root of a storage unit is: that is the root of its volume, which mounts show."""

import os
import stat


def run(params, ctx):
    """{"path"} → {"mode", "uid", "gid"} of the unit's directory."""
    seen = os.stat(params["path"])
    return {"mode": stat.S_IMODE(seen.st_mode), "uid": seen.st_uid, "gid": seen.st_gid}
