"""Commands that were cut off, and what admins do about them."""

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster.bed import CLIENT, SERVERS, Bed, Workspace, wait_until
from tests.cluster.test_spine import HANG, create, replicas
from tests.cluster.test_spine import MEND as MEND_CREATE

S3 = SERVERS[:3]
HANG_STOP = """
printf '#!/bin/sh\ncase "$*" in *disable*) exec sleep 600;; esac\nexec /usr/bin/systemctl "$@"\n' \
    > /usr/local/sbin/systemctl
chmod 755 /usr/local/sbin/systemctl
"""
MEND = f"rm -f /usr/local/sbin/systemctl; {MEND_CREATE}"
WORKER = "pgrep -f '[z]lib.decompress'"


@pytest.fixture
def laptop(clean: Bed, tmp_path: Path) -> Iterator[Workspace]:
    clean.revive()
    clean.wipe()
    made = Workspace(tmp_path / "one", clean)
    made.inventory([*SERVERS, CLIENT])
    made.ok("cluster", "init", "prod", f"--nodes={','.join(S3)}")
    yield made
    clean.on_all(SERVERS, MEND)


def cut_off(laptop: Workspace, bed: Bed, until: Callable[[], bool], *words: str) -> None:
    """Start a command, and kill its controller once `until` holds."""
    process = laptop.spawn(*words)
    wait_until(until, why="the command is in the middle")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    bed.on_all(S3, MEND)
    wait_until(lambda: not any(bed.ok(s, WORKER) for s in S3), why="the workers notice, and end")


def cut_off_create(laptop: Workspace, bed: Bed, name: str) -> None:
    bed.sh("server3", HANG)
    cut_off(
        laptop, bed, lambda: bed.ok("server3", "pgrep -x sleep") and bool(bed.units("server1")),
        *create(name),
    )  # fmt: skip


def open_task(laptop: Workspace) -> dict[str, str]:
    found = [t for t in laptop.json("task", "list")["tasks"] if t["result"] == "unfinished"]
    assert len(found) == 1, found
    return dict(found[0])


def test_an_interrupted_create_is_shown_and_undone(laptop: Workspace, clean: Bed) -> None:
    cut_off_create(laptop, clean, "half")
    task = open_task(laptop)
    assert "volume create half" in task["command"]
    text = laptop.ok("task", "show", task["id"][:6])
    assert "done: make storage units" in text
    assert "entered: write volfiles, start services" in text
    assert "Settled by: undoing it" in text
    run = laptop.run("reconcile", "--check", "--json")
    assert run.code == 3 and run.json["task"] == task["id"]
    assert "was interrupted" in laptop.refused("task", "rollback", task["id"])
    laptop.ok("task", "rollback", task["id"][:8], "-y")
    for server in S3:
        assert clean.leftovers(server) == "", server
        assert not clean.ok(server, "ls /var/lib/kadalu/*/meta/intent.json")
    assert "no unfinished task" in laptop.refused("task", "resume", task["id"], "-y")
    results = [(t["operation"], t["result"]) for t in laptop.json("task", "list")["tasks"]]
    assert results[-1] == ("volume.create", "undone")
    assert laptop.run("reconcile", "--check").code == 0


def test_an_interrupted_create_is_finished_from_another_laptop(
    laptop: Workspace, clean: Bed, tmp_path: Path
) -> None:
    other = laptop.copy(tmp_path / "two")
    cut_off_create(laptop, clean, "rest")
    task = open_task(other)
    other.ok("task", "resume", task["id"], "-y")
    assert other.json("volume", "status", "rest")["volumes"][0]["health"] == "Up"
    assert other.run("reconcile", "--check").code == 0
    documents = replicas(clean)
    assert documents[0] == documents[1] == documents[2]
    assert "state pull" in laptop.refused("volume", "stop", "rest", "-y")
    laptop.ok("state", "pull")
    laptop.ok("volume", "stop", "rest", "-y")


def test_a_stop_can_only_be_finished(laptop: Workspace, clean: Bed) -> None:
    laptop.ok(*create("v"))
    clean.sh("server3", HANG_STOP)
    cut_off(
        laptop, clean,
        lambda: clean.ok("server3", "pgrep -x sleep") and not clean.units("server1"),
        "volume", "stop", "v", "-y",
    )  # fmt: skip
    task = open_task(laptop)
    assert "cannot be undone any more" in laptop.refused("task", "rollback", task["id"], "-y")
    told = laptop.refused("volume", "start", "v")
    assert "volume stop v" in told and "It will be finished first" in told
    laptop.ok("volume", "start", "v", "-y")
    status = laptop.json("volume", "status", "v")["volumes"][0]
    assert (status["state"], status["health"]) == ("Started", "Up")
    results = [t["result"] for t in laptop.json("task", "list")["tasks"]]
    assert results == ["done"] * len(results)


