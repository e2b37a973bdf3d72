"""Undoing on a host that is just going down."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from kadalu_ssh.model.errors import NodeError
from kadalu_ssh.operations.phases import Env, Phase, Report
from kadalu_ssh.operations.settle import same_words
from kadalu_ssh.operations.transaction import undo


class Dying:
    """Answers with an error, then not at all, then is known to be away."""

    hosts = ("n3",)

    def __init__(self, session: Any, answers: list[Report]) -> None:
        self.session = session
        self.answers = answers

    async def undo(self, env: Env) -> Report:
        report = self.answers.pop(0)
        if not self.answers:
            self.session.failures["n3"] = NodeError("server3", "connect timed out")
        return report


def _undo(answers: list[Report]) -> tuple[list[NodeError], set[str]]:
    async def connect(hosts: object) -> None: ...

    session = SimpleNamespace(channels={}, failures={}, connect=connect)
    phase = cast(Phase, Dying(session, answers))
    return asyncio.run(undo([phase], cast(Env, SimpleNamespace(session=session))))


def test_a_host_that_goes_down_meanwhile_is_away_and_not_unknown() -> None:
    refused = Report(failed=[NodeError("server3", "systemctl: connection refused")])
    silent = Report(unknown=[NodeError("server3", "connection lost")])
    assert _undo([refused, silent, Report()]) == ([], {"n3"})


def test_what_goes_on_failing_is_told() -> None:
    full = Report(failed=[NodeError("server3", "No space left on device")])
    left, _ = _undo([full, full, full])
    assert left == full.failed


def test_a_host_that_a_later_phase_did_not_reach_has_not_got_it() -> None:
    total = Report(reached={("a", "volume:v"), ("b", "volume:v")})
    total.add(Report(reached={("a", "volume:v")}, missed={("b", "volume:v")}))
    assert total.reached == {("a", "volume:v")}


def test_how_a_command_was_to_answer_and_print_does_not_make_it_another() -> None:
    assert same_words("kadalu volume expand v a:/b", "kadalu -y volume expand v a:/b --json")
    assert not same_words("kadalu volume expand v a:/b", "kadalu volume expand v a:/c -y")
