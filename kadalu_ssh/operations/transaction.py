"""The path of a mutating command: lock, compare, settle, check, intent, phases, commit."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager, nullcontext

import msgspec

from kadalu_ssh.inventory import Inventory
from kadalu_ssh.manifest import load_templates
from kadalu_ssh.model.errors import Failed, KadaluError, NodeError, Unknown
from kadalu_ssh.model.records import Document
from kadalu_ssh.operations.context import Context, Outcome
from kadalu_ssh.operations.converge_phase import Scope, converge
from kadalu_ssh.operations.host_phases import Release
from kadalu_ssh.operations.lag import given_up, settled
from kadalu_ssh.operations.owed import owed
from kadalu_ssh.operations.phases import Env, Phase, Report
from kadalu_ssh.operations.plans import Params, all_hosts, phases_of
from kadalu_ssh.operations.quorum import Quorum, compare
from kadalu_ssh.operations.session import Session, open_session
from kadalu_ssh.operations.settle import past, settle
from kadalu_ssh.state.document import digest, successor
from kadalu_ssh.state.journal import Journal, Task, utc_now, who
from kadalu_ssh.state.locks import local_lock


class Transaction:
    """One change of one cluster. Everything on nodes goes through `execute`."""

    def __init__(self, session: Session, quorum: Quorum) -> None:
        self.session = session
        self.ctx = session.ctx
        self.quorum = quorum
        self.check = session.ctx.settings.dry_run
        self.restarts: dict[str, tuple[str, ...]] = {}
        """Host → services that run with files that the last change replaced under them."""
        self._joining: Quorum | None = None

    @property
    def document(self) -> Document:
        return self.session.document

    async def execute(self, operation: str, new: Document, params: Params | None = None) -> Outcome:
        """Take the cluster from its document to `new`, or leave everything as it was.

        Raises Failed when it was undone, Unknown when that could not be made sure.
        """
        task_id = str(uuid.uuid4())
        epoch = self.document.epoch + self.ctx.settings.force_no_quorum
        new = msgspec.structs.replace(new, task=task_id, epoch=epoch)
        phases = phases_of(operation, self.document, new, params or {})
        env = Env(self.session, self.document, new, task_id, self.check)
        await self.session.connect(all_hosts(phases))
        for host in all_hosts(phases):
            env.manifest(new, host)  # What no file can hold is refused here, with nothing touched.
        if self.check:
            return await self._rehearse(phases, env)
        task = self._task(operation, new, params or {}, env.task_id, phases)
        await self._lock_joining(new)
        directory = self.session.workspace.directory(self.document.cluster_id)
        with Journal(directory).recording(task):
            return await self._carry_out(phases, task, env)

    async def _carry_out(self, phases: Sequence[Phase], task: Task, env: Env) -> Outcome:
        await self._save(None, task)
        report = await self._run(phases, task, env)
        self.restarts = report.restarts
        unsaved = await self._commit(settled(env.new, phases, report))
        clients = set() if task.operation.startswith("client.") else self._client_hosts()
        return outcome_of(report, [*self._absent(phases), *unsaved], clients)

    async def give_back(self, new: Document) -> Outcome:
        """Release the hosts that `new`, which is committed, has given up.

        A change of its own: until it is committed, the document remembers them.
        """
        names = given_up(new)
        if not names:
            return Outcome()
        if self.check:
            return await self._rehearse([Release(names)], Env(self.session, new, new, "", True))
        return await self.execute("cluster.release", successor(self.document))

    async def tidy(self, hosts: Sequence[str]) -> list[NodeError]:
        """Take away from hosts what comes with a role that they have no more."""
        env = Env(self.session, self.document, self.document, str(uuid.uuid4()), self.check)
        await self.session.connect(hosts)
        report = await converge(env, self.document, hosts, Scope(owners=()))
        absent = [self.session.failures[h] for h in hosts if h in self.session.failures]
        return [*absent, *report.failed, *report.unknown]

    async def _rehearse(self, phases: Sequence[Phase], env: Env) -> Outcome:
        total = Report()
        for phase in phases:
            total.add(await phase.do(env))
        outcome = outcome_of(total, self._absent(phases))
        outcome.dry_run, outcome.exit_code = True, 0
        return outcome

    def _task(
        self, operation: str, new: Document, params: Params, task_id: str, phases: Sequence[Phase]
    ) -> Task:
        return Task(
            id=task_id, operation=operation, params=params, command=self.ctx.settings.command,
            who=who(), since=utc_now(), parent=digest(self.document), new=new,
            forward_only=bool(phases) and phases[0].forward_only,
        )  # fmt: skip

    async def _run(self, phases: Sequence[Phase], task: Task, env: Env) -> Report:
        total = Report()
        for index, phase in enumerate(phases):
            if index:
                task = advanced(task, index, phase)
                await self._save(None, task)
            self.ctx.reporter.progress("", phase.name)
            report = await phase.do(env)
            total.add(report)
            if (report.failed or report.unknown) and not phase.tolerant:
                await self._give_up(phases[: index + 1], task, env, report)
        return total

    async def _give_up(
        self, entered: Sequence[Phase], task: Task, env: Env, report: Report
    ) -> None:
        """Undo what was entered, and raise what happened."""
        reasons = [*report.failed, *report.unknown]
        if not await self.quorum.still_held():
            raise Unknown(
                f"{task.title} was cut off: this command lost the cluster lock",
                nodes=reasons,
                hint="the next kadalu command, here or elsewhere, settles it (it asks, or give -y)",
            )
        if task.forward_only:
            raise Failed(
                f"{task.title} stopped at '{entered[-1].name}' and can only be finished",
                nodes=reasons,
                hint="mend the cause; the next kadalu command finishes it (it asks, or give -y)",
            )
        left, absent = await undo(entered, env)
        if left or (absent and not self.quorum.members):
            left += [self.session.failures[host] for host in absent]
            raise Unknown(
                f"{task.title} failed, and was not undone everywhere",
                nodes=[*reasons, *left],
                hint="the next kadalu command settles it when these nodes answer again",
            )
        await self._take_back(task, owed(self.document, entered, absent))
        names = ", ".join(sorted(self.session.host_name(host) for host in absent))
        raise Failed(
            f"{task.title} failed at '{entered[-1].name}'; it was undone",
            nodes=reasons,
            hint=f"when {names} answers again, it takes back its part: kadalu reconcile"
            if names
            else None,
        )

    async def _take_back(self, task: Task, back: Document) -> None:
        """Forget an undone task, in a way that no later work can be taken for older than it."""
        if self._joining:
            await self._joining.write(None, None)
            self._joining = None
        if self.quorum.members:
            await self._commit(past(task, self.document, back))

    def _client_hosts(self) -> set[str]:
        """Names of hosts that are no nodes."""
        return {host.name for host in self.document.hosts}

    def _absent(self, phases: Iterable[Phase]) -> list[NodeError]:
        failures = self.session.failures
        return [failures[host] for host in all_hosts(phases) if host in failures]

    # --- what is durable ---

    async def _lock_joining(self, new: Document) -> None:
        """New meta servers are locked and written too: both majorities count."""
        if set(new.meta_servers) != set(self.quorum.members):
            await self.session.connect(new.meta_servers)
            self._joining = Quorum(self.session, new.meta_servers)
            await self._joining.lock(self.ctx.settings.command, self.ctx.settings.lock_timeout)

    async def _save(self, document: Document | None, task: Task | None) -> None:
        await self.quorum.write(document, task)
        if self._joining:
            await self._joining.write(document, task)

    async def _commit(self, document: Document) -> list[NodeError]:
        """The commit point: durable on a majority. The laptop's file is a copy, and may fail."""
        await self._save(document, None)
        self.session.document = document
        if self._joining:  # from here on, only the new set counts
            self.quorum, self._joining = self._joining, None
        try:
            self.session.workspace.save(document)
        except Failed as error:
            return [NodeError("this machine", f"{error.message}; then: kadalu state pull")]
        return []


