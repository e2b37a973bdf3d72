"""Start-up: commands that ask no node, above `python3 -c pass` of the same interpreter."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from bench.measure import Cost, Row, interleaved, ms, run, wall
from tests.cluster.bed import ROOT

HEAVY = ("asyncssh", "jinja2")
KADALU = [sys.executable, "-m", "kadalu_ssh"]
COMPLETION = {
    "_ARGCOMPLETE": "1", "_ARGCOMPLETE_STDOUT_FILENAME": os.devnull, "_ARGCOMPLETE_IFS": "\n",
    "COMP_LINE": "kadalu volume st", "COMP_POINT": "16", "COMP_TYPE": "9",
}  # fmt: skip
COMMANDS: dict[str, tuple[list[str], Mapping[str, str], float]] = {
    "--version": (["--version"], {}, 0.060),
    "--help": (["--help"], {}, 0.060),
    "completion": ([], COMPLETION, 0.060),
    "volume list": (["volume", "list"], {}, 0.150),
}


def rows(pairs: int) -> Iterator[Row]:
    """One row per command, and one on what they import."""
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "KADALU_WORKSPACE": folder, "PYTHONPATH": str(ROOT)}
        (Path(folder) / "inventory.yml").write_text("all:\n  hosts:\n    server1:\n")
        run([*KADALU, "cluster", "create", "bench"], env)
        runs: dict[str, Callable[[], Cost]] = {
            "pass": lambda: run([sys.executable, "-c", "pass"], env)
        }
        for name, (words, more, _) in COMMANDS.items():
            runs[name] = _runner(words, {**env, **more})
        found = interleaved(runs, pairs)
        bare = wall(found["pass"])
        for name, (_, _, limit) in COMMANDS.items():
            took = wall(found[name])
            yield Row(
                f"`kadalu {name}`", ms(took), f"{ms(took - bare)} above `python3 -c pass`",
                f"{ms(limit)} above", took - bare <= limit,
            )  # fmt: skip
        heavy = {n: _imported(words, {**env, **more}) for n, (words, more, _) in COMMANDS.items()}
        bad = [f"{name}: {' '.join(mods)}" for name, mods in heavy.items() if mods]
        yield Row(
            "imports of these", "; ".join(bad) or "neither", "", "no asyncssh, no jinja2", not bad
        )


def _runner(words: list[str], env: Mapping[str, str]) -> Callable[[], Cost]:
    return lambda: run([*KADALU, *words], env, Path(env["KADALU_WORKSPACE"]))


def _imported(words: list[str], env: Mapping[str, str]) -> list[str]:
    """Which heavy modules a command loads, as Python itself reports its imports."""
    argv = [sys.executable, "-X", "importtime", "-m", "kadalu_ssh", *words]
    done = subprocess.run(argv, capture_output=True, text=True, env=env, check=True)
    names = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    return [name for name in HEAVY if name in names]
