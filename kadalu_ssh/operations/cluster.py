"""cluster init | create | list | use | rename | delete | status."""

import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from kadalu_ssh.inventory import empty
from kadalu_ssh.model.errors import Failed, Locked, Refused, Unreachable
from kadalu_ssh.model.names import check_host, check_name, shown
from kadalu_ssh.model.records import Document
from kadalu_ssh.operations.context import Context, Outcome
from kadalu_ssh.operations.join import with_new_nodes
from kadalu_ssh.operations.lag import behind_by, given_up, giving_up
from kadalu_ssh.operations.recognise import node_state, nodes_code, old_copy
from kadalu_ssh.operations.session import open_session, session_for
from kadalu_ssh.operations.transaction import begin, hold_local_lock, open_transaction
from kadalu_ssh.state.document import successor
from kadalu_ssh.state.workspace import Workspace


async def create(ctx: Context, *, name: str) -> Outcome:
    """A cluster without nodes: on this laptop only, until nodes are added."""
    return await init(ctx, name=name, meta_servers=[], nodes=[])


async def init(
    ctx: Context, *, name: str, meta_servers: Sequence[str], nodes: Sequence[str]
) -> Outcome:
    """A new cluster of the union of both lists; all hosts are probed and checked first."""
    workspace = _refuse_taken(ctx, check_name("cluster", name))
    hosts = [check_host(host) for host in dict.fromkeys([*meta_servers, *nodes])]
    document = Document(cluster_id=str(uuid.uuid4()), name=name)
    # Without hosts there is nothing to reach: `node add` may write the inventory later.
    inventory = None if hosts or ctx.settings.inventory.exists() else empty(ctx.settings.inventory)
    async with session_for(ctx, workspace, document, inventory) as session:
        with hold_local_lock(ctx, session), _no_traces(workspace.directory(document.cluster_id)):
            async with begin(session, lambda document: ()) as transaction:
                new = await with_new_nodes(session, hosts, meta_servers)
                outcome = await transaction.execute("cluster.init", new)
        if not ctx.settings.dry_run:
            _register(workspace, name, document.cluster_id)
    outcome.summary = f"Cluster {name} was created {_with(len(hosts))}."
    outcome.data = {"cluster": {"name": name, "id": document.cluster_id, "nodes": hosts}}
    return outcome


@contextmanager
def _no_traces(directory: Path) -> Iterator[None]:
    """A cluster that did not come to be leaves nothing in the workspace."""
    try:
        yield
    except (Refused, Failed, Unreachable, Locked):
        shutil.rmtree(directory, ignore_errors=True)
        raise


def _with(count: int) -> str:
    return {0: "without nodes", 1: "with 1 node"}.get(count, f"with {count} nodes")


def _refuse_taken(ctx: Context, name: str) -> Workspace:
    workspace = Workspace(ctx.settings.workspace)
    if name in workspace.index().clusters:
        raise Refused(
            f"there is a cluster {shown(name)} in {workspace.root} already",
            hint=f"look at it: kadalu cluster status {name}",
        )
    return workspace


def _register(workspace: Workspace, name: str, cluster_id: str) -> None:
    index = workspace.index()
    index.clusters[name] = cluster_id
    workspace.save_index(index)


async def list_clusters(ctx: Context) -> Outcome:
    """What this workspace knows; asks no node."""
    workspace = Workspace(ctx.settings.workspace)
    index = workspace.index()
    rows = []
    for name, cluster_id in sorted(index.clusters.items()):
        document = workspace.load(cluster_id)
        rows.append(
            {
                "name": name, "id": cluster_id, "current": name == index.current,
                "nodes": len(document.nodes), "volumes": len(document.volumes),
            }
        )  # fmt: skip
    return Outcome(data={"clusters": rows})


async def use(ctx: Context, *, name: str) -> Outcome:
    """Make `name` the cluster of commands that name none."""
    workspace = Workspace(ctx.settings.workspace)
    name, cluster_id = workspace.resolve(check_name("cluster", name))
    if not ctx.settings.dry_run:
        index = workspace.index()
        index.current = name
        workspace.save_index(index)
    data = {"cluster": {"name": name, "id": cluster_id}}
    summary = f"Commands that name no cluster are for {name} now."
    return Outcome(summary, data, dry_run=ctx.settings.dry_run)


async def rename(ctx: Context, *, old: str, new: str) -> Outcome:
    """Only the name changes: everything on the nodes is named by id."""
    workspace = _refuse_taken(ctx, check_name("cluster", new))
    async with open_transaction(ctx, check_name("cluster", old)) as transaction:
        changed = successor(transaction.document, name=new)
        outcome = await transaction.execute("cluster.rename", changed)
    if not ctx.settings.dry_run:
        index = workspace.index()
        index.clusters[new] = index.clusters.pop(old)
        index.current = new if index.current == old else index.current
        workspace.save_index(index)
    outcome.summary = f"Cluster {old} is called {new} now."
    outcome.data = {"cluster": {"name": new, "id": changed.cluster_id}}
    return outcome


async def delete(ctx: Context, *, name: str) -> Outcome:
    """Give all nodes back and forget the cluster; refused while it has volumes or mounts."""
    async with open_transaction(
        ctx, check_name("cluster", name), lambda document: [n.id for n in document.nodes]
    ) as transaction:
        document = transaction.document
        _refuse_in_use(document)
        transaction.session.need([n.id for n in document.nodes], f"cluster {name} is not deleted")
        ctx.confirm(f"Delete cluster {name} and forget its nodes?")
        tombs = tuple(giving_up(node.id, node.name) for node in document.nodes)
        tombs += tuple(giving_up(*each) for each in given_up(document).items())
        empty = successor(document, nodes=(), meta_servers=(), tombstones=tombs, behind=())
        outcome = await transaction.execute("cluster.delete", empty)
        outcome.take(await transaction.give_back(empty))
    if not ctx.settings.dry_run:
        workspace = Workspace(ctx.settings.workspace)
        index = workspace.index()
        index.clusters.pop(name)
        index.current = None if index.current == name else index.current
        workspace.save_index(index)
    outcome.summary = f"Cluster {name} was deleted."
    outcome.data = {"cluster": {"name": name, "id": document.cluster_id}}
    return outcome


def _refuse_in_use(document: Document) -> None:
    volumes = ", ".join(volume.name for volume in document.volumes)
    if volumes:
        raise Refused(
            f"cluster {document.name} has volumes: {volumes}",
            hint="delete them first: kadalu volume delete VOLUME",
        )
    if document.clients:
        raise Refused(f"cluster {document.name} has {len(document.clients)} managed mounts")


async def status(ctx: Context, *, name: str | None) -> Outcome:
    """Which nodes answer. Exit 3 when some are down, 4 when all are."""
    async with open_session(ctx, name) as session:
        document = session.document
        await session.connect((node.id for node in document.nodes), modules=False)
        rows = []
        for node in document.nodes:
            rows.append(
                {
                    "name": node.name, "id": node.id,
                    "meta_server": node.id in document.meta_servers,
                    **node_state(session, node.id), "glusterfs": node.capabilities.glusterfs,
                    "pending": len(late := behind_by(document, node.id)), "behind": late,
                }
            )  # fmt: skip
        warnings = old_copy(session)
    data = {"name": document.name, "id": document.cluster_id, "nodes": rows}
    return Outcome(data=data, exit_code=nodes_code(rows), warnings=warnings)