def advanced(task: Task, index: int, phase: Phase) -> Task:
    """The task as it is recorded when `phase` is entered."""
    forward_only = task.forward_only or phase.forward_only
    return msgspec.structs.replace(task, phase=index, forward_only=forward_only)


_TRIES = 3
"""To undo where that fails, before it is given up."""


async def undo(entered: Sequence[Phase], env: Env) -> tuple[list[NodeError], set[str]]:
    """Undo phases, last first; returns (where that failed or is unknown, hosts that are away).

    A host that is just going down first answers with errors, then not at all: it is asked again.
    """
    left: list[NodeError] = []
    for _ in range(_TRIES):
        await reconnect_lost(env.session, all_hosts(entered))
        report = Report()
        for phase in reversed(entered):
            report.add(await phase.undo(env))
        left = [*report.failed, *report.unknown]
        if not left:
            break
    return left, {host for host in all_hosts(entered) if host in env.session.failures}


async def reconnect_lost(session: Session, hosts: Iterable[str]) -> None:
    """Connect again where the connection went away in the middle."""
    lost = [host for host in hosts if host in session.channels and session.channels[host].lost]
    for host in lost:
        del session.channels[host]
    await session.connect(lost)


def outcome_of(
    report: Report, absent: Iterable[NodeError], clients: Collection[str] = ()
) -> Outcome:
    """`clients`: hosts that do not decide the exit code when they do not answer."""
    outcome = Outcome(changes=report.changes)
    silent = [n for n in dict.fromkeys([*absent, *report.unknown]) if n.name in clients]
    everyone = dict.fromkeys([*absent, *report.failed, *report.unknown])
    outcome.missed(node for node in everyone if node not in silent)
    outcome.pending += silent
    return outcome


