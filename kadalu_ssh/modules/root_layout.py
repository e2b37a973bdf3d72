"""Say of the roots of storage units which names their group has, before it has a say in a volume.

A volume of one group has no layouts: DHT is passed by. Given a second group, the first client
would share the root's names out between both, and what is the new one's now vanishes from listings.
So the root belongs wholly to the old group, and not at all to the new one, until a layout is fixed.
"""

import os

import fence
import marks
from common import ModuleError

LAYOUT = "trusted.glusterfs.dht"
# Commit hash, kind of hash, first and last value; big-endian numbers of 32 bits.
_RANGES = {
    "all": bytes.fromhex("000000010000000000000000ffffffff"),
    "none": bytes.fromhex("00000001000000000000000000000000"),
}


def run(params, ctx):
    """{"fence", "units": [{"path", "unit_id", "volume_id", "fs_uuid", "range": "all" | "none"}]}
    → {"set": [path]}; a root that has a layout keeps it. Raises ModuleError `refused`.
    """
    fence.enter(ctx, params["fence"])
    for unit in params["units"]:
        reason = marks.mismatch(unit, params["fence"]["cluster_id"])
        if reason:
            raise ModuleError("refused", reason)
    lacking = [u for u in params["units"] if marks.get(u["path"], LAYOUT) is None]
    for unit in lacking:
        os.setxattr(unit["path"], LAYOUT, _RANGES[unit["range"]])
    return {"set": [unit["path"] for unit in lacking]}