def test_the_same_command_again_finds_itself_done(laptop: Workspace, clean: Bed) -> None:
    laptop.ok(*create("v"))
    clean.sh("server3", HANG_STOP)
    cut_off(
        laptop, clean,
        lambda: clean.ok("server3", "pgrep -x sleep") and not clean.units("server1"),
        "volume", "stop", "v", "-y",
    )  # fmt: skip
    run = laptop.run("volume", "stop", "v", "-y")
    assert run.code == 0 and "is finished now" in run.out, run.out + run.err
    assert [clean.units(server) for server in S3] == [[], [], []]


@pytest.mark.parametrize("controller", ["goes on", "dies too"])
def test_a_node_that_dies_in_the_middle_blocks_nobody(
    laptop: Workspace, clean: Bed, controller: str
) -> None:
    """server3 goes away for good, as far as anybody knows, with its unit half made."""
    clean.sh("server3", HANG)
    process = laptop.spawn(*create("half"))
    wait_until(lambda: clean.ok("server3", "pgrep -x sleep") and bool(clean.units("server1")))
    clean.kill("server3")
    if controller == "dies too":
        process.send_signal(signal.SIGKILL)
        process.communicate()
        wait_until(lambda: not any(clean.ok(s, WORKER) for s in S3[:2]), why="the workers end")
    else:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 1 and "it was undone" in err, err
        assert "when server3 answers again" in err, err
    more = ("volume", "create", "next", "server1:/data2/next", "-y", "--timeout", "2")
    laptop.ok(*more)
    assert clean.leftovers("server2") == "", "half is undone where that was possible"
    assert "server3    Down" in laptop.run("cluster", "status", "--timeout", "2").out
    behind = laptop.run("node", "list", "--json").json["nodes"][2]["behind"]
    assert behind == ["removed /data1/half"]
    clean.start("server3")
    laptop.inventory([*SERVERS, CLIENT])
    clean.sh("server3", MEND)
    laptop.ok("reconcile")
    assert clean.leftovers("server3") == ""
    assert laptop.run("reconcile", "--check").code == 0
    laptop.ok(*create("half"))


def test_hosts_have_a_line_for_who_changed_them(laptop: Workspace, clean: Bed) -> None:
    laptop.ok(*create("seen"))
    for server in S3:
        lines = clean.sh(server, "journalctl -t kadalu -o cat --no-pager").splitlines()
        mine = [line for line in lines if "volume create seen " in line]
        assert [line.rsplit(" ", 1)[1] for line in mine] == ["begins", "done"], server
        assert "who='root@" in mine[0] and "task='" in mine[0]
    cut_off_create(laptop, clean, "lost")
    last = clean.sh("server1", "journalctl -t kadalu -o cat --no-pager").splitlines()[-1]
    assert "volume create lost" in last and last.endswith("connection lost")


def test_without_a_majority_only_by_force(laptop: Workspace, clean: Bed) -> None:
    for server in S3[1:]:
        clean.kill(server)
    words = ["volume", "create", "alone", "server1:/data1/alone", "--timeout", "2"]
    assert "only 1 of 3 meta servers answer" in laptop.refused(*words, code=6)
    assert "Change the state without a majority" in laptop.refused(*words, "--force-no-quorum")
    run = laptop.run(*words, "--force-no-quorum", "-y")
    assert run.code == 0, run.err
    for server in S3[1:]:
        clean.start(server)
    laptop.inventory([*SERVERS, CLIENT])
    assert [d["epoch"] for d in replicas(clean)] == [2, 1, 1]
    laptop.ok("cluster", "rename", "prod", "later")
    documents = replicas(clean)
    assert documents[0] == documents[1] == documents[2]
    assert documents[0]["epoch"] == 2


@pytest.fixture
def tiny(laptop: Workspace) -> Iterator[Path]:
    """The laptop's state is on a disk of its own, without room."""
    state = laptop.path / "state"
    kept = laptop.path / "kept"
    state.rename(kept)
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(state)], check=True)
    subprocess.run(["cp", "-a", f"{kept}/.", str(state)], check=True)
    yield state
    subprocess.run(["umount", "-l", str(state)], check=True)


def test_a_full_disk_on_the_laptop(laptop: Workspace, clean: Bed, tiny: Path) -> None:
    before = replicas(clean)
    ballast = tiny / "ballast"
    with pytest.raises(OSError, match="No space"):
        ballast.write_bytes(b"x" * 2**23)
    run = laptop.run(*create("v"))
    assert run.code == 1, run.out
    assert "No space left on device" in run.err and "nothing was touched" in run.err
    assert replicas(clean) == before
    assert all(clean.leftovers(server) == "" for server in S3)
    ballast.unlink()
    laptop.ok(*create("v"))
    assert json.loads(next(tiny.glob("*/state.json")).read_text())["volumes"][0]["name"] == "v"
