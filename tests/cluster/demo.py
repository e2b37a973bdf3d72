"""`make demo`: a cluster of containers, a volume, a node lost while a client writes, healed."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pytest_docker.plugin import get_docker_services

from tests.cluster.bed import CLIENT, HERE, SERVERS, Bed, Workspace, wait_until
from tests.cluster.compose import compose_command, prepare_environment

NODES = SERVERS[:3]
MOUNT = "/mnt/demo"


def say(text: str) -> None:
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}", flush=True)


def kadalu(workspace: Workspace, *argv: str, codes: tuple[int, ...] = (0,)) -> str:
    """Run a command as a user would, and show it."""
    print(f"$ kadalu {' '.join(argv)}", flush=True)
    run = workspace.run(*argv)
    print(run.out, end="", flush=True)
    if run.code not in codes:
        sys.exit(f"{run.err}\ndemo failed: exit {run.code}")
    return run.out


def story(bed: Bed, workspace: Workspace) -> None:
    """The main job."""
    say("1. A cluster of three servers")
    kadalu(workspace, "cluster", "init", "demo", f"--nodes={','.join(NODES)}")
    kadalu(workspace, "cluster", "status")
    say("2. A replicated volume, mounted on a client")
    units = [f"{node}:/data1/demo" for node in NODES]
    kadalu(workspace, "volume", "create", "vol1", "replica", "3", *units)
    kadalu(workspace, "volume", "status", "vol1")
    kadalu(workspace, "mount", "vol1", f"{CLIENT}:{MOUNT}")
    say("3. A client writes, and server3 is killed in the middle")
    writer = (
        f"cd {MOUNT} && for i in $(seq 40); do head -c 200000 /dev/urandom > f$i || exit 1; done"
    )
    writing = subprocess.Popen(["docker", "exec", bed.container(CLIENT), "sh", "-c", writer])
    wait_until(lambda: bed.ok(CLIENT, f"test -e {MOUNT}/f3"), why="the client writes")
    bed.kill("server3")
    print("$ docker kill server3", flush=True)
    if writing.wait(120):
        sys.exit("demo failed: the client saw an error")
    sums = bed.sh(CLIENT, f"cd {MOUNT} && sha256sum f*")
    kadalu(workspace, "volume", "status", "vol1", "--timeout", "3", codes=(3,))
    kadalu(workspace, "heal", "info", "vol1", "--summary", "--timeout", "3", codes=(3,))
    say("4. server3 comes back, and its self-heal daemon brings it up to date")
    bed.start("server3")
    workspace.inventory([*NODES, CLIENT])
    total = heal_to_zero(workspace)
    same = all(bed.sh(node, "cd /data1/demo && sha256sum f*") == sums for node in NODES)
    kadalu(workspace, "volume", "status", "vol1")
    if not same:
        sys.exit("demo failed: a unit differs from what was written")
    grow(bed, workspace, sums)
    say(
        f"The write survived a killed node: {len(sums.splitlines())} files, the same checksums on "
        f"the client and on {', '.join(NODES)}.\nEntries to heal: {total}"
    )


def grow(bed: Bed, workspace: Workspace, sums: str) -> None:
    """A second group, and the files spread over both."""
    say("5. The volume gets more room, and its files move there while it is mounted")
    units = [f"{node}:/data2/demo" for node in NODES]
    kadalu(workspace, "volume", "expand", "vol1", *units)
    kadalu(workspace, "rebalance", "start", "vol1")
    kadalu(workspace, "rebalance", "status", "vol1", "--watch")
    if bed.sh(CLIENT, f"cd {MOUNT} && sha256sum f*") != sums:
        sys.exit("demo failed: a file is not what was written")


def heal_to_zero(workspace: Workspace) -> int:
    """Show the heal count until it is zero."""
    end = time.monotonic() + 180
    while time.monotonic() < end:
        run = workspace.run("heal", "info", "vol1", "--summary", "--json", "--timeout", "3")
        total = run.json.get("total", -1)
        print(f"entries to heal: {total}", flush=True)
        if run.code == 0 and total == 0:
            return 0
        workspace.run("heal", "start", "vol1")
        time.sleep(0.5)  # between two looks at a count that others bring down
    sys.exit("demo failed: it did not heal within 180 s")


def main() -> None:
    project = os.environ.get("KADALU_TEST_PROJECT", "kadalu_demo")
    prepare_environment()
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder) / "id_ed25519"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        names = " ".join([*NODES, CLIENT])
        with get_docker_services(
            compose_command(), str(HERE / "docker-compose.yml"), project,
            [f"up -d {names}"], ["down -v"],
        ):  # fmt: skip
            bed = Bed(project, key)
            for node in [*NODES, CLIENT]:
                bed.wait_ready(node)
            workspace = Workspace(Path(folder) / "laptop", bed)
            workspace.inventory([*NODES, CLIENT])
            story(bed, workspace)


if __name__ == "__main__":
    main()
