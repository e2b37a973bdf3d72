"""Two laptops with one workspace create volumes at the same moment, round after round.

Every few rounds something else happens as well: one of them is put to sleep past its heartbeat, a
meta server is off, or a controller has died while its intent was on a minority.
"""

import json
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.bed import Bed, Workspace, wait_until
from tests.torture.runs import NODES, S3, Laptop

BARRIER = (
    "import os, sys, time, pathlib\n"
    "pathlib.Path(sys.argv[1]).touch()\n"
    "while not pathlib.Path(sys.argv[2]).exists(): time.sleep(0.001)\n"
    "os.execv(sys.argv[3], sys.argv[3:])\n"
)
KINDS = ("plain", "sleeper", "meta-off", "minority")
ASLEEP = 36.0
"""Seconds: longer than the 30 after which a worker gives a silent controller up."""


@dataclass
class Racer:
    laptop: Workspace
    name: str
    process: "subprocess.Popen[str]"


class Race:
    """The rounds, and what was wrong in them."""

    def __init__(self, bed: Bed, root: Path) -> None:
        self.bed = bed
        self.root = root
        self.one = Laptop(root / "race" / "one", bed)
        self.one.inventory(NODES)
        self.one.ok("cluster", "init", "prod", f"--nodes={','.join(S3)}")
        self.two = self.one.copy(root / "race" / "two")
        self.made: set[str] = set()
        self.missing: list[Racer] = []
        self.together: list[float] = []
        """Seconds in which both were at work, per round."""
        self.wrong: list[str] = []

    def round(self, number: int, kind: str) -> None:
        """Both create a volume; whoever is refused gets the state, and creates it after all."""
        if kind == "minority":
            self._minority(f"m{number}")
        if kind == "meta-off":
            self.bed.docker("pause", self.bed.container("server3"))
        try:
            self._both(number, kind)
        finally:
            if kind == "meta-off":
                self.bed.docker("unpause", self.bed.container("server3"))
        self._again()
        self.wrong += [f"round {number} ({kind}): {line}" for line in self._judged()]

    def _create(self, name: str, kind: str) -> list[str]:
        # A create needs all its nodes: with server3 off, a volume of the two others is made.
        where = S3[:2] if kind == "meta-off" else S3
        units = [f"{s}:/data1/{name}" for s in where]
        return ["volume", "create", name, *units, "--no-start", "-y", "--lock-timeout", "90"]

    def _both(self, number: int, kind: str) -> None:
        go = self.root / f"go{number}"
        pairs = ((self.one, "a"), (self.two, "b"))
        racers = [self._begin(w, f"{tag}{number}", kind, go) for w, tag in pairs]
        wait_until(lambda: all((self.root / f"at-{r.name}").exists() for r in racers), 20)
        go.touch()
        started = time.monotonic()
        if kind == "sleeper":
            self._sleep(racers[number % 2].process)
        wait_until(lambda: any(r.process.poll() is not None for r in racers), 240, "one ends")
        self.together.append(time.monotonic() - started)
        for racer in racers:
            self._ended(racer)
        self.missing = [racer for racer in racers if racer.process.returncode]

    def _ended(self, racer: Racer) -> None:
        _, err = racer.process.communicate(timeout=240)
        if racer.process.returncode == 0:
            self.made.add(racer.name)
        elif "Traceback" in err or "internal error" in err:
            self.wrong.append(f"{racer.name}: {err[-500:]}")

    def _begin(self, laptop: Workspace, name: str, kind: str, go: Path) -> Racer:
        command = laptop.command(*self._create(name, kind), "--timeout", "3")
        argv = [command[0], "-c", BARRIER, str(self.root / f"at-{name}"), str(go), *command]
        process = subprocess.Popen(
            argv, env=laptop.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL, text=True, cwd=laptop.path,
        )  # fmt: skip
        return Racer(laptop, name, process)

    def _sleep(self, process: "subprocess.Popen[str]") -> None:
        """Put it to sleep in the middle, long enough for its workers to give it up."""
        time.sleep(0.7)
        process.send_signal(signal.SIGSTOP)
        time.sleep(ASLEEP)
        process.send_signal(signal.SIGCONT)

    def _minority(self, name: str) -> None:
        """A controller dies when only server1 has its intent."""
        self.one.run("state", "pull")
        mark = self.root / "mark"
        asked = {"number": 2, "mark": str(mark)}  # before the first Quorum.write
        process = subprocess.Popen(
            self.one.command(*self._create(name, "minority")),
            env=self.one.environment({"TORTURE_POINT": json.dumps(asked)}),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
            cwd=self.one.path,
        )  # fmt: skip
        wait_until(mark.exists, 30, "the point before the intent")
        for server in S3[1:]:
            self.bed.docker("pause", self.bed.container(server))
        mark.unlink()
        wait_until(lambda: self._has_intent("server1"), 20, "server1 has the intent")
        process.kill()
        process.communicate()
        for server in S3[1:]:
            self.bed.docker("unpause", self.bed.container(server))

    def _has_intent(self, server: str) -> bool:
        return self.bed.ok(server, "ls /var/lib/kadalu/*/meta/intent.json")

    def _again(self) -> None:
        """Those that were refused get the newest state, and go again one after the other."""
        for laptop, name in ((racer.laptop, racer.name) for racer in self.missing):
            laptop.run("reconcile", "-y")
            laptop.run("state", "pull")
            known = {v["name"] for v in laptop.json("volume", "list")["volumes"]}
            if name not in known:
                laptop.ok(*self._create(name, "plain"))
            self.made.add(name)
        for laptop in (self.one, self.two):
            run = laptop.run("reconcile", "-y")
            if "state pull" in run.err:
                laptop.ok("state", "pull")

    def _judged(self) -> list[str]:
        texts = self.bed.on_all(S3, "cat /var/lib/kadalu/*/meta/document.json")
        wrong = [] if len(set(texts.values())) == 1 else ["the replicas differ"]
        document: dict[str, Any] = json.loads(texts["server1"])
        names = [v["name"] for v in document["volumes"] if v["name"][0] in "ab"]
        if sorted(names) != sorted(self.made):
            wrong.append(
                f"volumes {sorted(set(names) ^ self.made)} are lost, or there for no reason"
            )
        units = [s["unit"] for v in document["volumes"] for g in v["groups"] for s in g["slots"]]
        for what in ("port", "path"):
            places = [(unit["node"], unit[what]) for unit in units]
            if len(places) != len(set(places)):
                wrong.append(f"a {what} is used twice")
        return wrong + self._forks()

    def _forks(self) -> list[str]:
        """Every serial was committed once: no two meta servers ever kept two texts of one."""
        script = "cd /var/lib/kadalu/*/meta/history && sha256sum *"
        kept: dict[str, set[str]] = {}
        for text in self.bed.on_all(S3, script).values():
            for line in text.splitlines():
                digest, name = line.split()
                kept.setdefault(name, set()).add(digest)
        return [f"{name} has {len(d)} texts" for name, d in kept.items() if len(d) > 1]


def race(bed: Bed, root: Path, rounds: int) -> Race:
    """Every fifth round is none of the plain ones; the judge looks after each."""
    kinds = [KINDS[1 + n // 5 % 3] if n % 5 == 4 else "plain" for n in range(rounds)]
    return race_of(bed, root, kinds)


def race_of(bed: Bed, root: Path, kinds: Sequence[str]) -> Race:
    """One round of each of `kinds`."""
    made = Race(bed, root)
    for number, kind in enumerate(kinds):
        began = time.monotonic()
        made.round(number, kind)
        print(f"round {number} ({kind}): {time.monotonic() - began:.0f} s", flush=True)
    return made
