"""node check: every precondition, one by one, on every node."""

from collections.abc import Iterator, Sequence

from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.errors import Refused
from kadalu_ssh.model.records import Document
from kadalu_ssh.operations.context import Context, Outcome
from kadalu_ssh.operations.join import install_packages
from kadalu_ssh.operations.probe import clock_skew, facts_params
from kadalu_ssh.operations.session import Session, session_for
from kadalu_ssh.state.workspace import Workspace

_XLATORS = ("cluster/replicate", "cluster/disperse", "features/simple-quota")


async def check_hosts(ctx: Context, names: Sequence[str], install: bool) -> Outcome:
    """Exit 3 when something is missing somewhere, 4 when no host answers."""
    workspace = Workspace(ctx.settings.workspace)
    document = _document(ctx, workspace)
    known = {node.name: node.id for node in document.nodes}
    wanted = {known.get(name, f"host:{name}"): name for name in names or known}
    if not wanted:
        raise Refused(
            "there are no nodes to check yet",
            hint="name hosts of the inventory: kadalu node check HOST",
        )
    async with session_for(ctx, workspace, document) as session:
        await session.connect_names(wanted)
        up = [host_id for host_id in wanted if host_id in session.channels]
        if install and not ctx.settings.dry_run and up:
            await install_packages(session, up)
        if not up and wanted:
            session.need(wanted, "nothing was checked")
        made = {} if ctx.settings.dry_run else await _make_directories(session, up)
        rows = await _rows(session, wanted, up, made)
    troubled = any(c["state"] == "missing" for row in rows for c in row["checks"])
    return Outcome(data={"nodes": rows}, exit_code=3 if troubled else 0, dry_run=False)


def _document(ctx: Context, workspace: Workspace) -> Document:
    """The cluster's document, or an empty one for hosts that are in none yet."""
    index = workspace.index()
    if not index.clusters:
        return Document(cluster_id="check", name="check")
    return workspace.load(workspace.resolve(ctx.settings.cluster)[1])


async def _make_directories(session: Session, up: Sequence[str]) -> dict[str, list[str]]:
    """Host id → the work directories that were absent. One that cannot be made shows in facts."""
    params = {"op": "prepare", "cluster_id": session.document.cluster_id}
    good, _ = session.split(await session.call("identity", dict.fromkeys(up, params)))
    return {host_id: answer["made"] for host_id, answer in good.items()}


async def _rows(
    session: Session, wanted: dict[str, str], up: Sequence[str], made: dict[str, list[str]]
) -> list[Json]:
    addresses = [session.inventory.reach(wanted[h]).address or wanted[h] for h in up]
    params = facts_params(
        session.document.cluster_id, resolve=addresses,
        reach=[[address, session.document.port_range[0]] for address in addresses],
    )  # fmt: skip
    good, bad = session.split(await session.call("facts", dict.fromkeys(up, params)))
    failed = {error.name: error.reason for error in [*session.failures.values(), *bad]}
    return [
        {
            "name": name,
            "checks": list(_checks(session, good[host_id], made.get(host_id, [])))
            if host_id in good
            else [_check("ssh", "missing", failed.get(name, "no answer"))],
        }
        for host_id, name in wanted.items()
    ]


def _check(check: str, state: str, detail: str) -> Json:
    return {"check": check, "state": state, "detail": detail}


def _checks(session: Session, facts: Json, made: Sequence[str]) -> Iterator[Json]:
    yield _check("ssh", "ok", f"as root on {facts['hostname']}")
    yield _check("python", "ok", facts["python"])
    systemd = facts["systemd"]
    yield _check("systemd", "ok" if systemd else "missing", str(systemd or "does not run"))
    yield from _glusterfs(facts)
    yield from _directories(facts, made)
    skew = list(clock_skew(facts))
    yield _check("clock", "missing" if skew else "ok", skew[0] if skew else "agrees with this one")
    yield from _network(facts)
    yield _ports(session.document, facts)


def _directories(facts: Json, made: Sequence[str]) -> Iterator[Json]:
    for path, reason in sorted(facts["writable"].items()):
        state, detail = ("fixed", "made") if path in made else ("ok", "can be written")
        yield _check(f"directory {path}", "missing" if reason else state, reason or detail)
    why = facts["xattr"]
    detail = f"not taken by the file system of /var/lib: {why}" if why else "taken"
    yield _check("trusted xattrs", "warning" if why else "ok", detail)


def _network(facts: Json) -> Iterator[Json]:
    """Names first: a host that is not resolved cannot be reached either."""
    for name, addresses in sorted(facts["resolve"].items()):
        state = "ok" if addresses else "missing"
        yield _check(f"resolves {name}", state, ", ".join(addresses or ["no address"]))
    for name, why in sorted(facts["reach"].items()):
        if facts["resolve"].get(name):
            detail = f"{why}: is there a firewall between them?" if why else "answers"
            yield _check(f"reaches {name}", "missing" if why else "ok", detail)


def _glusterfs(facts: Json) -> Iterator[Json]:
    version = facts["glusterfs"]
    yield _check(
        "glusterfs", "ok" if version else "missing", version or "not installed (--install)"
    )
    for xlator in _XLATORS if version else ():
        has = xlator in facts["xlators"]
        yield _check(
            f"xlator {xlator}", "ok" if has else "warning", "found" if has else "not there"
        )
    running = facts["glusterd_running"]
    yield _check(
        "glusterd", "warning" if running else "ok",
        "runs: it must not manage this node (systemctl disable --now glusterd)"
        if running
        else "does not run",
    )  # fmt: skip


def _ports(document: Document, facts: Json) -> Json:
    low, high = document.port_range
    first, last = facts["ephemeral_range"]
    if first <= high and low <= last:
        detail = f"{low}-{high} overlaps the kernel's ephemeral range {first}-{last}"
        return _check("port range", "warning", detail)
    taken = [port for port in facts["listening"] if low <= port <= high]
    detail = f"{low}-{high}, {len(taken)} in use"
    return _check("port range", "ok", detail)
