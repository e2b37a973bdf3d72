"""state pull: the laptop's copy of the document, from the meta servers."""

from collections import Counter

from kadalu_ssh.model.errors import Locked, Refused, Unreachable
from kadalu_ssh.model.records import Document
from kadalu_ssh.operations.context import Context, Outcome
from kadalu_ssh.operations.quorum import Quorum, Replicas
from kadalu_ssh.operations.session import open_session
from kadalu_ssh.state.chain import Relation, majority, relation
from kadalu_ssh.state.document import digest
from kadalu_ssh.state.index import enrol
from kadalu_ssh.state.workspace import Workspace


async def pull(ctx: Context) -> Outcome:
    """Take over what a majority of the meta servers holds. Touches no node otherwise."""
    async with open_session(ctx) as session:
        ours = session.document
        await session.connect(ours.meta_servers)
        silent = [session.failures[m] for m in ours.meta_servers if m in session.failures]
        if ours.meta_servers and len(silent) == len(ours.meta_servers):
            raise Unreachable("nothing was fetched: no meta server answers", nodes=silent)
        found = _held_by_majority(ours, await Quorum(session, ours.meta_servers).read())
        if relation(ours, found) is Relation.OLDER:
            raise Refused(
                f"the meta servers hold serial {found.serial}, which is older than ours "
                f"({ours.serial})"
            )
        if not ctx.settings.dry_run:
            session.workspace.save(found)
            _rename(session.workspace, ours, found)
    data = {"cluster": {"name": found.name, "id": found.cluster_id, "serial": found.serial}}
    outcome = Outcome(f"Cluster {found.name} is at serial {found.serial} now.", data)
    outcome.dry_run = ctx.settings.dry_run
    return outcome


def _held_by_majority(ours: Document, replicas: Replicas) -> Document:
    """The highest document that more than half of the meta servers hold."""
    counts = Counter(digest(document) for document in replicas.documents.values())
    needed = majority(len(ours.meta_servers))
    held = [d for d in replicas.documents.values() if counts[digest(d)] >= needed]
    if not held:
        raise Locked(
            f"no document is held by {needed} of {len(ours.meta_servers)} meta servers",
            hint="bring more of them back: kadalu cluster status",
        )
    return max(held, key=lambda document: (document.epoch, document.serial))


def _rename(workspace: Workspace, ours: Document, found: Document) -> None:
    """The cluster may have got another name elsewhere."""
    if ours.name != found.name:
        index = workspace.index()
        enrol(index, found.name, found.cluster_id)
        workspace.save_index(index)
