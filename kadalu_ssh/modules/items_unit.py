"""Storage units of a manifest: asserted, never made."""

import marks


def check(job, item):
    """Blocked where the path, its marks or its file system are not those of the unit."""
    reason = marks.mismatch(item, job.cluster_id)
    if reason is None:
        job.report(item, "ok")
    elif job.check and _is_to_be_made(job, item):
        job.report(item, "skipped", reason="made by an earlier phase")
    else:
        job.report(item, "blocked", reason=reason)


def _is_to_be_made(job, item):
    """In a rehearsal: a unit this host never had, at a path that no other volume has marked."""
    found = marks.volume_id(item["path"])
    return item["id"] not in job.owned_before and found in (None, item["volume_id"])
