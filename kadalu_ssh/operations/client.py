"""mount | umount | client list: mounts on any host of the inventory, made by the controller."""

import uuid

import msgspec

from kadalu_ssh.manifest import owner_of
from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.errors import NodeError, Refused
from kadalu_ssh.model.mount_options import parse_options
from kadalu_ssh.model.names import shown, split_target, split_volume
from kadalu_ssh.model.records import Client, ClientHost, Document, Tombstone
from kadalu_ssh.operations.context import Context, Outcome
from kadalu_ssh.operations.lag import giving_up
from kadalu_ssh.operations.probe import capabilities, facts_params, obstacles
from kadalu_ssh.operations.recognise import notices
from kadalu_ssh.operations.session import Session, open_session
from kadalu_ssh.operations.transaction import Transaction, open_transaction
from kadalu_ssh.operations.volume_view import chosen, load_document
from kadalu_ssh.state.document import successor


async def mount(
    ctx: Context, *, volume: str, target: str, options: list[str], persist: bool = False
) -> Outcome:
    """Mount on `[HOST:]DIR`. Without `persist`, a reboot of the host forgets it for good."""
    cluster, name = split_volume(volume)
    host, path = split_target(target)
    mount_options = parse_options(options)
    async with open_transaction(ctx, cluster) as transaction:
        session = transaction.session
        found = session.volume(name)
        if found.state != "started":
            raise Refused(f"volume {name} is not started", hint=f"kadalu volume start {name}")
        host = host or _this_machine(session)
        document, host_id = await _with_host(transaction, host, path)
        client = Client(
            id=str(uuid.uuid4()), host=host_id, volume=found.id, path=path, persist=persist,
            options=mount_options, boot_id=session.channels[host_id].hello["boot_id"],
        )  # fmt: skip
        new = msgspec.structs.replace(document, clients=(*document.clients, client))
        outcome = await transaction.execute("client.mount", new, {"client": client.id})
    outcome.summary = f"Volume {name} is mounted on {host}:{path}."
    outcome.data = {"client": {"volume": name, "host": host, "path": path, "persist": persist}}
    return outcome


def _this_machine(session: Session) -> str:
    """The inventory's name of the laptop itself."""
    return session.inventory.local_name()


async def _with_host(transaction: Transaction, host: str, path: str) -> tuple[Document, str]:
    """The next document, in which `host` may have mounts, and its id; the host is connected."""
    session, document = transaction.session, transaction.document
    known = {h.name: h.id for h in document.hosts} | {n.name: n.id for n in document.nodes}
    host_id = known.get(host) or str(uuid.uuid4())
    await session.connect_names({host_id: host})
    session.need([host_id], "nothing was mounted")
    facts = await _facts(session, host_id, path)
    ours = any((c.host, c.path) == (host_id, path) for c in document.clients)
    taken = [f"{path} has a managed mount already: kadalu client list"]
    lines = [*obstacles(facts, node=False), *(taken if ours else _bad_dir(facts, path))]
    if wrong := [NodeError(host, line) for line in lines]:
        raise Refused("nothing was mounted", nodes=wrong)
    new_host = ClientHost(id=host_id, name=host, capabilities=capabilities(facts))
    hosts = document.hosts if host in known else (*document.hosts, new_host)
    return successor(document, hosts=hosts), host_id


async def _facts(session: Session, host_id: str, path: str) -> Json:
    units = [node.address for node in session.document.nodes]
    params = facts_params(session.document.cluster_id, paths=[path], resolve=units)
    good, bad = session.split(await session.call("facts", {host_id: params}))
    if bad:
        raise Refused("nothing was mounted: the host could not be probed", nodes=bad)
    return good[host_id]


def _bad_dir(facts: Json, path: str) -> list[str]:
    found = facts["paths"][path]
    lines = [
        f"it cannot resolve {name}, where storage units are"
        for name, addresses in sorted(facts["resolve"].items())
        if not addresses
    ]
    if found["exists"] and not found["is_dir"]:
        lines.append(f"{path} is not a directory")
    elif found["is_mount_point"]:
        lines.append(f"{path} is a mount point already")
    elif found["exists"] and not found["empty"]:
        lines.append(f"{path} is not empty: a mount would hide {', '.join(found['entries'])}")
    return lines


