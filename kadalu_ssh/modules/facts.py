"""What a host is and has, in one quick call that changes nothing."""

import os
import socket
import sys
import time

import fence
import glusterfs
import network
import paths
import systemd
from common import LIB, LOG, RUN, UNITS, boot_id


def run(params, ctx):
    """Facts of this host. All parameters but `cluster_id` may be absent.

    {"cluster_id", "paths": [...], "ports": [...], "resolve": [names], "reach": [[name, port]]}
    → see the keys below; `paths` as paths.probe describes them; sizes in bytes; `ports`: those of
    the asked ones that are in use.
    """
    listening = network.listening_ports()
    wanted = set(params.get("ports") or [])
    facts = {
        "hostname": socket.gethostname(),
        "python": "%d.%d.%d" % sys.version_info[:3],
        "time": time.time(),
        "boot_id": boot_id(),
        "kernel": os.uname().release,
        "systemd": systemd.version(),
        "glusterd_running": "glusterd" in process_names(),
        "identity": fence.read_identity(params["cluster_id"]),
        "node_of": fence.node_of(params["cluster_id"]),
        "ephemeral_range": [
            int(n) for n in _line("/proc/sys/net/ipv4/ip_local_port_range").split()
        ],
        "listening": sorted(listening),
        "ports": sorted(wanted & listening),
        "free_bytes": paths.free_bytes("/var/lib"),
        "writable": {d: paths.why_not_writable(d) for d in (LIB, RUN, LOG, UNITS)},
        "resolve": network.resolve(params.get("resolve") or []),
        "reach": network.reach(params.get("reach") or []),
        "xattr": paths.why_no_xattr(paths.nearest(LIB)),
    }
    facts.update(glusterfs.probe(ctx))
    facts["paths"] = {path: paths.probe(path) for path in params.get("paths") or []}
    return facts


def _line(path):
    with open(path) as file:
        return file.readline().strip()


def process_names():
    """Names of all processes, as the kernel has them (15 characters)."""
    names = set()
    for pid in os.listdir("/proc"):
        if pid.isdigit():
            try:
                names.add(_line("/proc/%s/comm" % pid))
            except OSError:
                pass  # it ended meanwhile
    return names
