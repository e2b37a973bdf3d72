"""Directories and files of a manifest."""

import hashlib
import os
import shutil
import stat

import diffs
from common import LIB, LOG, RUN, make_dirs, read_text, write_atomic


def needed(job):
    """SHA-256 of contents that differ here and were not sent along."""
    files = [item for item in job.wanted if item["kind"] == "file"]
    wanted = (item["sha256"] for item in files if _sha256(item["path"]) != item["sha256"])
    return [sha for sha in dict.fromkeys(wanted) if sha not in job.contents]


def differing(job):
    """Paths of files whose contents differ, and of directories that are missing."""
    paths = set()
    for item in job.wanted:
        if item["kind"] == "file" and _sha256(item["path"]) != item["sha256"]:
            paths.add(item["path"])
        elif item["kind"] == "dir" and not os.path.lexists(item["path"]):
            paths.add(item["path"])
    return paths


def _sha256(path):
    """Of the file's contents; None for what is not a readable file."""
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except OSError:
        return None


def _mode(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


def apply_dir(job, item):
    """Make a directory, or give it its mode."""
    path, mode = item["path"], item["mode"]
    if os.path.isdir(path):
        return _fix_mode(job, item)
    if not job.check:
        make_dirs(os.path.dirname(path))
        os.mkdir(path, mode)
        os.chmod(path, mode)
        job.touched.add(os.path.dirname(path))
    return job.did(item, "create")


def _fix_mode(job, item):
    path, mode, found = item["path"], item["mode"], _mode(item["path"])
    if found == mode:
        return job.report(item, "ok")
    if not job.check:
        os.chmod(path, mode)
    return job.did(item, "mode %04o → %04o" % (found, mode))


def apply(job, item):
    """Write a file where its contents differ. A file that others wrote is left alone."""
    path = item["path"]
    if _sha256(path) == item["sha256"]:
        return _fix_mode(job, item)
    if os.path.lexists(path) and _is_foreign(job, item):
        return job.report(item, "blocked", reason="%s exists and is not ours" % path)
    change = "update" if os.path.lexists(path) else "create"
    job.reload_needed |= bool(item.get("systemd"))
    if job.check:
        return job.did(item, change, _diff(job, item))
    write_atomic(path, job.contents[item["sha256"]], item["mode"], durable_name=False)
    job.touched.add(os.path.dirname(path))
    return job.did(item, change)


def _diff(job, item):
    path, new = item["path"], job.contents[item["sha256"]]
    if path.endswith(".py"):
        return ""  # a program of ours says nothing to whoever looks at what would change
    return diffs.unified(path, read_text(path), new, job.secrets, item.get("secret", False))


def _is_foreign(job, item):
    """In our own directories, and under our own unit names, everything is ours."""
    path = item["path"]
    bases = tuple("%s/%s/" % (base, job.cluster_id) for base in (LIB, RUN, LOG))
    named_by_id = os.path.basename(path).startswith("kadalu-")
    return not (item["id"] in job.owned_before or path.startswith(bases) or named_by_id)


def remove(job, item):
    """Remove a file that we wrote."""
    path = item["path"]
    if os.path.lexists(path):
        if not job.check:
            os.unlink(path)
            job.touched.add(os.path.dirname(path))
        job.reload_needed |= bool(item.get("systemd"))
        job.removed(item, "remove")
    else:
        job.gone.append(item["id"])


def remove_dir(job, item):
    """Remove a directory that we made, once it is empty. Otherwise it stays, and stays ours."""
    path = item["path"]
    if not os.path.isdir(path) or item["id"] not in job.ledger.made:
        job.gone.append(item["id"])
    elif item.get("tree"):
        if not job.check:
            shutil.rmtree(path)
        job.removed(item, "remove")
    elif not job.check and os.listdir(path):
        job.report(item, "skipped", reason="%s is not empty" % path)
        job.ledger.applied.pop(item["id"], None)
    else:
        if not job.check:
            os.rmdir(path)
        job.removed(item, "remove")
