"""Timing of processes, interleaved so that what disturbs one disturbs the others too."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles


@dataclass(frozen=True)
class Cost:
    """What one run took: seconds of wall clock, and of CPU in the process and its children."""

    wall: float
    cpu: float = 0.0


@dataclass(frozen=True)
class Row:
    """A line of the table: what, its median, how it compares, and the limit it is held to."""

    what: str
    value: str
    against: str = ""
    limit: str = ""
    good: bool | None = None


class CommandFailed(Exception):
    """A measured command ended with an error."""


def run(argv: Sequence[str], env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Cost:
    """Run a process to its end. Raises CommandFailed with what it printed."""
    begin = time.perf_counter()
    child = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=env, cwd=cwd,
    )  # fmt: skip
    assert child.stdout
    said = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - begin
    child.returncode = os.waitstatus_to_exitcode(status)
    child.stdout.close()
    if child.returncode:
        raise CommandFailed(f"{' '.join(argv)[:200]}: {said.decode(errors='replace')[-2000:]}")
    return Cost(wall, usage.ru_utime + usage.ru_stime)


def interleaved(runs: Mapping[str, Callable[[], Cost]], pairs: int) -> dict[str, list[Cost]]:
    """All runs in turn, `pairs` times, after one of each that does not count."""
    found: dict[str, list[Cost]] = {name: [] for name in runs}
    for number in range(pairs + 1):
        for name, one in runs.items():
            cost = one()
            if number:
                found[name].append(cost)
    return found


def wall(costs: Sequence[Cost]) -> float:
    return median(cost.wall for cost in costs)


def cpu(costs: Sequence[Cost]) -> float:
    return median(cost.cpu for cost in costs)


def spread(costs: Sequence[Cost]) -> str:
    """The middle half, as text: how noisy the machine was."""
    if len(costs) < 2:
        return "one run"
    low, _, high = quantiles([cost.wall for cost in costs], n=4)
    return f"{low * 1000:.0f}-{high * 1000:.0f} ms"


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds * 1000:.0f} ms"


def show(rows: Sequence[Row]) -> str:
    """The table, in Markdown."""
    lines = ["| What | Median | Against | Limit | |", "|---|---|---|---|---|"]
    for row in rows:
        verdict = {True: "met", False: "**missed**", None: ""}[row.good]
        lines.append(f"| {row.what} | {row.value} | {row.against} | {row.limit} | {verdict} |")
    return "\n".join(lines)
