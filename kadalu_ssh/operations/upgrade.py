"""upgrade --rolling: node by node, each in maintenance meanwhile, healed before the next."""

from collections.abc import Sequence

from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.errors import Failed, KadaluError, NodeError, Refused
from kadalu_ssh.model.records import Document, Node
from kadalu_ssh.operations.context import Change, Context, Outcome
from kadalu_ssh.operations.maintenance import maintenance
from kadalu_ssh.operations.node import find_node, update
from kadalu_ssh.operations.phases import Env
from kadalu_ssh.operations.session import open_session
from kadalu_ssh.operations.volume_view import load_document

_LIMIT = 3600.0


async def upgrade(
    ctx: Context, *, rolling: bool = False, command: str | None = None,
    limit: Sequence[str] = (),
) -> Outcome:  # fmt: skip
    """The distribution's GlusterFS packages, or `command` on every node. Stops at a failure."""
    if not rolling:
        raise Refused("upgrade works node by node only", hint="say so: kadalu upgrade --rolling")
    document = load_document(ctx, None)
    nodes = [find_node(document, name) for name in limit] if limit else list(document.nodes)
    found = await _look(ctx, nodes, command)
    outcome = Outcome(dry_run=ctx.settings.dry_run)
    if ctx.settings.dry_run:
        outcome.changes = [_planned(node, found[node.name]) for node in nodes]
        outcome.summary = "Nothing was upgraded."
        done = []
    else:
        done = await _roll(ctx, outcome, nodes, found, command)
    outcome.data = {
        "nodes": [
            {"name": n.name, "upgraded": found[n.name] if n in done else [], "found": found[n.name]}
            for n in nodes
        ]
    }
    return outcome


def _planned(node: Node, what: Sequence[str]) -> Change:
    if what:
        return Change(node.name, "GlusterFS", "would_change", f"upgrade: {', '.join(what)}")
    return Change(node.name, "GlusterFS", "nothing to upgrade")


async def _look(ctx: Context, nodes: Sequence[Node], command: str | None) -> dict[str, list[str]]:
    """Node name → what is to be done there; nothing is begun unless every node answers."""
    async with open_session(ctx) as session:
        ids = [node.id for node in nodes]
        await session.connect(ids)
        session.need(ids, "nothing was upgraded")
        if command:
            return {node.name: [command] for node in nodes}
        ctx.reporter.progress("", "looking for new packages")
        params: dict[str, Json] = {node: {"op": "look"} for node in ids}
        good, bad = session.split(await session.call("upgrade", params, limit=600))
        if bad:
            raise Failed("nothing was upgraded: it is not known what there is", nodes=bad)
        # One that an earlier try has left in maintenance is gone on with.
        return {
            node.name: good[node.id]["packages"] or (["nothing"] if node.resting else [])
            for node in nodes
        }


async def _roll(
    ctx: Context, outcome: Outcome, nodes: Sequence[Node], found: dict[str, list[str]],
    command: str | None,
) -> list[Node]:  # fmt: skip
    """Returns those that were upgraded: all, unless one did not get well again."""
    # One that an earlier try has left in maintenance comes first: no other may rest beside it.
    todo = sorted((n for n in nodes if found[n.name]), key=lambda n: not n.resting)
    for number, node in enumerate(todo):
        ctx.reporter.progress("", f"{node.name} ({number + 1} of {len(todo)})")
        try:
            outcome.take(await _one(ctx, node, command))
        except KadaluError as error:
            raise _stopped(ctx, todo, number, error) from error
        if outcome.pending and (left := todo[number + 1 :]):
            names = ", ".join(n.name for n in left)
            outcome.warnings.append(f"not begun: {names}; the same command goes on with them")
            todo = todo[: number + 1]
            break
    done = ", ".join(node.name for node in todo) or "none: there is nothing to upgrade"
    outcome.summary = f"Upgraded: {done}."
    return todo


def _stopped(ctx: Context, todo: Sequence[Node], number: int, error: KadaluError) -> Failed:
    done = [NodeError(node.name, "done") for node in todo[:number]]
    left = [NodeError(node.name, "not begun") for node in todo[number + 1 :]]
    name = todo[number].name
    resting = any(n.name == name and n.resting for n in load_document(ctx, None).nodes)
    state = "it is left in maintenance" if resting else "it serves as before"
    return Failed(
        f"the upgrade stopped at {name}: {error.message}; {state}",
        nodes=[*done, *error.nodes, *left],
        hint="mend the cause; the same command goes on, with this node first",
    )


async def _one(ctx: Context, node: Node, command: str | None) -> Outcome:
    """Rest, upgrade, look at it again, serve again, heal."""
    outcome = Outcome()
    if not node.resting:
        outcome.take(await maintenance(ctx, host=node.name, state="on"))
    said = await _run(ctx, node, command)
    outcome.changes.append(Change(node.name, "GlusterFS", "changed", said))
    outcome.take(await update(ctx, host=node.name))
    outcome.take(await maintenance(ctx, host=node.name, state="off"))
    return outcome


async def _run(ctx: Context, node: Node, command: str | None) -> str:
    async with open_session(ctx) as session:
        document: Document = session.document
        await session.connect([node.id])
        session.need([node.id], "it was not upgraded")
        fence = Env(session, document, document, "upgrade").fence
        params = {node.id: {"op": "upgrade", "fence": fence, "command": command}}
        good, bad = session.split(await session.call("upgrade", params, limit=_LIMIT))
        if bad:
            raise Failed("it was not upgraded", nodes=bad)
        return f"GlusterFS {good[node.id]['glusterfs']}: {good[node.id]['said']}"
