"""Make this host match its manifest, and say item by item what that took.

In check mode the same code looks at the same things and writes nothing at all.
"""

import fence
import items_file
import items_mount
import items_replica
import items_service
import items_unit
import retire
from common import ModuleError, boot_id
from job import Job


def run(params, ctx):
    """Converge the owners in scope.

    {"manifest": {"cluster_id", "node_id", "epoch", "serial", "items"}, "owners": [...] | None,
     "check": bool, "contents": {sha256: text}, "secrets": [text], "may_stop": [service],
     "may_restart": [service], "fence": {...}, "tombstones": [owner or unit item id],
     "stop_only": bool}
    → {"need": [sha256]} with nothing changed: call again with these contents; or
    {"items": [{"id", "owner", "status", "change", "diff"?, "reason"?}], "applied": digest of all
    that is in place, "converged": bool, "restart_needed": [service], "blocked": [item id]}.
    """
    job = Job(params, ctx)
    _admit(job, params)
    _refuse_lost_units(job)
    if params.get("stop_only"):
        return _stop_only(job)
    job.forget(items_mount.of_another_boot(job, boot_id()))
    need = items_file.needed(job)
    if need:
        return {"need": need}
    job.observe()
    job.intend(items_file.differing(job))
    _apply(job)
    return job.finish()


def _stop_only(job):
    """Stop and disable services that should not run, and do nothing else."""
    job.narrow(lambda item: item["kind"] == "service" and not item.get("running"))
    job.observe()
    job.intend(set())
    retire.processes(job)
    items_service.apply(job, job.wanted)
    return job.finish()


def _apply(job):
    retire.processes(job)
    retire.files(job)
    for item in job.wanted:
        if item["kind"] in _SIMPLE:
            job.attempt(_SIMPLE[item["kind"]], item)
    job.make_durable()
    items_service.apply(job, [item for item in job.wanted if item["kind"] == "service"])
    items_mount.apply(job, [item for item in job.wanted if item["kind"] == "mount"])
    items_service.reload_if_needed(job)


_SIMPLE = {
    "dir": items_file.apply_dir, "file": items_file.apply, "unit": items_unit.check,
    "replica": items_replica.apply,
}  # fmt: skip


def _admit(job, params):
    """Refuse what is meant for another host, or is older than what this host has seen."""
    manifest = params["manifest"]
    if job.check and fence.read_identity(job.cluster_id) is None:
        return  # a rehearsal: the host is to be claimed in an earlier phase
    fence.require_identity(job.cluster_id, manifest["node_id"])
    if job.check:
        fence.check(params["fence"])
    else:
        fence.enter(job.ctx, params["fence"])


def _refuse_lost_units(job):
    """A live unit does not vanish from a manifest by itself: such a manifest is damaged."""
    lost = [
        item["path"]
        for item in job.obsolete
        if item["kind"] == "unit" and item.get("live", True)
        and not job.tombstones.intersection((item["owner"], item["id"]))
    ]  # fmt: skip
    if lost:
        raise ModuleError(
            "refused",
            "the manifest drops %s, which was not given up: nothing was changed" % ", ".join(lost),
        )
