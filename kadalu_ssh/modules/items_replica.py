"""The state on a host that may or may not be a meta server. Written by `meta`, only ended here."""

import os
import shutil

from common import LIB, cluster_dir, sync_dir


def apply(job, item):
    """Nothing to do on a meta server; elsewhere what was left of a replica goes."""
    if item["kept"]:
        job.report(item, "ok")
    else:
        remove(job, item)


def remove(job, item):
    home = cluster_dir(LIB, job.cluster_id)
    if not os.path.isdir(os.path.join(home, "meta")):
        return job.report(item, "ok")
    if not job.check:
        shutil.rmtree(os.path.join(home, "meta"))
        sync_dir(home)
    return job.did(item, "remove the state of a former meta server")
