"""reconcile: make every host match the document, and close what was missed."""

from collections.abc import Sequence

from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.errors import Refused
from kadalu_ssh.model.records import Document, Tombstone
from kadalu_ssh.operations.context import Context, Outcome
from kadalu_ssh.operations.converge_phase import converge
from kadalu_ssh.operations.drift import (
    Found,
    copies,
    everything,
    hosts_of,
    lagging,
    look,
    outcome_of,
    rows_of,
    upgraded,
)
from kadalu_ssh.operations.lag import giving_up, is_gone, settled
from kadalu_ssh.operations.phases import Env, Report
from kadalu_ssh.operations.restart import restart_services
from kadalu_ssh.operations.transaction import Transaction, open_transaction
from kadalu_ssh.operations.unit_phases import drop_units
from kadalu_ssh.operations.unwanted import stop_unwanted
from kadalu_ssh.state.document import successor


async def reconcile(
    ctx: Context, *, check: bool = False, only: str | None = None, limit: Sequence[str] = (),
    upgrade_files: bool = False, install_timer: bool = False,
) -> Outcome:  # fmt: skip
    """Exit 0 when everything is as the document says, 3 when something is not (yet)."""
    _refuse_combined(check, only, upgrade_files, install_timer)
    if install_timer:
        from kadalu_ssh.operations.timer import install

        return install(ctx)
    if only:
        return await stop_unwanted(ctx, limit)
    if check or ctx.settings.dry_run:
        return await look(ctx, limit, upgrade_files)
    return await _repair(ctx, limit, upgrade_files)


def _refuse_combined(check: bool, only: str | None, upgrade: bool, timer: bool) -> None:
    given = [
        name
        for name, on in (
            ("--check", check), ("--only", only), ("--upgrade-files", upgrade),
            ("--install-timer", timer),
        )
        if on
    ]  # fmt: skip
    if len(given) > 1:
        raise Refused(f"{' and '.join(given)} cannot be combined")


async def _repair(ctx: Context, limit: Sequence[str], upgrade: bool) -> Outcome:
    def wanted(document: Document) -> tuple[str, ...]:
        return hosts_of(document, limit)

    async with open_transaction(ctx, None, wanted) as transaction:
        session, document = transaction.session, transaction.document
        if upgrade and upgraded(document) != document:
            await transaction.execute("cluster.upgrade", upgraded(document))
            document = transaction.document
        hosts = hosts_of(document, limit)
        await session.connect(hosts)  # a task that was settled may have added some
        env = Env(session, document, document, "reconcile")
        report = await converge(env, document, hosts, everything(document))
        report.add(await _wipe(env, report))
        restarted, left = await restart_services(env, report.restarts)
        report.add(restarted)
        await _commit(transaction, report)
        await _copy(transaction, report)
        rows = rows_of(session, hosts, report, left)
    return outcome_of(session, transaction.document, rows, Found(False, []))


async def _wipe(env: Env, report: Report) -> Report:
    """Units that were to go, where their services are gone now: wiped, or their making undone."""
    total = Report()
    for undo in (False, True):
        units: dict[str, list[Json]] = {}
        for tomb in env.new.tombstones:
            ends = tomb.undo if undo else tomb.wipe
            if ends and is_gone(tomb, report):
                units.setdefault(tomb.host, []).append(_unit_of(tomb))
        if units:
            total.add(await drop_units(env, units, undo))
    return total


def _unit_of(tomb: Tombstone) -> Json:
    return {"path": tomb.path, "unit_id": tomb.unit, "volume_id": tomb.volume}


async def _copy(transaction: Transaction, report: Report) -> None:
    """Meta servers that were off get what was committed meanwhile."""
    session, document = transaction.session, transaction.document
    behind = lagging(session, document, await transaction.quorum.read())
    if behind:
        await transaction.quorum.write(document, None)
        report.changes += copies(session, document, behind, check=False)


async def _commit(transaction: Transaction, report: Report) -> None:
    """Write down what hosts have caught up with, and give back those that nothing needs."""
    document = transaction.document
    changed = settled(document, [], report)
    used = {c.host for c in changed.clients} | {t.host for t in changed.tombstones}
    idle = [host for host in changed.hosts if host.id not in used]
    fields = {
        "behind": changed.behind,
        "tombstones": (*changed.tombstones, *(giving_up(h.id, h.name) for h in idle)),
        "hosts": tuple(host for host in changed.hosts if host not in idle),
    }
    if any(getattr(document, name) != value for name, value in fields.items()):
        await transaction.execute("cluster.reconcile", successor(document, **fields))
    report.failed += (await transaction.give_back(transaction.document)).pending
