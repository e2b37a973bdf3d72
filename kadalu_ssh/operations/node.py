"""node add | list | info | update | remove | check | accept-key."""

from collections.abc import Sequence

import msgspec

from kadalu_ssh.inventory import Edited, load, with_host
from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.errors import Failed, Refused
from kadalu_ssh.model.names import check_host, split_node
from kadalu_ssh.model.records import Document, Node
from kadalu_ssh.operations.context import Context, Outcome
from kadalu_ssh.operations.join import with_new_nodes
from kadalu_ssh.operations.lag import behind_by, given_up, giving_up
from kadalu_ssh.operations.meta import meta_change, without_meta_server
from kadalu_ssh.operations.probe import capabilities, facts_params
from kadalu_ssh.operations.recognise import node_state, nodes_code, old_copy
from kadalu_ssh.operations.session import fleet_settings, open_session
from kadalu_ssh.operations.transaction import Hosts, Transaction, open_transaction
from kadalu_ssh.state.document import successor
from kadalu_ssh.state.workspace import Workspace


async def add(
    ctx: Context, *, host: str, address: str | None = None, user: str | None = None,
    port: int | None = None, key: str | None = None, meta_server: bool = False,
    install: bool = False,
) -> Outcome:  # fmt: skip
    """Take a host into the cluster. One that the inventory does not know is written into it.

    That is done after all checks, so that another try may give other flags.
    """
    cluster, name = split_node(host)
    edited = _edited_inventory(ctx, name, address, user, port, key)
    inventory = edited.inventory if edited else None
    async with open_transaction(ctx, cluster, inventory=inventory) as transaction:
        document = transaction.document
        if any(node.name == name for node in document.nodes):
            raise Refused(f"{name} is a node of cluster {document.name} already")
        meta = [name] if meta_server else []
        new = await with_new_nodes(transaction.session, [name], meta, install)
        transaction.session.connect_names_of(new)
        if edited and not ctx.settings.dry_run:
            edited.write()
        outcome = await transaction.execute("node.add", new)
    outcome.summary = f"Node {name} was added to cluster {document.name}."
    outcome.summary += meta_change(document, new)
    outcome.data = {"node": _row(new, new.nodes[-1])}
    return outcome


def _edited_inventory(
    ctx: Context, name: str, address: str | None, user: str | None, port: int | None,
    key: str | None,
) -> Edited | None:  # fmt: skip
    """The inventory with the host in it; None when it knows the host already."""
    given = {
        "kadalu_address": address, "ansible_user": user, "ansible_port": port,
        "ansible_ssh_private_key_file": key,
    }  # fmt: skip
    values = {k: v for k, v in given.items() if v is not None}
    path = ctx.settings.inventory
    known = path.exists() and name in load(path).names()
    if known and values:
        raise Refused(
            f"{name} is in {path} already",
            hint=f"write {', '.join(values)} there, or leave them out",
        )
    return None if known else with_host(path, name, values)


def _row(document: Document, node: Node) -> Json:
    units = sum(slot.unit.node == node.id for v in document.volumes for slot in v.slots)
    return {
        "name": node.name, "id": node.id, "address": node.address, "zone": node.zone,
        "meta_server": node.id in document.meta_servers, "units": units,
        "glusterfs": node.capabilities.glusterfs, "resting": node.resting,
        "behind": behind_by(document, node.id),
    }  # fmt: skip


async def list_nodes(ctx: Context, *, status: bool) -> Outcome:
    """The nodes; with `status`, whether they answer (exit 3 when some do not, 4 when none does)."""
    if not status:
        workspace = Workspace(ctx.settings.workspace)
        document = workspace.load(workspace.resolve(ctx.settings.cluster)[1])
        return Outcome(data={"nodes": [_row(document, node) for node in document.nodes]})
    async with open_session(ctx) as session:
        await session.connect((node.id for node in session.document.nodes), modules=False)
        rows = []
        for node in session.document.nodes:
            rows.append({**_row(session.document, node), **node_state(session, node.id)})
        warnings = old_copy(session)
    return Outcome(data={"nodes": rows}, exit_code=nodes_code(rows), warnings=warnings)


async def info(ctx: Context, *, host: str) -> Outcome:
    """What the document says of a node; asks no node."""
    cluster, name = split_node(host)
    workspace = Workspace(ctx.settings.workspace)
    document = workspace.load(workspace.resolve(cluster or ctx.settings.cluster)[1])
    node = find_node(document, name)
    units = [
        {"volume": volume.name, "path": slot.unit.path, "port": slot.unit.port, "id": slot.unit.id}
        for volume in document.volumes
        for slot in volume.slots
        if slot.unit.node == node.id
    ]
    capabilities_ = msgspec.to_builtins(node.capabilities)
    data = {**_row(document, node), "capabilities": capabilities_, "storage_units": units}
    return Outcome(data={"node": data})


def find_node(document: Document, name: str) -> Node:
    """Raises Refused naming the nodes there are."""
    for node in document.nodes:
        if node.name == name:
            return node
    known = ", ".join(sorted(node.name for node in document.nodes)) or "none yet"
    raise Refused(f"{name} is not a node of cluster {document.name}", hint=f"its nodes: {known}")


