"""Taking hosts into a cluster: probed, checked, all reasons at once."""

import uuid
from collections.abc import Collection, Sequence

from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.errors import NodeError, Refused
from kadalu_ssh.model.records import Document, Node
from kadalu_ssh.operations.probe import capabilities, facts_params, obstacles
from kadalu_ssh.operations.session import Session
from kadalu_ssh.state.document import successor

_META_SERVERS = 3


async def with_new_nodes(
    session: Session, names: Sequence[str], meta_names: Collection[str] = (), install: bool = False
) -> Document:
    """The document with `names` as nodes. Raises Refused with everything that stands against it.

    With no `meta_names`, the first node is a meta server, and the first three once there are three.
    """
    ids = {str(uuid.uuid4()): name for name in names}
    await session.connect_names(ids)
    session.need(ids, "no node was added")
    if install:
        await install_packages(session, ids)
    facts = await _facts(session, ids)
    _refuse(session, facts)
    nodes = tuple(_record(session, host_id, ids[host_id], facts[host_id]) for host_id in ids)
    everyone = (*session.document.nodes, *nodes)
    meta = _meta_servers(session.document, everyone, meta_names)
    return successor(session.document, nodes=everyone, meta_servers=meta)


def _record(session: Session, host_id: str, name: str, facts: Json) -> Node:
    reach = session.inventory.reach(name)
    return Node(
        id=host_id, name=name, address=reach.address or name, zone=reach.zone,
        capabilities=capabilities(facts),
    )  # fmt: skip


async def _facts(session: Session, ids: Collection[str]) -> dict[str, Json]:
    names = [node.address for node in session.document.nodes]
    names += [
        session.inventory.reach(session.host_name(h)).address or session.host_name(h) for h in ids
    ]
    params = facts_params(session.document.cluster_id, resolve=names)
    good, bad = session.split(await session.call("facts", dict.fromkeys(ids, params)))
    if bad:
        raise Refused("no node was added: some could not be probed", nodes=bad)
    return good


def _refuse(session: Session, facts: dict[str, Json]) -> None:
    reasons = []
    for host_id, found in facts.items():
        name = session.host_name(host_id)
        lines = [*obstacles(found), *_belonging(session, found), *_unresolved(found)]
        reasons += [NodeError(name, line) for line in lines]
    if reasons:
        raise Refused(
            "no node was added",
            nodes=reasons,
            hint="mend these, then look again: kadalu node check",
        )


def _belonging(session: Session, facts: Json) -> list[str]:
    names = {node.name for node in session.document.nodes}
    identity = facts.get("identity")
    if identity and identity["cluster_id"] == session.document.cluster_id:
        return [_member(identity, names)]
    other = facts.get("node_of")
    return [f"it is a node of cluster {other}"] if other else []


def _member(identity: Json, names: Collection[str]) -> str:
    """What a host that holds an identity of this very cluster is to be told."""
    name, home = identity.get("name"), f"/var/lib/kadalu/{identity['cluster_id']}"
    if name in names:
        return f"it is a node of this cluster already, as {name}"
    if identity.get("role") == "client":
        return "it has managed mounts of this cluster: kadalu client list, then kadalu umount"
    return (
        f"it was a node of this cluster, as {name}, and was given up: kadalu reconcile, if it was "
        f"not given up as lost; else stop what kadalu-* services it still runs, and remove {home}"
    )


def _unresolved(facts: Json) -> list[str]:
    return [
        f"it cannot resolve {name}, which volfiles will name (set kadalu_address, or mend its DNS)"
        for name, addresses in sorted(facts["resolve"].items())
        if not addresses
    ]


def _meta_servers(
    document: Document, nodes: Sequence[Node], wanted: Collection[str]
) -> tuple[str, ...]:
    """Explicit ones, else the default: the first node, or the first three once there are three."""
    if wanted:
        named = tuple(node.id for node in nodes if node.name in wanted)
        return tuple(dict.fromkeys([*document.meta_servers, *named]))
    if len(document.meta_servers) >= _META_SERVERS:
        return document.meta_servers
    count = _META_SERVERS if len(nodes) >= _META_SERVERS else 1
    rest = [node.id for node in nodes if node.id not in document.meta_servers]
    keep = document.meta_servers
    return (*keep, *rest[: max(0, count - len(keep))])


async def install_packages(session: Session, ids: Collection[str]) -> None:
    """Install the distribution's GlusterFS packages; raises Refused where that fails."""
    answers = await session.call("install", {host_id: {} for host_id in ids}, limit=900)
    _, bad = session.split(answers)
    if bad:
        raise Refused("the GlusterFS packages could not be installed", nodes=bad)
