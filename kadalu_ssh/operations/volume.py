"""volume start | stop | delete | rename: go on with the nodes that answer, remember the others."""

import asyncio
from collections.abc import Iterable

import msgspec

from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.errors import Refused, Unreachable
from kadalu_ssh.model.names import check_name, split_volume
from kadalu_ssh.model.records import Document, Tombstone, Volume
from kadalu_ssh.operations.connected import OWN_DAEMONS, connected
from kadalu_ssh.operations.context import Context, Outcome
from kadalu_ssh.operations.plans import volume_nodes
from kadalu_ssh.operations.session import Session
from kadalu_ssh.operations.transaction import Hosts, Transaction, open_transaction
from kadalu_ssh.state.document import successor


def hosts_of(name: str) -> Hosts:
    """The nodes of a volume, to be connected together with the meta servers."""
    return lambda document: [
        node for volume in document.volumes if volume.name == name for node in volume_nodes(volume)
    ]


def with_changed(document: Document, volume: Volume) -> Document:
    """The next document, with that volume as it is now."""
    volumes = tuple(volume if v.id == volume.id else v for v in document.volumes)
    return successor(document, volumes=volumes)


def _data(volume: Volume) -> dict[str, object]:
    return {"volume": {"name": volume.name, "id": volume.id, "state": volume.state}}


def _some_answer(transaction: Transaction, volume: Volume, what: str) -> None:
    """Raise Unreachable when not one of the volume's nodes answers."""
    nodes = volume_nodes(volume)
    if not any(node in transaction.session.channels for node in nodes):
        failures = [transaction.session.failures[node] for node in nodes]
        raise Unreachable(f"{what}: none of its nodes answers", nodes=failures)


async def start(ctx: Context, *, volume: str, force: bool = False) -> Outcome:
    """Start its services. A started one is refused, unless `force`: that starts what is down."""
    cluster, name = split_volume(volume)
    async with open_transaction(ctx, cluster, hosts_of(name)) as transaction:
        found = transaction.session.volume(name)
        if found.state == "started" and not force:
            raise Refused(
                f"volume {name} is started already", hint="to start what is down: --force"
            )
        _some_answer(transaction, found, f"volume {name} is not started")
        changed = msgspec.structs.replace(found, state="started")
        new = with_changed(transaction.document, changed)
        outcome = await transaction.execute("volume.start", new, {"volume": found.id})
    outcome.summary = f"Volume {name} was started."
    outcome.data = _data(changed)
    return outcome


async def stop(ctx: Context, *, volume: str) -> Outcome:
    """Stop and disable its services, after naming the clients that are connected."""
    cluster, name = split_volume(volume)
    async with open_transaction(ctx, cluster, hosts_of(name)) as transaction:
        found = transaction.session.volume(name)
        if found.state != "started":
            raise Refused(f"volume {name} is not started (it is {found.state})")
        _some_answer(transaction, found, f"volume {name} is not stopped")
        clients = await _connected(transaction, found)
        known = f" Connected clients: {', '.join(clients)}." if clients else ""
        ctx.confirm(f"Stop volume {name}? Its data cannot be reached then.{known}")
        changed = msgspec.structs.replace(found, state="stopped")
        new = with_changed(transaction.document, changed)
        outcome = await transaction.execute("volume.stop", new, {"volume": found.id})
    outcome.summary = f"Volume {name} was stopped."
    outcome.data = _data(changed)
    return outcome


async def _connected(transaction: Transaction, volume: Volume) -> list[str]:
    """Clients of the volume: managed mounts by name, others as its storage units see them."""
    session = transaction.session
    answers = await connected(session, volume)
    seen = {c["host"] for clients in answers.values() for c in clients if _is_outside(c)}
    managed = [c for c in transaction.document.clients if c.volume == volume.id]
    hosts = {session.host_name(c.host) for c in managed}
    names = {f"{session.host_name(c.host)}:{c.path}" for c in managed}
    return sorted(names | (seen - await addresses_of(session, hosts)))


def _is_outside(client: Json) -> bool:
    """Not the volume's own daemon. GlusterFS 10 does not tell them apart."""
    return client["name"] not in OWN_DAEMONS


async def addresses_of(session: Session, hosts: Iterable[str]) -> set[str]:
    """Under which a storage unit may see these hosts, as far as the names tell here."""
    reaches = [session.inventory.reach(host) for host in hosts if host in session.inventory.hosts]
    names = {*hosts, *(reach.host for reach in reaches), *(reach.address for reach in reaches)}
    loop = asyncio.get_running_loop()
    found = [loop.getaddrinfo(name, None) for name in names if name]
    answers = await asyncio.gather(*found, return_exceptions=True)
    resolved = {str(entry[4][0]) for a in answers if isinstance(a, list) for entry in a}
    return resolved | {name for name in names if name}


async def delete(ctx: Context, *, volume: str, wipe: bool = False) -> Outcome:
    """Forget a stopped volume. Its data stays on the nodes, unless `wipe`."""
    cluster, name = split_volume(volume)
    async with open_transaction(ctx, cluster, hosts_of(name)) as transaction:
        found = transaction.session.volume(name)
        _refuse_delete(transaction.document, found)
        _some_answer(transaction, found, f"volume {name} is not deleted")
        ctx.confirm(_delete_question(name, wipe))
        new = _without(transaction.document, found, wipe)
        params = {"volume": found.id, "wipe": wipe}
        outcome = await transaction.execute("volume.delete", new, params)
    kept = "its data was wiped" if wipe else "its data was left in place"
    outcome.summary = f"Volume {name} was deleted; {kept}."
    outcome.data = {"volume": {"name": name, "id": found.id, "wiped": wipe}}
    return outcome


def _refuse_delete(document: Document, volume: Volume) -> None:
    if volume.state == "started":
        raise Refused(
            f"volume {volume.name} is started",
            hint=f"stop it first: kadalu volume stop {volume.name}",
        )
    mounts = [client for client in document.clients if client.volume == volume.id]
    if mounts:
        raise Refused(
            f"volume {volume.name} is mounted by kadalu ({len(mounts)})",
            hint=f"see them: kadalu client list {volume.name}; then: kadalu umount HOST:DIR",
        )


def _delete_question(name: str, wipe: bool) -> str:
    if wipe:
        return f"Delete volume {name} and ERASE all its data on every node?"
    return f"Delete volume {name}? Its data stays in its storage units."


def _without(document: Document, volume: Volume, wipe: bool) -> Document:
    tombs = tuple(
        Tombstone(
            owner=f"volume:{volume.id}", host=slot.unit.node, unit=slot.unit.id,
            path=slot.unit.path, port=slot.unit.port, volume=volume.id, wipe=wipe,
        )
        for slot in volume.slots
    )  # fmt: skip
    return successor(
        document,
        volumes=tuple(v for v in document.volumes if v.id != volume.id),
        tombstones=(*document.tombstones, *tombs),
        retired={**document.retired, volume.id: volume.xlator_name},
    )


async def rename(ctx: Context, *, volume: str, new: str) -> Outcome:
    """Only the name changes: files and xattrs on disk keep the name of its birth."""
    cluster, name = split_volume(volume)
    check_name("volume", new)
    async with open_transaction(ctx, cluster) as transaction:
        found = transaction.session.volume(name)
        if any(v.name == new for v in transaction.document.volumes):
            raise Refused(f"there is a volume {new} already")
        changed = msgspec.structs.replace(found, name=new)
        document = with_changed(transaction.document, changed)
        outcome = await transaction.execute("volume.rename", document)
    outcome.summary = f"Volume {name} is called {new} now."
    outcome.data = _data(changed)
    return outcome