async def update(ctx: Context, *, host: str) -> Outcome:
    """Probe a node again: GlusterFS release, xlators, address and zone enter the document."""
    cluster, name = split_node(host)
    async with open_transaction(ctx, cluster) as transaction:
        session, document = transaction.session, transaction.document
        node = find_node(document, name)
        await session.connect([node.id])
        session.need([node.id], f"node {name} is not updated")
        params = {node.id: facts_params(document.cluster_id)}
        good, bad = session.split(await session.call("facts", params))
        if bad:
            raise Failed(f"node {name} could not be probed", nodes=bad)
        reach = session.inventory.reach(name)
        changed = msgspec.structs.replace(
            node, capabilities=capabilities(good[node.id]), zone=reach.zone,
            address=reach.address or node.address,
        )  # fmt: skip
        _refuse_moved(document, node, changed)
        nodes = tuple(changed if n.id == node.id else n for n in document.nodes)
        new = successor(document, nodes=nodes)
        outcome = await transaction.execute("node.update", new)
    outcome.summary = f"Node {name} was probed: GlusterFS {changed.capabilities.glusterfs}."
    outcome.data = {"node": _row(new, changed)}
    return outcome


def _refuse_moved(document: Document, node: Node, changed: Node) -> None:
    """The address is in every client's volfile: it cannot change under a volume."""
    if node.address != changed.address and _row(document, node)["units"]:
        raise Refused(
            f"node {node.name} has storage units: its address {node.address} cannot change",
            hint="keep kadalu_address as it was, and make the name lead to the new place in DNS",
        )


async def remove(ctx: Context, *, host: str, lost: bool) -> Outcome:
    """Give a node back. `lost`: it will never answer again."""
    cluster, name = split_node(host)
    async with open_transaction(ctx, cluster, _ids_of(name)) as transaction:
        session, document = transaction.session, transaction.document
        if lost and name in given_up(document).values():
            return await _forget(transaction, name)
        node = find_node(document, name)
        _refuse_used(document, node)
        if not lost:
            session.need([node.id], f"node {name} is not removed")
        nodes = tuple(n for n in document.nodes if n.id != node.id)
        meta = without_meta_server(document, node.id)
        tombs = tuple(t for t in document.tombstones if t.host != node.id)
        tombs += () if lost else (giving_up(node.id, name),)
        new = successor(document, nodes=nodes, meta_servers=meta, tombstones=tombs)
        moved = meta_change(document, new)
        ctx.confirm(f"Remove node {name} from cluster {document.name}?{moved}")
        outcome = await transaction.execute("node.remove", new)
        outcome.take(await transaction.give_back(new))
    outcome.summary = f"Node {name} was removed from cluster {document.name}.{moved}"
    outcome.data = {"node": _row(document, node)}
    return outcome


async def _forget(transaction: Transaction, name: str) -> Outcome:
    """A node that was removed, but never told: nobody waits for it any more."""
    document = transaction.document
    transaction.ctx.confirm(f"Forget {name}, which has not confirmed that it was removed?")
    tombs = tuple(t for t in document.tombstones if t.name != name)
    outcome = await transaction.execute("node.remove", successor(document, tombstones=tombs))
    outcome.summary = f"Node {name} is forgotten; what it has of kadalu stays there."
    outcome.data = {"node": {"name": name}}
    return outcome


def _ids_of(name: str) -> Hosts:
    return lambda document: [node.id for node in document.nodes if node.name == name]


def _refuse_used(document: Document, node: Node) -> None:
    units = [
        f"{slot.unit.path} of {volume.name}"
        for volume in document.volumes
        for slot in volume.slots
        if slot.unit.node == node.id
    ]
    if units:
        raise Refused(
            f"node {node.name} has storage units: {', '.join(units)}",
            hint="put them on another node: kadalu node replace OLD NEW; or delete these volumes",
        )
    mounts = [client.path for client in document.clients if client.host == node.id]
    if mounts:
        raise Refused(f"node {node.name} has managed mounts: {', '.join(mounts)}")


async def accept_key(ctx: Context, *, host: str) -> Outcome:
    """Record the key that a host offers now. For a key that was verified by other means."""
    from kadalu_ssh.fleet.offered import accept_offered_key

    cluster, name = split_node(host)
    workspace = Workspace(ctx.settings.workspace)
    _, cluster_id = workspace.resolve(cluster or ctx.settings.cluster)
    reach = load(ctx.settings.inventory).reach(check_host(name))
    settings = fleet_settings(ctx, workspace.directory(cluster_id) / "known_hosts")
    ask = None if ctx.settings.dry_run else ctx.reporter.confirm
    fingerprint = await accept_offered_key(reach, settings, ask)
    verb = "would be" if ctx.settings.dry_run else "is"
    return Outcome(
        f"The key {fingerprint} {verb} trusted for {name}.",
        {"node": {"name": name, "fingerprint": fingerprint}}, dry_run=ctx.settings.dry_run,
    )  # fmt: skip


async def check(ctx: Context, *, hosts: Sequence[str], install: bool = False) -> Outcome:
    """Every precondition of every named host (default: all nodes)."""
    from kadalu_ssh.operations.node_check import check_hosts

    return await check_hosts(ctx, [split_node(host)[1] for host in hosts], install)
