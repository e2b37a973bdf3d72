"""What a host is and has, in one quick call that changes nothing."""

import os
import socket
import sys
import threading
import time

import fence
import glusterfs
import paths
import systemd
from common import LIB, LOG, RUN, boot_id

_RESOLVE_LIMIT = 5.0
_SYSTEMD_UNITS = "/etc/systemd/system"


def run(params, ctx):
    """Facts of this host. All parameters but `cluster_id` may be absent.

    {"cluster_id", "paths": [...], "ports": [...], "resolve": [names], "deep": bool}
    → see the keys below; `paths` as paths.probe describes them; sizes in bytes; `ports`: those of
    the asked ones that are in use.
    """
    listening = listening_ports()
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
        "writable": {d: paths.why_not_writable(d) for d in (LIB, RUN, LOG, _SYSTEMD_UNITS)},
        "resolve": resolve(params.get("resolve") or []),
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


def listening_ports():
    """TCP ports that something listens on, IPv4 and IPv6."""
    ports = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table) as file:
                rows = [line.split() for line in file.readlines()[1:]]
        except OSError:
            continue  # a kernel without IPv6
        ports.update(int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == "0A")
    return ports


def resolve(names):
    """{name: [addresses] | None}, all at once; a resolver that does not answer counts as None."""
    found = dict.fromkeys(names)
    threads = [threading.Thread(target=_look_up, args=(n, found), daemon=True) for n in found]
    for thread in threads:
        thread.start()
    end = time.monotonic() + _RESOLVE_LIMIT
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return dict(found)


def _look_up(name, found):
    try:
        infos = socket.getaddrinfo(name, None, 0, socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return
    found[name] = sorted({info[4][0] for info in infos})
