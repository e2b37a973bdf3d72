"""reconcile --only=unwanted: for timers. Stops what should not run, and nothing else."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from kadalu_ssh.model.errors import Locked
from kadalu_ssh.model.records import Document
from kadalu_ssh.operations.context import Context, Outcome
from kadalu_ssh.operations.converge_phase import StopUnwanted
from kadalu_ssh.operations.drift import Found, hosts_of, needing, outcome_of, rows_of
from kadalu_ssh.operations.lag import buried, unwanted
from kadalu_ssh.operations.phases import Env
from kadalu_ssh.operations.quorum import Quorum, Replicas
from kadalu_ssh.operations.session import Session, open_session
from kadalu_ssh.operations.transaction import hold_local_lock
from kadalu_ssh.state.chain import majority
from kadalu_ssh.state.document import digest


async def stop_unwanted(ctx: Context, limit: Sequence[str]) -> Outcome:
    """By what a majority of the meta servers holds. Exit 6, saying nothing, when it is locked."""
    try:
        async with _locked(ctx, limit) as (session, document):
            hosts = hosts_of(document, limit)
            session.connect_names_of(document)
            await session.connect(hosts)
            owners, services = unwanted(document)
            phase = StopUnwanted(hosts, owners, services, buried(document))
            check = ctx.settings.dry_run
            report = await phase.do(Env(session, document, document, "unwanted", check))
            rows = rows_of(session, hosts, report, needing(report))
    except Locked:
        return Outcome(exit_code=6)
    outcome = outcome_of(session, document, rows, Found(False, []))
    outcome.dry_run = check
    return outcome


@asynccontextmanager
async def _locked(ctx: Context, limit: Sequence[str]) -> AsyncIterator[tuple[Session, Document]]:
    """The locks, and the committed document, which need not be this laptop's copy."""
    async with open_session(ctx) as session:
        with hold_local_lock(ctx, session):
            document = session.document
            await session.connect((*document.meta_servers, *hosts_of(document, limit)))
            quorum = Quorum(session, document.meta_servers)
            if ctx.settings.dry_run:
                replicas = await quorum.read()
            else:
                replicas = await quorum.lock(ctx.settings.command, ctx.settings.lock_timeout)
            yield session, _committed(document, replicas)


def _committed(ours: Document, replicas: Replicas) -> Document:
    """What a majority holds; ours where none of theirs is held by one."""
    needed = majority(len(ours.meta_servers))
    texts = [digest(d) for d in replicas.documents.values()]
    held = [d for d in replicas.documents.values() if texts.count(digest(d)) >= needed]
    return max(held, key=lambda d: (d.epoch, d.serial), default=ours)
