"""What each meta server holds, also where that is nothing, or damaged. Only looks."""

from collections.abc import Iterable
from dataclasses import dataclass

from kadalu_ssh.model.channel import ChannelLost, Json
from kadalu_ssh.model.errors import Failed
from kadalu_ssh.model.records import Document
from kadalu_ssh.operations.quorum import REPLICA_HINT
from kadalu_ssh.operations.session import CallResult, Session
from kadalu_ssh.state.document import decode
from kadalu_ssh.state.journal import Task, decode_task


@dataclass(frozen=True, kw_only=True)
class Holding:
    """What one meta server holds."""

    host: str
    name: str
    document: Document | None = None
    task: Task | None = None
    """What a command that is at work, or was interrupted, has set out to do."""
    problem: str = ""
    """Why something of it could not be read."""
    down: bool = False


async def holdings(session: Session, members: Iterable[str]) -> dict[str, Holding]:
    """Connect and ask each of them; never raises for a host."""
    hosts = list(members)
    await session.connect(hosts)
    params = {"op": "read", "cluster_id": session.document.cluster_id}
    answers = await session.call("meta", dict.fromkeys(hosts, params))
    return {host: _holding(session, host, answers.get(host)) for host in hosts}


def _holding(session: Session, host: str, answer: CallResult | None) -> Holding:
    name = session.host_name(host)
    if isinstance(answer, dict):
        return _parsed(host, name, answer)
    reason = session.error(host, answer) if answer is not None else session.failures[host]
    down = answer is None or isinstance(answer, ChannelLost)
    return Holding(host=host, name=name, problem=reason.reason, down=down)


def _parsed(host: str, name: str, answer: Json) -> Holding:
    document = task = None
    source = f"the replica on {name}"
    try:
        if answer.get("document") is not None:
            document = decode(answer["document"], source, REPLICA_HINT)
        if answer.get("intent"):
            task = decode_task(answer["intent"], source)
    except Failed as error:
        return Holding(host=host, name=name, document=document, problem=error.message)
    return Holding(host=host, name=name, document=document, task=task)