_FORCE = (
    "Change the state without a majority of its meta servers? What the others hold is overruled "
    "for good: only if they are lost, and no other admin works on this cluster now."
)

Hosts = Callable[[Document], Iterable[str]]


@asynccontextmanager
async def open_transaction(
    ctx: Context, cluster: str | None, hosts: Hosts = lambda document: (),
    inventory: Inventory | None = None,
) -> AsyncIterator[Transaction]:  # fmt: skip
    """Connect the meta servers and `hosts`, hold the locks, settle what was left unfinished."""
    async with open_session(ctx, cluster, inventory) as session:
        with hold_local_lock(ctx, session):
            async with begin(session, hosts) as transaction:
                yield transaction


def hold_local_lock(ctx: Context, session: Session) -> "nullcontext[None]":
    """The laptop's lock, except in a dry run."""
    if ctx.settings.dry_run:
        return nullcontext()
    directory = session.workspace.directory(session.document.cluster_id)
    lock: nullcontext[None] = local_lock(  # type: ignore[assignment]
        directory, ctx.settings.command, ctx.settings.lock_timeout
    )
    return lock


@asynccontextmanager
async def begin(session: Session, hosts: Hosts) -> AsyncIterator[Transaction]:
    """A transaction on an open session. A dry run takes no lock."""
    document, settings = session.document, session.ctx.settings
    if settings.force_no_quorum and not settings.dry_run:
        session.ctx.reporter.confirm_name(_FORCE, document.name)
    # While hosts answer; it takes as long as some round trips.
    loading = asyncio.get_running_loop().run_in_executor(None, load_templates)
    await session.connect((*document.meta_servers, *hosts(document)))
    await loading
    quorum = Quorum(session, document.meta_servers)
    if settings.dry_run:
        replicas = await quorum.read()
    else:
        replicas = await quorum.lock(settings.command, settings.lock_timeout)
        replicas = await settle(session, quorum, replicas)
    compare(session, replicas)
    try:
        yield Transaction(session, quorum)
    except KadaluError as error:
        session.fleet.result = f"exit {error.exit_code}: {error.message}"
        await quorum.unlock()
        raise
    session.fleet.result = "done"
