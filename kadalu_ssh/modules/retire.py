"""What is ours and no longer wanted: stopped, then removed. Data is never touched."""

import os

import filesystems
import items_file
import items_replica
import systemd
from job import unit_name


def processes(job):
    """Stop and disable services and mounts that the manifest no longer has."""
    items = [item for item in job.obsolete if unit_name(item)]
    ready = [item for item in items if _may_end(job, item)]
    active = [n for n in map(unit_name, ready) if _is_there(job.states[n])]
    states = {} if job.check else _end(job, active)
    for item in ready:
        name = unit_name(item)
        if systemd.is_active(states.get(name, {})):
            job.report(item, "failed", "stop", _why_it_runs(item, states[name]))
        elif name in active:
            job.removed(item, "stop, disable" if item["kind"] == "service" else "unmount")
        else:
            job.gone.append(item["id"])
        if item["id"] in job.gone and item["id"] in job.ledger.made and not job.check:
            _remove_mount_point(item["path"])


def _remove_mount_point(path):
    """One that was made for the mount, unless somebody has put something into it since."""
    try:
        os.rmdir(path)
    except OSError:
        pass


def _end(job, names):
    """Stop and disable; returns how they are then. A failure of old goes with its unit."""
    systemd.do(job.ctx, "disable", names, ("--now",))
    states = systemd.show(job.ctx, names)
    failed = [name for name in names if states[name]["ActiveState"] == "failed"]
    systemd.do(job.ctx, "reset-failed", failed)
    return states


def _why_it_runs(item, state):
    users = filesystems.users(item["path"]) if item["kind"] == "mount" else []
    if users:
        return "%s is in use by %s" % (item["path"], ", ".join(users))
    return "did not stop: %s" % systemd.failure(state)


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
    kept = _in_use(job)
    for item in job.obsolete:
        if item["id"] in kept:
            job.report(item, "skipped", reason="%s still uses it" % kept[item["id"]])
        elif item["kind"] == "unit":
            job.removed(item, "no longer looked after")
        elif item["kind"] == "file":
            job.attempt(items_file.remove, item)
        elif item["kind"] == "replica":
            job.attempt(items_replica.remove, item)
            job.gone.append(item["id"])
    deepest_first = sorted(job.obsolete, key=lambda item: item.get("path", ""), reverse=True)
    for item in deepest_first:
        if item["kind"] == "dir":
            job.attempt(items_file.remove_dir, item)


def _in_use(job):
    """{item id: unit name} of what processes that could not be ended still use."""
    kept = {}
    for item in job.obsolete:
        if job.results.get(item["id"], {}).get("status") in ("blocked", "failed"):
            used = ["file:" + path for path in item.get("files", [])] + item.get("requires", [])
            kept.update((key, unit_name(item)) for key in used)
    return kept
