"""node maintenance HOST on | off: a node rests while its groups go on without it."""

from collections.abc import Iterator

import msgspec

from kadalu_ssh.manifest import brick_service
from kadalu_ssh.model.errors import NodeError, Refused
from kadalu_ssh.model.names import split_node
from kadalu_ssh.model.records import Document, Group, Node, Slot, Volume
from kadalu_ssh.operations.connected import clients_of, connected
from kadalu_ssh.operations.context import Context, Outcome
from kadalu_ssh.operations.heal import lasting_heals
from kadalu_ssh.operations.health import write_quorum
from kadalu_ssh.operations.node import find_node
from kadalu_ssh.operations.phases import Env
from kadalu_ssh.operations.plans import volume_nodes
from kadalu_ssh.operations.restart import until_whole
from kadalu_ssh.operations.session import Session
from kadalu_ssh.operations.transaction import Hosts, Transaction, open_transaction
from kadalu_ssh.operations.volume_state import VolumeState, observe_in
from kadalu_ssh.state.document import successor


async def maintenance(
    ctx: Context, *, host: str, state: str, force: bool = False, no_wait: bool = False
) -> Outcome:
    """`on` stops what serves there, if every group can do without; `off` waits for the heals."""
    cluster, name = split_node(host)
    async with open_transaction(ctx, cluster, _hosts_of(name)) as transaction:
        node = find_node(transaction.document, name)
        if state == "on":
            return await _rest(transaction, node, force)
        return await _wake(transaction, node, no_wait)


def _hosts_of(name: str) -> Hosts:
    """The node, and all that have units in a group with one of its own."""

    def hosts(document: Document) -> list[str]:
        mine = [node.id for node in document.nodes if node.name == name]
        volumes = [v for v in document.volumes for n in mine if n in volume_nodes(v)]
        return [*mine, *(node for volume in volumes for node in volume_nodes(volume))]

    return hosts


def _volumes_on(document: Document, node: Node) -> list[Volume]:
    """Started volumes that have a unit there."""
    return [v for v in document.volumes if v.state == "started" and node.id in volume_nodes(v)]


def _groups_on(volume: Volume, node: Node) -> Iterator[tuple[Group, list[Slot]]]:
    """Groups with units there, and those units' slots."""
    for group in volume.groups:
        if mine := [slot for slot in group.slots if slot.unit.node == node.id]:
            yield group, mine


def _with_node(document: Document, node: Node) -> Document:
    nodes = tuple(node if n.id == node.id else n for n in document.nodes)
    return successor(document, nodes=nodes)


# --- on ---


async def _rest(transaction: Transaction, node: Node, force: bool) -> Outcome:
    if node.resting:
        raise Refused(
            f"{node.name} is in maintenance already",
            hint=f"to take it back: kadalu node maintenance {node.name} off",
        )
    session, document = transaction.session, transaction.document
    reasons = [r for v in _volumes_on(document, node) for r in await _against(session, v, node)]
    if reasons:
        _refuse_or_ask(session, node, reasons, force)
    resting = msgspec.structs.replace(node, resting=True)
    new = _with_node(document, resting)
    outcome = await transaction.execute("node.rest", new, {"node": node.id})
    outcome.summary = (
        f"{node.name} is in maintenance: nothing of kadalu serves there, also after a reboot. "
        f"To take it back: kadalu node maintenance {node.name} off"
    )
    outcome.data = {"node": {"name": node.name, "id": node.id, "resting": True}}
    return outcome


def _refuse_or_ask(session: Session, node: Node, reasons: list[NodeError], force: bool) -> None:
    what = f"{node.name} is not put to rest"
    if not force:
        raise Refused(what, nodes=reasons, hint="mend that first, or give --force")
    lines = "; ".join(f"{error.name}: {error.reason}" for error in reasons)
    session.ctx.confirm(f"{lines}. Put {node.name} to rest all the same?")


async def _against(session: Session, volume: Volume, node: Node) -> list[NodeError]:
    """Why the volume cannot do without this node now."""
    state = (await observe_in(session, [volume]))[volume.id]
    reasons = [r for group, mine in _groups_on(volume, node)
               for r in _lost(session, volume, group, mine, state)]  # fmt: skip
    if node.id in session.channels and not reasons:
        reasons += await _late(session, volume, node)
    return [NodeError(f"volume {volume.name}", reason) for reason in reasons]


def _lost(
    session: Session, volume: Volume, group: Group, mine: list[Slot], state: VolumeState
) -> Iterator[str]:
    number = group.number + 1
    if not volume.heals:
        yield f"what is in group {number} could not be reached: it has no other copy"
        return
    ids = {slot.unit.id for slot in mine}
    others = [s for s in group.slots if s.unit.id not in ids]
    alive = [s for s in others if state.up.get(s.unit.id)]
    if not any(s.role == "data" for s in alive) or len(alive) < write_quorum(volume, group):
        down = [s.unit for s in others if s not in alive]
        names = ", ".join(f"{session.host_name(u.node)}:{u.path}" for u in down)
        why = f"; down: {names}" if down else ""
        yield f"group {number} would take no writes: units left in it: {len(alive)}{why}"


async def _late(session: Session, volume: Volume, node: Node) -> list[str]:
    """What waits for this node's units: heals, and clients that have no other unit of a group."""
    reasons = []
    waiting = await lasting_heals(session, volume)
    if waiting is None:
        reasons.append("whether entries wait to be healed is unknown: a unit does not answer")
    elif waiting:
        reasons.append(
            f"{waiting} entries wait to be healed: kadalu heal info {volume.name} --watch"
        )
    hosts = {u: clients_of(rows) for u, rows in (await connected(session, volume)).items()}
    for group, mine in _groups_on(volume, node):
        here = set().union(*(hosts.get(slot.unit.id, set()) for slot in mine))
        for slot in (s for s in group.slots if s not in mine and s.unit.id in hosts):
            if late := sorted(here - hosts[slot.unit.id]):
                place = f"{session.host_name(slot.unit.node)}:{slot.unit.path}"
                reasons.append(f"{', '.join(late)} are not connected to {place}")
    return reasons


# --- off ---


async def _wake(transaction: Transaction, node: Node, no_wait: bool) -> Outcome:
    if not node.resting:
        raise Refused(f"{node.name} is not in maintenance")
    session, document = transaction.session, transaction.document
    session.need([node.id], f"{node.name} stays in maintenance")
    awake = msgspec.structs.replace(node, resting=False)
    new = _with_node(document, awake)
    outcome = await transaction.execute("node.wake", new, {"node": node.id})
    outcome.summary = f"{node.name} serves again."
    outcome.data = {"node": {"name": node.name, "id": node.id, "resting": False}}
    if no_wait or transaction.check:
        return outcome
    committed = transaction.document
    env = Env(session, committed, committed, "reconcile")
    bricks = {node.id: tuple(_bricks_on(committed, awake))}
    left = await until_whole(env, bricks)
    if left:
        outcome.missed(session.error(one.host, f"{one.service}: {one.reason}") for one in left)
    else:
        outcome.summary = f"{node.name} serves again, and nothing waits to be healed."
    return outcome


def _bricks_on(document: Document, node: Node) -> Iterator[str]:
    for volume in _volumes_on(document, node):
        for _, mine in _groups_on(volume, node):
            yield from (brick_service(slot.unit.id) for slot in mine)
