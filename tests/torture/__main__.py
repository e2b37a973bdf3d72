"""`python -m tests.torture [--only create,stop] [--faults kill-node] [--sample N] [--seed N]`."""

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
    parser.add_argument("--project", default="kadalutorture")
    given = parser.parse_args()
    prepare_environment()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        key = root / "id_ed25519"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        up = [f"up -d {' '.join([*NODES, CLIENT])}"]
        with get_docker_services(
            compose_command(), str(HERE / "docker-compose.yml"), given.project, up, ["down -v"]
        ):
            bed = Bed(given.project, key, nodes=(*NODES, CLIENT))
            for node in bed.nodes:
                bed.wait_ready(node)
            return torture(Stage(bed, root), given)


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
