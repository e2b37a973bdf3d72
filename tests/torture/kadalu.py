"""`python -m tests.torture.kadalu WORDS`: kadalu, with a point at every step of a command.

TORTURE_POINT holds JSON: {"record": FILE, "host": NODE} writes the points down;
{"number": N, "mark": FILE} stops the controller at its Nth point, until FILE, which it makes there,
is gone; {"number": N, "host": NODE} stops the worker of that node.
"""

import asyncio
import json
import os
import sys
import zlib
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from kadalu_ssh.cli.main import main
from kadalu_ssh.fleet import channel, payload
from kadalu_ssh.operations import plans, quorum, settle, transaction
from kadalu_ssh.operations.phases import Env, Phase, Report

ASKED: dict[str, Any] = json.loads(os.environ.get("TORTURE_POINT", "{}"))
_count = 0


async def point(name: str) -> None:
    """The next point of this controller. It stands still there, heartbeats and all."""
    global _count
    number, _count = _count, _count + 1
    if "record" in ASKED:
        write_down(f"{number} {name}")
    elif ASKED.get("number") == number and "mark" in ASKED:
        Path(ASKED["mark"]).touch()  # noqa: ASYNC240
        while Path(ASKED["mark"]).exists():  # noqa: ASYNC110, ASYNC240
            await asyncio.sleep(0.02)


def write_down(line: str) -> None:
    with Path(ASKED["record"]).open("a") as file:
        file.write(line + "\n")


def watched(phase: Phase) -> Phase:
    """With a point before and after what it does and undoes; it stays what it is."""
    for name in ("do", "undo"):
        object.__setattr__(phase, name, _with_points(getattr(phase, name), phase.name, name))
    return phase


def _with_points(
    real: Callable[[Env], Awaitable[Report]], phase: str, name: str
) -> Callable[[Env], Awaitable[Report]]:
    words = phase if name == "do" else f"undoing {phase}"

    async def run(env: Env) -> Report:
        await point(f"before {words}")
        report = await real(env)
        await point(f"after {words}")
        return report

    return run


def watch_phases() -> None:
    """Every operation's own list of phases, whoever asks for it."""
    real = plans.phases_of

    def phases_of(*args: Any) -> Sequence[Any]:
        return [watched(phase) for phase in real(*args)]

    for module in (transaction, settle):
        module.phases_of = phases_of  # type: ignore[assignment]


def watch(owner: type, name: str) -> None:
    """A coroutine method, with a point before and after."""
    real: Callable[..., Awaitable[Any]] = getattr(owner, name)

    async def run(*args: Any, **options: Any) -> Any:
        await point(f"before {owner.__name__}.{name}")
        result = await real(*args, **options)
        await point(f"after {owner.__name__}.{name}")
        return result

    setattr(owner, name, run)


def watch_nodes() -> None:
    """Workers stop, or write down their points, as node_hook.py says."""
    hook = (Path(__file__).parent / "node_hook.py").read_text()
    wanted = {key: ASKED[key] for key in ("host", "number") if key in ASKED}
    wanted["record"] = "record" in ASKED
    hook = hook.replace("POINT = {}", f"POINT = {wanted!r}")
    real = payload.boot_message

    def boot_message() -> bytes:
        source = zlib.decompress(real().partition(b"\n")[2]).decode()
        body, main_, rest = source.rpartition('\nif __name__ == "__main__":')
        data = zlib.compress(f"{body}\n{hook}\n_install(Context)\n{main_}{rest}".encode(), 9)
        return b"%d\n%s" % (len(data), data)

    channel.boot_message = boot_message  # type: ignore[attr-defined]


if __name__ == "__main__":
    if ASKED:
        watch_phases()
        watch(quorum.Quorum, "lock")
        watch(quorum.Quorum, "write")
        if "host" in ASKED:
            watch_nodes()
    sys.exit(main())
