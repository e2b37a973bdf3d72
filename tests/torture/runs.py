"""One run: a command, one of its points, one fault there; then reconcile, then the judge."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.bed import CLIENT, SERVERS, Bed, Workspace, wait_until
from tests.torture.forked import Forked
from tests.torture.oracle import judge

S3 = SERVERS[:3]
NODES = SERVERS[:4]
HIT, USED, LIST = "/root/point-hit", "/root/point-used", "/root/points"
LIMIT = 150.0
"""Seconds for a command whose node went away: the heartbeat's 30, twice, and the connect's."""
T = [f"{s}:/data2/t" for s in S3]
CREATE = ["volume", "create", "t", "replica", "3", *T]
EXPAND = ["volume", "expand", "t", *(f"{s}:/data2/more" for s in NODES[1:])]
ADD = ["node", "add", "server4"]
TWO_GROUPS = [ADD, CREATE, EXPAND]
MOUNT = ["mount", "t", f"{CLIENT}:/mnt/t", "--persist"]


@dataclass(frozen=True)
class Scenario:
    """A command, what comes before it, and the node that suffers."""

    words: list[str]
    before: list[list[str]] = field(default_factory=list)
    node: str = "server2"
    damage: str = ""
    """A script that the node suffers before the command."""


LOST_DISK = """
brick=$(basename $(grep -l ' /data2/t ' /etc/systemd/system/kadalu-brick-*))
systemctl stop $brick; rm -rf /data2/t; mkdir /data2/t
"""
SCENARIOS = {
    "create": Scenario(CREATE),
    "start": Scenario(["volume", "start", "t"], [[*CREATE, "--no-start"]]),
    "set": Scenario(["volume", "set", "t", "server.event-threads", "3"], [CREATE]),
    "stop": Scenario(["volume", "stop", "t", "-y"], [CREATE]),
    "delete": Scenario(["volume", "delete", "t", "--wipe", "-y"], [[*CREATE, "--no-start"]]),
    "expand": Scenario(EXPAND, [ADD, CREATE, MOUNT]),
    "rebalance": Scenario(["rebalance", "start", "t"], TWO_GROUPS),
    "fix-layout": Scenario(["rebalance", "start", "t", "--fix-layout"], TWO_GROUPS),
    "rebalance-stop": Scenario(
        ["rebalance", "stop", "t", "-y"], [*TWO_GROUPS, ["rebalance", "start", "t"]]
    ),
    "shrink": Scenario(["volume", "shrink", "t", "--group", "1", "-y"], TWO_GROUPS),
    "replace": Scenario(
        ["volume", "replace-unit", "t", "server2:/data2/t", "server4:/data2/t"], [ADD, CREATE]
    ),
    "replace-same": Scenario(
        ["volume", "replace-unit", "t", "server2:/data2/t", "server2:/data2/t", "-y"],
        [CREATE],
        damage=LOST_DISK,
    ),
    "node-replace": Scenario(
        ["node", "replace", "server3", "server4"], [ADD, CREATE, MOUNT], "server4"
    ),
    "rest": Scenario(["node", "maintenance", "server2", "on"], [CREATE]),
    "end-rest": Scenario(
        ["node", "maintenance", "server2", "off"],
        [CREATE, ["node", "maintenance", "server2", "on"]],
    ),
    "upgrade": Scenario(["upgrade", "--rolling", "--command", "true"], [CREATE]),
    "mount": Scenario(MOUNT, [CREATE], CLIENT),
    "umount": Scenario(["umount", f"{CLIENT}:/mnt/t"], [CREATE, MOUNT], CLIENT),
    "node-add": Scenario(ADD, node="server4"),
    "node-remove": Scenario(["node", "remove", "server4", "-y"], [ADD], "server4"),
    "meta-add": Scenario(["cluster", "meta", "add", "server4"], [ADD], "server4"),
    "meta-remove": Scenario(["cluster", "meta", "remove", "server2", "-y"]),
}

DROP = "iptables -{} {} -p tcp --{}port 22 -j DROP"


def _kill_controller(bed: Bed, node: str, process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.wait()


def _kill_worker(bed: Bed, node: str, process: "subprocess.Popen[str]") -> None:
    bed.sh(node, "pkill -9 -f '[z]lib.decompress'", False)


def _kill_node(bed: Bed, node: str, process: "subprocess.Popen[str]") -> None:
    bed.kill(node)


def _pause_node(bed: Bed, node: str, process: "subprocess.Popen[str]") -> None:
    bed.docker("pause", bed.container(node))


def _drop_connection(bed: Bed, node: str, process: "subprocess.Popen[str]") -> None:
    bed.sh(node, "pkill -9 -f 'sshd.*notty'", False)


def _kill_sshd(bed: Bed, node: str, process: "subprocess.Popen[str]") -> None:
    bed.sh(node, "systemctl stop ssh; pkill -9 sshd", False)


def _drop_packets(bed: Bed, node: str, process: "subprocess.Popen[str]") -> None:
    bed.sh(node, DROP.format("I", "INPUT", "d"))
    bed.sh(node, DROP.format("I", "OUTPUT", "s"))


FAULTS: dict[str, Callable[[Bed, str, "subprocess.Popen[str]"], None]] = {
    "kill-controller": _kill_controller,
    "kill-worker": _kill_worker,
    "kill-node": _kill_node,
    "drop-connection": _drop_connection,
    "kill-sshd": _kill_sshd,
    "drop-packets": _drop_packets,
    "pause-node": _pause_node,
}


class Laptop(Forked):
    """A workspace whose kadalu stops at points."""

    asked: str = "{}"

    def command(self, *argv: str) -> list[str]:
        return [sys.executable, "-m", "tests.torture.kadalu", *argv]


class Stage:
    """The bed, set up afresh for every run: a cluster with a volume that is mounted and used."""

    def __init__(self, bed: Bed, root: Path) -> None:
        self.bed = bed
        self.root = root
        self.number = 0
        self.sums = ""

    def prepare(self, scenario: Scenario) -> tuple[Laptop, Workspace]:
        """(the laptop that runs the command, another one with the same workspace)."""
        self.number += 1
        self.mend()
        self.bed.wipe([*NODES, CLIENT])
        laptop = Laptop(self.root / f"run{self.number}" / "one", self.bed)
        laptop.inventory([*NODES, CLIENT])
        laptop.ok("cluster", "init", "prod", f"--nodes={','.join(S3)}")
        laptop.ok("volume", "create", "base", "replica", "3", *(f"{s}:/data1/base" for s in S3))
        laptop.ok("mount", "base", f"{CLIENT}:/mnt/base", "--persist")
        self.bed.sh(
            CLIENT, "cd /mnt/base && for i in 1 2 3; do head -c 9000 /dev/urandom >f$i; done"
        )
        self.sums = self.bed.sh(CLIENT, "cd /mnt/base && sha256sum f*")
        for words in scenario.before:
            laptop.ok(*words)
        if scenario.damage:
            self.bed.sh(scenario.node, scenario.damage)
        return laptop, laptop.copy(self.root / f"run{self.number}" / "two")

    def mend(self) -> None:
        """Take every fault away, and let go of workers that wait at a point."""
        self.bed.revive()
        script = f"iptables -F; systemctl start ssh; rm -f {HIT} {USED} {LIST}"
        self.bed.on_all([*NODES, CLIENT], script, check=False)

    def record(self, scenario: Scenario) -> list[tuple[str, int, str]]:
        """Every point of a command: ("controller" or a node, number, what happens there)."""
        laptop, _ = self.prepare(scenario)
        mine = self.root / "points"
        mine.unlink(missing_ok=True)
        asked = {"record": str(mine), "host": scenario.node}
        run = laptop.run(*scenario.words, env={"TORTURE_POINT": json.dumps(asked)})
        if run.code:
            raise AssertionError(f"{scenario.words}: {run.out}{run.err}")
        lists = (
            ("controller", mine.read_text()),
            (scenario.node, self.bed.sh(scenario.node, f"cat {LIST}", False)),
        )
        return [
            (where, int(line.split(" ", 1)[0]), line.split(" ", 1)[1])
            for where, text in lists
            for line in text.splitlines()
        ]

    def run(
        self, scenario: Scenario, where: str, number: int, fault: str,
        meanwhile: Callable[[Workspace], object] = lambda laptop: None,
        seen: Callable[[Workspace], list[str]] = lambda laptop: [],
    ) -> list[str]:  # fmt: skip
        """What was wrong afterwards; empty when nothing was.

        `meanwhile`: done before the fault is taken away; `seen`: asked before reconcile.
        """
        laptop, other = self.prepare(scenario)
        mark = laptop.path / "mark"
        asked = {"number": number}
        asked |= {"mark": str(mark)} if where == "controller" else {"host": where}  # type: ignore[dict-item]
        env = laptop.environment({"TORTURE_POINT": json.dumps(asked)})
        process = subprocess.Popen(
            laptop.command(*scenario.words), env=env,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
            cwd=laptop.path,
        )  # fmt: skip

        def there() -> bool:
            hit = mark.exists() if where == "controller" else self.bed.ok(where, f"test -e {HIT}")
            return hit or process.poll() is not None

        wait_until(there, 60, "the point")
        if process.poll() is not None:
            return [f"the point was never hit: {process.stderr.read() if process.stderr else ''}"]
        FAULTS[fault](self.bed, scenario.node, process)
        mark.unlink(missing_ok=True)
        if where != "controller" and fault not in ("kill-node", "pause-node"):
            self.bed.sh(where, f"rm -f {HIT}")
        wrong = self._ended(process, fault)
        meanwhile(laptop)
        self.mend()
        for workspace in (laptop, other):
            workspace.inventory([*NODES, CLIENT])
        wrong += seen(laptop)
        return wrong + self._after(laptop if self.number % 2 else other)

    def _ended(self, process: "subprocess.Popen[str]", fault: str) -> list[str]:
        try:
            _, err = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            return [f"the command hung for {LIMIT:g} s"]
        if "Traceback" in err or "internal error" in err:
            return [f"it ended badly: {err[-800:]}"]
        codes = (-9,) if fault == "kill-controller" else (0, 1, 3, 4, 5, 6)
        if process.returncode == 2 and "nothing was changed" in err:
            return []  # cut off while it still looked at the nodes
        return [] if process.returncode in codes else [f"exit {process.returncode}: {err}"]

    def _after(self, laptop: Workspace) -> list[str]:
        """Reconcile with the laptop, and judge."""
        self._alone(60)
        said = ""
        for _ in range(3):
            run = laptop.run("reconcile", "-y")
            said = f"reconcile: exit {run.code}\n{run.out}{run.err}"
            if "state pull" in run.err:
                laptop.ok("state", "pull")
            elif run.code == 0:
                break
        else:
            return [said]
        check = laptop.run("reconcile", "--check")
        wrong = [] if check.code == 0 else [f"after reconcile there is drift:\n{check.out}"]
        self._alone(5)
        wrong += judge(self.bed, NODES)
        if self.bed.sh(CLIENT, "cd /mnt/base && sha256sum f*", False) != self.sums:
            wrong.append("the data of the volume beside it is not what was written")
        return wrong

    def _alone(self, seconds: float) -> None:
        """Wait until no worker is left; one outlives its controller by a moment."""
        nodes = [*NODES, CLIENT]
        wait_until(
            lambda: not any(self.bed.ok(n, "pgrep -f '[z]lib.decompress'") for n in nodes),
            seconds, "workers end",
        )  # fmt: skip
