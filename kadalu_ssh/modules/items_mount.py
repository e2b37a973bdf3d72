"""Mounts of a manifest: mount units that are started like services."""

import filesystems
import items_service
import systemd


def of_another_boot(job, boot_id):
    """Ids of mounts that were not to be kept over a reboot that came since, and of their files."""
    ids = set()
    for item in job.wanted:
        if item["kind"] == "mount" and not item["persist"] and item["boot_id"] != boot_id:
            ids.add(item["id"])
            ids.update("file:" + path for path in item.get("files", []))
    return ids


def apply(job, items):
    """Mount what is not mounted; what somebody else mounted there is left alone."""
    table = {mount["point"]: mount for mount in filesystems.mounts()}
    ready = []
    for item in items:
        state = job.states[item["unit_name"]]
        if item["path"] in table and not _is_ours(state, item):
            job.report(item, "blocked", reason="%s is mounted by somebody else" % item["path"])
        else:
            ready.append(as_service(item))
    items_service.apply(job, ready)


def _is_ours(state, item):
    """Another's mount shows as an active unit as well, but not as one made from a file of ours."""
    return systemd.is_active(state) and state.get("FragmentPath") in item.get("files", [])


def as_service(item):
    """The item with the fields of a service: remounting takes open files away, so: critical."""
    return dict(item, name=item["unit_name"], running=True, enabled=item["persist"], critical=True)
