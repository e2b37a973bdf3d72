"""What is ours and no longer wanted: stopped, then removed. Data is never touched."""

import items_file
import systemd
from job import unit_name


def processes(job):
    """Stop and disable services and mounts that the manifest no longer has."""
    items = [item for item in job.obsolete if unit_name(item)]
    ready = [item for item in items if _may_end(job, item)]
    active = [n for n in map(unit_name, ready) if _is_there(job.states[n])]
    if not job.check:
        systemd.do(job.ctx, "disable", active, ("--now",))
    states = {} if job.check else systemd.show(job.ctx, active)
    for item in ready:
        name = unit_name(item)
        if systemd.is_active(states.get(name, {})):
            reason = "did not stop: %s" % systemd.failure(states[name])
            job.report(item, "failed", "stop", reason)
        elif name in active:
            job.removed(item, "stop, disable" if item["kind"] == "service" else "unmount")
        else:
            job.gone.append(item["id"])


def _is_there(state):
    return state.get("ActiveState") != "inactive" or systemd.is_enabled(state)


def _may_end(job, item):
    name = unit_name(item)
    critical = item["kind"] == "service" and item.get("critical", False)
    if critical and systemd.is_active(job.states[name]) and name not in job.may_stop:
        job.report(item, "blocked", reason="it runs, and this command does not stop it")
        return False
    return True


def files(job):
    """Remove files and empty directories of ours; those of a process that goes on stay."""
    kept = _files_in_use(job)
    for item in job.obsolete:
        if item["kind"] == "unit":
            job.removed(item, "no longer looked after")
        elif item["kind"] == "file" and item["path"] in kept:
            job.report(item, "blocked", reason="%s still uses it" % kept[item["path"]])
        elif item["kind"] == "file":
            job.attempt(items_file.remove, item)
    deepest_first = sorted(job.obsolete, key=lambda item: item.get("path", ""), reverse=True)
    for item in deepest_first:
        if item["kind"] == "dir":
            job.attempt(items_file.remove_dir, item)


def _files_in_use(job):
    """{path: unit name} of files of processes that could not be ended."""
    kept = {}
    for item in job.obsolete:
        if job.results.get(item["id"], {}).get("status") in ("blocked", "failed"):
            kept.update((path, unit_name(item)) for path in item.get("files", []))
    return kept
