"""Are the hosts that answer the ones the document means, and is the document the newest?

Told by what every host says of itself when it is connected: no call is needed.
"""

from collections.abc import Iterable, Sequence

from kadalu_ssh.model.channel import Json
from kadalu_ssh.operations.session import Session


def strangers(session: Session, wanted: Iterable[str]) -> dict[str, str]:
    """Host id → why what answers there is not the node or client host that is meant."""
    reasons = {host: _strange(session, host) for host in wanted if host in session.channels}
    return {host: reason for host, reason in reasons.items() if reason}


def _strange(session: Session, host: str) -> str | None:
    found = membership(session, host)
    if found is None:
        return "it holds nothing of this cluster: reinstalled, or another host under its name?"
    if found["node_id"] != host:
        name = session.host_name(found["node_id"])
        return f"the host that answers is {name}: look at DNS and the inventory"
    return None


def node_state(session: Session, node: str) -> Json:
    """{"state": Up, Resting, Down or Foreign, "reason"} of a node that was to be connected."""
    if failure := session.failures.get(node):
        return {"state": "Down", "reason": failure.reason}
    reason = _strange(session, node)
    resting = any(n.id == node and n.resting for n in session.document.nodes)
    healthy = "Resting" if resting else "Up"
    return {"state": "Foreign" if reason else healthy, "reason": reason}


def nodes_code(rows: Sequence[Json]) -> int:
    """The exit code of a listing: 3 when a node is not up, 4 when none answers."""
    states = {row["state"] for row in rows}
    return 4 if states == {"Down"} else 0 if states <= {"Up", "Resting"} else 3


def membership(session: Session, host: str) -> Json | None:
    """{"node_id", "epoch", "serial"} as the host says it; None when it says nothing of us."""
    if host not in session.channels:
        return None
    clusters = session.channels[host].hello.get("clusters", {})
    found: Json | None = clusters.get(session.document.cluster_id)
    return found


def notices(session: Session) -> list[str]:
    """What a command that only looks should say before its answer is believed."""
    document = session.document
    hosts = [*(node.id for node in document.nodes), *(host.id for host in document.hosts)]
    lines = [f"{session.host_name(h)}: {why}" for h, why in strangers(session, hosts).items()]
    return [*lines, *old_copy(session)]


def old_copy(session: Session) -> list[str]:
    """A line when a host has seen newer work than this laptop's copy of the document."""
    document = session.document
    ours = (document.epoch, document.serial)
    seen = [(membership(session, host), host) for host in session.channels]
    newest, host = max(
        (((m["epoch"], m["serial"]), host) for m, host in seen if m), default=(ours, "")
    )
    if newest <= ours:
        return []
    return [
        f"{session.host_name(host)} has seen serial {newest[1]}, and this laptop's copy has "
        f"{ours[1]}: another command is at work, was interrupted, or the copy is old "
        "(kadalu state pull)"
    ]
