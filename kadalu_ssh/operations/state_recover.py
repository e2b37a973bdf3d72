"""state recover: a laptop without state gets the document back, from an inventory and one node.

It takes no lock and changes no node: what a command left unfinished stays recorded there.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from kadalu_ssh.model.errors import NodeError, Refused
from kadalu_ssh.model.names import check_host
from kadalu_ssh.model.records import Document
from kadalu_ssh.operations.context import Change, Context, Outcome
from kadalu_ssh.operations.replicas import Holding
from kadalu_ssh.operations.state_find import Found, find, keep_keys
from kadalu_ssh.state.adopt import Local, adopt, local_copy
from kadalu_ssh.state.chain import majority
from kadalu_ssh.state.document import digest
from kadalu_ssh.state.workspace import Workspace


async def recover(ctx: Context, *, source: str, accept_stale: bool) -> Outcome:
    """Take the newest document that a majority of its meta servers holds. Raises Refused."""
    workspace = Workspace(ctx.settings.workspace)
    found = await find(ctx, workspace, check_host(source))
    document = held_by_majority(found.held)
    if document is None:
        document = _stale(ctx, found.held.values(), accept_stale)
    elif not accept_stale:
        _refuse_outdated(document, found)
    if not document.nodes:
        raise Refused(f"cluster {document.name} was deleted at serial {document.serial}")
    local = _no_newer(local_copy(workspace, document.cluster_id), document)
    outcome = _outcome(ctx, document, found.held)
    if not ctx.settings.dry_run:
        adopted = adopt(workspace, document, local)
        keep_keys(workspace, document.cluster_id, found.new_keys)
        outcome.warnings += [f"what was there is kept as {path}" for path in adopted.aside]
        _called(outcome, document, adopted.name)
    return outcome


# --- which document ---


def held_by_majority(held: Mapping[str, Holding]) -> Document | None:
    """The newest document that more than half of the meta servers that it names hold."""
    marks = {host: digest(h.document) for host, h in held.items() if h.document}
    documents = {marks[host]: held[host].document for host in marks}
    good = [
        document for mark, document in documents.items()
        if document and _holders(marks, mark, document) >= majority(len(document.meta_servers))
    ]  # fmt: skip
    return max(good, key=_place, default=None)


def _refuse_outdated(document: Document, found: Found) -> None:
    """A node that left the meta servers long ago is a majority of itself.

    Work of a task that is recorded, and was not finished, is no sign of that.
    """
    known = max([_place(document), *(_place(h.task.new) for h in found.held.values() if h.task)])
    newer = {name: place for name, place in found.seen.items() if place > known}
    if newer:
        raise Refused(
            f"serial {document.serial} is what these meta servers hold, but nodes have seen more",
            nodes=[NodeError(n, f"has seen serial {place[1]}") for n, place in newer.items()],
            hint="name a node that is a meta server now: kadalu state recover --from NODE; or "
            "take it all the same: --accept-stale",
        )


def _holders(marks: Mapping[str, str], mark: str, document: Document) -> int:
    return sum(marks.get(meta) == mark for meta in document.meta_servers)


def _place(document: Document) -> tuple[int, int]:
    return document.epoch, document.serial


def _stale(ctx: Context, held: Iterable[Holding], accept_stale: bool) -> Document:
    """The newest one that could be read, if the user accepts what may be lost with it."""
    everybody = list(held)
    if not accept_stale:
        raise Refused(
            "no document is held by a majority of the meta servers",
            nodes=[NodeError(h.name, _holds(h)) for h in everybody],
            hint="bring more of them back; or take the newest that can be read: --accept-stale",
        )
    documents = [h.document for h in everybody if h.document]
    counts = Counter(map(digest, documents))
    newest = max(documents, key=lambda d: (*_place(d), counts[digest(d)]))
    names = ", ".join(h.name for h in everybody if h.document == newest)
    ctx.confirm(
        f"Take serial {newest.serial} (epoch {newest.epoch}) of cluster {newest.name}, which only "
        f"{names} of {len(newest.meta_servers)} meta servers holds? What was changed after it "
        "would not be known here."
    )
    return newest


def _holds(held: Holding) -> str:
    if held.document is None:
        return held.problem or "holds no document"
    mark = digest(held.document)[:8]
    return f"holds serial {held.document.serial} (epoch {held.document.epoch}, digest {mark})"


def _no_newer(local: Local, document: Document) -> Local:
    for copy, hint in (
        (
            local.document,
            "look: kadalu state verify; what the meta servers lack: kadalu state push",
        ),
        (local.newest, "look: kadalu state history; that file can be copied to state.json"),
    ):
        if copy and _place(copy) > _place(document):
            raise Refused(
                f"this workspace has serial {copy.serial} (epoch {copy.epoch}) of cluster "
                f"{copy.name}, newer than the {document.serial} (epoch {document.epoch}) found",
                hint=hint,
            )
    return local


# --- what is told ---


def _outcome(ctx: Context, document: Document, held: Mapping[str, Holding]) -> Outcome:
    cluster = {
        "name": document.name, "id": document.cluster_id,
        "epoch": document.epoch, "serial": document.serial,
    }  # fmt: skip
    rows = [{"name": h.name, "state": _holds(h)} for h in held.values()]
    outcome = Outcome(data={"cluster": cluster, "meta_servers": rows})
    names = ", ".join(h.name for h in held.values() if h.document == document)
    what = f"serial {document.serial} of cluster {document.name}, held by {names}"
    outcome.changes = [Change("this machine", "state.json", "changed", f"take {what}")]
    outcome.dry_run = ctx.settings.dry_run
    outcome.warnings += _asides(document, held)
    return outcome


def _asides(document: Document, held: Mapping[str, Holding]) -> Iterator[str]:
    for h in held.values():
        if h.document != document:
            yield f"{h.name}: {_holds(h)}"
    tasks = {h.task.id: h.task for h in held.values() if h.task}
    for task in tasks.values():
        yield (
            f"not finished: {task.command or task.operation}, begun by {task.who} at {task.since}; "
            "the next changing command settles it"
        )


def _called(outcome: Outcome, document: Document, name: str) -> None:
    outcome.data["cluster"]["name"] = name
    outcome.summary = f"Cluster {name} is at serial {document.serial} in this workspace."
    if name != document.name:
        outcome.warnings.append(
            f"another cluster is called {document.name} here, so this one is {name}; "
            f"for another name everywhere: kadalu cluster rename {name} NEW"
        )
