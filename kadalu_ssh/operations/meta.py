"""cluster meta list | add | remove: who keeps the replicas and the lock."""

from kadalu_ssh.model.errors import Refused
from kadalu_ssh.model.records import Document
from kadalu_ssh.operations.context import Context, Outcome
from kadalu_ssh.operations.transaction import Transaction, open_transaction
from kadalu_ssh.state.document import successor
from kadalu_ssh.state.workspace import Workspace


async def list_meta(ctx: Context) -> Outcome:
    """The meta servers; asks no node."""
    workspace = Workspace(ctx.settings.workspace)
    document = workspace.load(workspace.resolve(ctx.settings.cluster)[1])
    names = {node.id: node.name for node in document.nodes}
    rows = [{"name": names[meta], "id": meta} for meta in document.meta_servers]
    return Outcome(data={"meta_servers": rows})


async def add(ctx: Context, *, node: str) -> Outcome:
    """One more, under majorities of the old and of the new set."""
    async with open_transaction(ctx, None) as transaction:
        document = transaction.document
        host_id = transaction.session.node(node).id
        if host_id in document.meta_servers:
            raise Refused(f"{node} is a meta server already")
        return await _change(transaction, (*document.meta_servers, host_id), f"{node} was added.")


async def remove(ctx: Context, *, node: str) -> Outcome:
    """One less; the last one stays."""
    async with open_transaction(ctx, None) as transaction:
        host_id = transaction.session.node(node).id
        if host_id not in transaction.document.meta_servers:
            raise Refused(f"{node} is not a meta server")
        left = without_meta_server(transaction.document, host_id)
        if host_id in left or not left:
            raise Refused(f"{node} is the only meta server", hint="add another one first")
        ctx.confirm(f"Stop keeping the state of cluster {transaction.document.name} on {node}?")
        return await _change(transaction, left, f"{node} was removed.")


async def _change(transaction: Transaction, members: tuple[str, ...], what: str) -> Outcome:
    new = successor(transaction.document, meta_servers=members)
    gone = [meta for meta in transaction.document.meta_servers if meta not in members]
    outcome = await transaction.execute("meta.change", new)
    if not transaction.check:
        outcome.missed(await transaction.tidy(gone))
    if len(members) == 2:
        outcome.warnings.append("two meta servers tolerate the loss of none: have one or three")
    names = {node.id: node.name for node in new.nodes}
    outcome.summary = f"Meta server {what}"
    outcome.data = {"meta_servers": [{"name": names[m], "id": m} for m in members]}
    return outcome


def meta_change(old: Document, new: Document) -> str:
    """A sentence on who keeps the state from now on, when that is somebody else."""
    if set(old.meta_servers) == set(new.meta_servers) or not new.meta_servers:
        return ""
    names = {node.id: node.name for node in new.nodes}
    keepers = ", ".join(names[meta] for meta in new.meta_servers)
    return f" Meta servers from now on: {keepers}."


def without_meta_server(document: Document, host_id: str) -> tuple[str, ...]:
    """The meta servers without one; when none is left, the first other node takes over."""
    left = tuple(meta for meta in document.meta_servers if meta != host_id)
    others = tuple(node.id for node in document.nodes if node.id != host_id)
    return left or others[:1]
