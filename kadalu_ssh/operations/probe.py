"""Facts of a host → what the document keeps of it, and what stands against using it."""

import time
from collections.abc import Iterator, Mapping

from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.records import Capabilities

SKEW_LIMIT = 60.0
"""Seconds. GlusterFS orders some things by the nodes' clocks."""

_PYTHON = (3, 6)
_NEEDED_XLATORS = ("cluster/replicate", "protocol/server", "storage/posix")


def capabilities(facts: Json) -> Capabilities:
    """What the document keeps. The facts must have passed `obstacles`."""
    return Capabilities(
        glusterfs=facts["glusterfs"],
        xlators=tuple(sorted(facts["xlators"])),
        glusterfsd=facts.get("glusterfsd") or "/usr/sbin/glusterfsd",
        glusterfs_client=facts.get("glusterfs_client") or "/usr/sbin/glusterfs",
        glfsheal=facts.get("glfsheal"),
        systemd=int(facts["systemd"] or 0),
    )


def facts_params(cluster_id: str, **more: object) -> Json:
    """Parameters of `modules/facts.py`, with nothing asked for beyond the host itself."""
    return {
        "cluster_id": cluster_id, "paths": [], "ports": [], "resolve": [],
        "port_range": [24010, 24999], "deep": False, **more,
    }  # fmt: skip


def obstacles(facts: Json, *, node: bool = True) -> Iterator[str]:
    """Why this host cannot be a node (or, with node=False, a client): one line each."""
    if tuple(int(part) for part in facts["python"].split(".")[:2]) < _PYTHON:
        yield f"Python {facts['python']} is too old; 3.6 or newer is needed"
    if not facts["systemd"]:
        yield "systemd does not run here"
    if not facts["glusterfs"]:
        yield "GlusterFS is not installed (kadalu node add --install, or node check --install)"
    elif node:
        missing = [x for x in _NEEDED_XLATORS if x not in facts["xlators"]]
        if missing:
            yield f"GlusterFS {facts['glusterfs']} lacks {', '.join(missing)}"
    if node and facts["glusterd_running"]:
        yield "glusterd runs here: stop and disable it (systemctl disable --now glusterd)"
    yield from _unwritable(facts)
    yield from clock_skew(facts)


def _unwritable(facts: Json) -> Iterator[str]:
    writable: Mapping[str, str | None] = facts["writable"]
    for path, reason in sorted(writable.items()):
        if reason:
            yield f"{path} cannot be written: {reason}"


def clock_skew(facts: Json) -> Iterator[str]:
    """A clock that is off by more than SKEW_LIMIT seconds from this laptop's."""
    skew = facts["time"] - time.time()
    if abs(skew) > SKEW_LIMIT:
        side = "ahead of" if skew > 0 else "behind"
        yield f"its clock is {abs(skew):.0f} s {side} this machine's: set up time synchronisation"
