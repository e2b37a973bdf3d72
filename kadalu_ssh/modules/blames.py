"""What one storage unit's heal index says of another: entries that the other lacks."""

import os

import marks


def run(params, ctx):
    """{"units": [{"path", "name": xlator of the other}]} → {"entries": how many blame it}."""
    return {"entries": sum(_count(unit, ctx) for unit in params["units"])}


def _count(unit, ctx):
    index = os.path.join(unit["path"], ".glusterfs", "indices", "xattrop")
    try:
        names = [name for name in os.listdir(index) if not name.startswith("xattrop-")]
    except OSError:
        return 0
    ctx.check_cancelled()
    return sum(_blames(unit, gfid) for gfid in names)


def _blames(unit, gfid):
    path = os.path.join(unit["path"], ".glusterfs", gfid[:2], gfid[2:4], gfid)
    value = marks.get(path, "trusted.afr.%s" % unit["name"])
    return value is not None and any(value)
