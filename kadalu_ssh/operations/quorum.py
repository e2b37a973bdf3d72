"""The meta servers: the cluster lock and the replicas of the document, by majority."""

import asyncio
import random
import time
from collections.abc import Iterable
from dataclasses import dataclass

from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.errors import Failed, Locked, NodeError, Refused, Unknown
from kadalu_ssh.model.records import Document
from kadalu_ssh.operations.recognise import strangers
from kadalu_ssh.operations.session import CallResult, Session
from kadalu_ssh.state.chain import Relation, majority, open_tasks, relation
from kadalu_ssh.state.document import NewerSchema, decode, encode
from kadalu_ssh.state.journal import Task, decode_task, utc_now, who

REPLICA_HINT = (
    "look at the others: kadalu state verify; when most of them are whole, this writes it anew: "
    "kadalu state push"
)


@dataclass(frozen=True)
class Replicas:
    """What the reachable meta servers hold, by host id."""

    documents: dict[str, Document]
    tasks: dict[str, Task]
    unreadable: tuple[str, ...] = ()
    """What is to be said of damaged ones; they are a minority."""


class Quorum:
    """The majority of one set of meta servers."""

    def __init__(self, session: Session, members: Iterable[str]) -> None:
        self.session = session
        self.members = tuple(members)
        self.cluster_id = session.document.cluster_id
        self.locked: set[str] = set()

    @property
    def needed(self) -> int:
        """A majority; with --force-no-quorum, one that answers."""
        whole = majority(len(self.members))
        return min(whole, 1) if self.session.ctx.settings.force_no_quorum else whole

    def _params(self, op: str, **more: object) -> dict[str, Json]:
        return {m: {"op": op, "cluster_id": self.cluster_id, **more} for m in self.present()}

    def present(self) -> list[str]:
        """Those that answer, and are the hosts that are meant: no other gets the state."""
        strange = self._strange()
        return [m for m in self.members if m in self.session.channels and m not in strange]

    def _strange(self) -> dict[str, str]:
        """Nodes of the document only: one that is just being claimed holds nothing yet."""
        nodes = {node.id for node in self.session.document.nodes}
        return strangers(self.session, [m for m in self.members if m in nodes])

    # --- the lock ---

    async def lock(self, command: str, patience: float) -> Replicas:
        """Hold the lock on a majority, and read the replicas under it.

        Raises Locked naming the holder after `patience` seconds.
        """
        self._need_majority_up()
        holder = {"who": who(), "command": command, "since": utc_now()}
        end = time.monotonic() + patience
        while True:
            # Both calls travel together; the worker answers them in order.
            refusals, replicas = await asyncio.gather(self._try_lock(holder), self.read())
            if len(self.locked) >= self.needed:
                return replicas
            await self.unlock()
            if time.monotonic() >= end:
                raise Locked(
                    "the cluster is locked by another command",
                    nodes=refusals,
                    hint="wait for it to end, or give --lock-timeout SECONDS",
                )
            # Random, so that two controllers that collided do not collide again in step.
            await asyncio.sleep(random.uniform(0.05, 0.4))  # noqa: S311

    async def _try_lock(self, holder: Json) -> list[NodeError]:
        answers = await self.session.call("meta", self._params("lock", holder=holder))
        refusals = []
        for member, answer in answers.items():
            if isinstance(answer, dict) and answer["locked"]:
                self.locked.add(member)
            else:
                refusals.append(self.session.error(member, _holder(answer)))
        return refusals

    def _need_majority_up(self) -> None:
        up = self.present()
        if len(up) >= self.needed:
            return
        down = [self.session.failures[m] for m in self.members if m in self.session.failures]
        down += [self.session.error(host, why) for host, why in self._strange().items()]
        raise Locked(
            f"only {len(up)} of {len(self.members)} meta servers answer; {self.needed} are needed",
            nodes=down,
            hint="bring them back, or, if they are lost for good, give --force-no-quorum",
        )

    async def still_held(self) -> bool:
        """Whether the lock is held on a majority now: workers that lost us have let it go."""
        params = self._params("holds")
        held = {m: params[m] for m in self.locked if m in params}
        good, _ = self.session.split(await self.session.call("meta", held, limit=10))
        return len([m for m in good if good[m]["locked"]]) >= self.needed

    async def unlock(self) -> None:
        params = self._params("unlock")
        await self.session.call("meta", {m: params[m] for m in self.locked if m in params})
        self.locked.clear()

    # --- the replicas ---

    async def read(self) -> Replicas:
        """What every reachable meta server holds.

        Raises Failed when those that can be read are no majority, or a newer kadalu wrote one.
        """
        good, _ = self.session.split(await self.session.call("meta", self._params("read")))
        documents, tasks, wrong = {}, {}, []
        for member, answer in good.items():
            source = f"the replica on {self.session.host_name(member)}"
            try:
                if answer.get("document"):
                    documents[member] = decode(answer["document"], source, REPLICA_HINT)
                if answer.get("intent"):
                    tasks[member] = decode_task(answer["intent"], source)
            except NewerSchema:
                raise
            except Failed as error:
                wrong.append(error)
                if len(good) - len(wrong) < self.needed:
                    raise
        tasks = open_tasks(tasks, documents.values(), len(self.members))
        return Replicas(documents, tasks, tuple(map(_unreadable, wrong)))

    async def write(self, document: Document | None, task: Task | None) -> None:
        """Make them durable on a majority. A None document leaves the replica's document alone.

        Raises Unknown when some, but no majority, took it.
        """
        body: Json = {"intent": encode(task) if task else None}
        if document is not None:
            body["document"] = encode(document)
        params = self._params("write", **body)
        answers = await self.session.call(
            "meta", {m: params[m] for m in self.locked if m in params}
        )
        good, bad = self.session.split(answers)
        if len(good) < self.needed:
            error = Unknown if good else Failed
            raise error(
                f"the state was saved on {len(good)} of {len(self.members)} meta servers; "
                f"{self.needed} are needed",
                nodes=bad,
                hint="nothing more was changed; run the command again",
            )


def _holder(answer: CallResult) -> object:
    if not isinstance(answer, dict):
        return answer
    holder = answer.get("holder") or {}
    return (
        f"held by {holder.get('who', 'somebody')} since {holder.get('since', 'unknown')}: "
        f"{holder.get('command', 'unknown command')}"
    )


def _unreadable(error: Failed) -> str:
    return f"{error.message}; the next change writes it anew from the others"


def compare(session: Session, replicas: Replicas) -> None:
    """Refuse to go on from a document that is not the one the meta servers hold."""
    ours = session.document
    for line in replicas.unreadable:
        session.ctx.reporter.warn(line)
    wrong = []
    for member, document in replicas.documents.items():
        found = relation(ours, document)
        if found not in (Relation.SAME, Relation.OLDER):
            wrong.append(
                NodeError(
                    session.host_name(member), f"holds serial {document.serial}, {found.value}"
                )
            )
    if wrong:
        raise Refused(
            f"this laptop's copy of cluster {ours.name} (serial {ours.serial}) is not current",
            nodes=wrong,
            hint="fetch it: kadalu state pull",
        )
