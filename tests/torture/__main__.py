"""`python -m tests.torture [--only create,stop] [--faults kill-node] [--sample N] | --race N |
--grow N | --broken`."""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pytest_docker.plugin import get_docker_services

from tests.cluster.bed import CLIENT, HERE, Bed
from tests.cluster.compose import compose_command, prepare_environment
from tests.torture.broken import all_caught
from tests.torture.grow import grow
from tests.torture.race import race as race_rounds
from tests.torture.runs import FAULTS, NODES, SCENARIOS, Stage


def words(known: list[str]) -> argparse.Action:
    def split(text: str) -> list[str]:
        found = text.split(",")
        if set(found) - set(known):
            raise argparse.ArgumentTypeError(f"known: {', '.join(known)}")
        return found

    return split  # type: ignore[return-value]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", type=words(list(SCENARIOS)), default=list(SCENARIOS))
    parser.add_argument("--faults", type=words(list(FAULTS)), default=list(FAULTS))
    parser.add_argument("--sample", type=int, help="so many runs, chosen at random")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shard", default="1/1", help="I/N: the Ith of N parts of the runs")
    parser.add_argument("--skip", type=int, default=0, help="so many that an earlier call has run")
    parser.add_argument("--race", type=int, help="so many rounds of two laptops, and nothing else")
    parser.add_argument("--grow", type=int, help="so many expansions under load, and nothing else")
    parser.add_argument("--broken", action="store_true", help="are broken variants noticed?")
    parser.add_argument("--project", default="kadalutorture")
    given = parser.parse_args()
    prepare_environment()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if given.broken:
            return all_caught(root, given.project)
        key = root / "id_ed25519"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        up = [f"up -d {' '.join([*NODES, CLIENT])}"]
        with get_docker_services(
            compose_command(), str(HERE / "docker-compose.yml"), given.project, up, ["down -v"]
        ):
            bed = Bed(given.project, key, nodes=(*NODES, CLIENT))
            for node in bed.nodes:
                bed.wait_ready(node)
            if given.grow:
                return grown(bed, root, given.grow)
            return race(bed, root, given.race) if given.race else torture(Stage(bed, root), given)


def grown(bed: Bed, root: Path, times: int) -> int:
    """Returns how much was wrong."""
    done = grow(bed, root, times)
    for line in done.wrong:
        print(f"    {line}", flush=True)
    print(
        f"{done.expansions} expansions and a rebalance, "
        f"{done.directories} directories made meanwhile, {len(done.wrong)} wrong",
        flush=True,
    )
    return len(done.wrong)


def race(bed: Bed, root: Path, rounds: int) -> int:
    """Returns how much was wrong."""
    done = race_rounds(bed, root, rounds)
    for line in done.wrong:
        print(f"    {line}", flush=True)
    least = min(done.together)
    print(
        f"{rounds} rounds, {len(done.made)} volumes, {len(done.wrong)} wrong; "
        f"both at work for at least {least:.1f} s in each",
        flush=True,
    )
    return len(done.wrong)


def torture(stage: Stage, given: argparse.Namespace) -> int:
    """Returns the number of runs after which something was wrong."""
    runs = [
        (name, *point, fault)
        for name in given.only
        for point in stage.record(SCENARIOS[name])
        for fault in given.faults
    ]
    print(f"{len(runs)} runs", flush=True)
    if given.sample and given.sample < len(runs):
        runs = random.Random(given.seed).sample(runs, given.sample)
    part, parts = map(int, given.shard.split("/"))
    runs = runs[part - 1 :: parts][given.skip :]
    failures = 0
    for name, where, number, what, fault in runs:
        began = time.monotonic()
        try:
            wrong = stage.run(SCENARIOS[name], where, number, fault)
        except AssertionError as error:
            wrong = [str(error)]
        failures += bool(wrong)
        head = "FAILED" if wrong else "ok"
        took = time.monotonic() - began
        print(f"{head} {name}: {fault} {what} ({where} {number}), {took:.0f} s", flush=True)
        for line in wrong:
            print(f"    {line}", flush=True)
    print(f"{len(runs)} runs, {failures} failed", flush=True)
    return failures


if __name__ == "__main__":
    sys.exit(min(main(), 1))
