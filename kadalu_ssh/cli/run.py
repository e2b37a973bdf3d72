"""One operation in its event loop: signals cancel it, a ticker draws its progress."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from importlib import import_module
from typing import Any

from kadalu_ssh.cli.commands import Command
from kadalu_ssh.cli.terminal import Terminal
from kadalu_ssh.model.errors import KadaluError
from kadalu_ssh.operations.context import Context, FinishedFirst, Outcome, Settings

_REDRAW_SECONDS = 0.2
_LEFT = "a change that had begun is recorded; the next kadalu command settles it"
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(KadaluError):
    """A signal ended the command."""

    exit_code = 130


def run(command: Command, args: dict[str, Any], settings: Settings, terminal: Terminal) -> Outcome:
    """Run the command's operation. Raises Interrupted when a signal ended it."""
    try:
        return asyncio.run(_call(command, args, settings, terminal))
    except (asyncio.CancelledError, KeyboardInterrupt) as error:
        raise Interrupted("interrupted", hint=_LEFT if command.mutating else None) from error
    except KadaluError as error:
        if terminal.interrupted:
            raise Interrupted(f"interrupted: {error.message}", error.nodes, error.hint) from error
        raise
    finally:
        terminal.clear()


async def _call(
    command: Command, args: dict[str, Any], settings: Settings, terminal: Terminal
) -> Outcome:
    module, _, function = command.operation.partition(":")
    operation = getattr(import_module(f"kadalu_ssh.operations.{module}"), function)
    with _signals(terminal):
        async with _drawn(terminal):
            return await _operate(operation, Context(settings, terminal), args)


async def _operate(operation: Any, ctx: Context, args: dict[str, Any]) -> Outcome:
    """Given again after it was interrupted, a command is done when that was settled."""
    try:
        outcome: Outcome = await operation(ctx, **args)
    except FinishedFirst as finished:
        return finished.outcome
    return outcome


@contextmanager
def _signals(terminal: Terminal) -> Iterator[None]:
    """A signal cancels the operation, which closes its connections and gives its locks back."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def cancel() -> None:
        terminal.interrupted = True
        terminal.progress("", "interrupted, closing connections")
        if task:
            task.cancel()

    # One that our caller ignores (nohup, a background job) stays ignored.
    taken = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    with suppress(ValueError, RuntimeError):  # not in the main thread: nothing to take
        for number in taken:
            loop.add_signal_handler(number, cancel)
    try:
        yield
    finally:
        for number in taken:
            loop.remove_signal_handler(number)


@asynccontextmanager
async def _drawn(terminal: Terminal) -> AsyncIterator[None]:
    if not terminal.live:
        yield
        return
    ticker = asyncio.create_task(_tick(terminal))
    try:
        yield
    finally:
        ticker.cancel()


async def _tick(terminal: Terminal) -> None:
    while True:
        await asyncio.sleep(_REDRAW_SECONDS)
        terminal.draw()