async def umount(ctx: Context, *, target: str) -> Outcome:
    """Unmount what `mount` made there. A host that is off is told when it is back."""
    host, path = split_target(target)
    async with open_transaction(ctx, None) as transaction:
        session, document = transaction.session, transaction.document
        host = host or _this_machine(session)
        client = _find(session, document, host, path)
        await session.connect([client.host])
        await _refuse_in_use(session, client, f"{host}:{path}")
        new = _without(document, client, client.host in session.channels)
        outcome = await transaction.execute("client.umount", new, {"client": client.id})
        outcome.take(await transaction.give_back(new))
    outcome.summary = f"{host}:{path} is unmounted."
    outcome.data = {"client": {"host": host, "path": path}}
    return outcome


async def _refuse_in_use(session: Session, client: Client, mount: str) -> None:
    """Looked at before anything is recorded: a mount that is in use cannot be taken away."""
    params = {
        "cluster_id": session.document.cluster_id, "services": [], "units": [],
        "mounts": [client.path], "users": True,
    }  # fmt: skip
    answer = (await session.call("status", {client.host: params})).get(client.host)
    users = answer["mounts"][client.path]["users"] if isinstance(answer, dict) else []
    if users:
        raise Refused(
            f"{mount} is in use by {', '.join(users)}",
            hint="end them, or have them leave that directory; then run this again",
        )


def _without(document: Document, client: Client, answers: bool) -> Document:
    """The next document. A host without mounts is given back, unless it has yet to be told."""
    clients = tuple(c for c in document.clients if c.id != client.id)
    tomb = Tombstone(owner=owner_of(client), host=client.host, path=client.path)
    tombs = (*document.tombstones, tomb)
    used = {c.host for c in clients} | {t.host for t in document.tombstones}
    used |= set() if answers else {client.host}
    idle = [h for h in document.hosts if h.id not in used]
    tombs += tuple(giving_up(h.id, h.name) for h in idle)
    hosts = tuple(h for h in document.hosts if h not in idle)
    return successor(document, clients=clients, hosts=hosts, tombstones=tombs)


def _find(session: Session, document: Document, host: str, path: str) -> Client:
    for client in document.clients:
        if (session.host_name(client.host), client.path) == (host, path):
            return client
    known = ", ".join(f"{session.host_name(c.host)}:{c.path}" for c in document.clients)
    raise Refused(
        f"kadalu has no mount on {shown(f'{host}:{path}')}", hint=f"it has: {known or 'none'}"
    )


async def list_clients(ctx: Context, *, volume: str | None) -> Outcome:
    """Managed mounts, and whether they are there. A host that does not answer decides nothing."""
    cluster, name = split_volume(volume) if volume else (None, None)
    document = load_document(ctx, cluster)
    wanted = {v.id: v.name for v in chosen(document, name)}
    clients = [c for c in document.clients if c.volume in wanted]
    async with open_session(ctx, cluster) as session:
        await session.connect(dict.fromkeys(c.host for c in clients))
        states = await _states(session, clients)
        rows = [
            {
                "volume": wanted[c.volume], "host": session.host_name(c.host), "path": c.path,
                "persist": c.persist, "state": states[c.id], "options": list(c.options),
            }
            for c in clients
        ]  # fmt: skip
        warnings = notices(session)
    return Outcome(data={"clients": rows}, warnings=warnings)


async def _states(session: Session, clients: list[Client]) -> dict[str, str]:
    paths: dict[str, list[str]] = {}
    for client in clients:
        paths.setdefault(client.host, []).append(client.path)
    cluster_id = session.document.cluster_id
    params = {
        host: {"cluster_id": cluster_id, "services": [], "units": [], "mounts": found}
        for host, found in paths.items()
    }
    answers = await session.call("status", params)
    return {c.id: _mount_state(session, c, answers.get(c.host)) for c in clients}


def _mount_state(session: Session, client: Client, answer: object) -> str:
    if not isinstance(answer, dict):
        failure = session.failures.get(client.host)
        return f"Unknown ({failure.reason})" if failure else "Unknown"
    if answer["mounts"][client.path]["mounted"]:
        return "Mounted"
    if not client.persist and client.boot_id != session.channels[client.host].hello["boot_id"]:
        return "Forgotten (the host was rebooted)"
    return "Not mounted"
