"""state …: a laptop that lost its state, replicas that disagree, a lock that is stuck."""

import json
import shutil
import signal
from pathlib import Path

import pytest

from tests.cluster.bed import CLIENT, SERVERS, Bed, Workspace, wait_until
from tests.cluster.test_spine import MEND, S3, create, hang_in_create, replicas

DOCUMENT = "/var/lib/kadalu/*/meta/document.json"
WORKERS = "pgrep -f '[z]lib.decompress' || true"


@pytest.fixture
def laptop(clean: Bed, tmp_path: Path) -> Workspace:
    clean.on_all(SERVERS, MEND)
    clean.wipe()
    made = Workspace(tmp_path / "one", clean)
    made.inventory([*SERVERS, CLIENT])
    made.ok("cluster", "init", "prod", f"--nodes={','.join(SERVERS[:4])}")
    return made


def state_dir(laptop: Workspace) -> Path:
    (found,) = (laptop.path / "state").glob("*/state.json")
    return found.parent


def places(laptop: Workspace, code: int) -> dict[str, str]:
    """What `state verify` says of each place; it must exit with `code`."""
    run = laptop.run("state", "verify", "--json")
    assert run.code == code, run.out + run.err
    return {row["place"]: row["state"] for row in run.json["places"]}


def test_a_laptop_that_lost_its_state_works_again(laptop: Workspace, clean: Bed) -> None:
    laptop.ok(*create("before"))
    shutil.rmtree(laptop.path / "state")
    assert "state recover --from NODE" in laptop.refused("volume", "list")
    laptop.ok("state", "recover", "--from", "server2")
    assert [v["name"] for v in laptop.json("volume", "list")["volumes"]] == ["before"]
    keys = (state_dir(laptop) / "known_hosts").read_text()
    assert all(clean.ips[server] in keys for server in S3)
    laptop.ok(*create("after", "/data2"), "--host-key-checking", "strict")
    for server in S3:
        assert len(clean.units(server)) == 4, "two units and their self-heal daemons"
    assert set(places(laptop, 0).values()) == {"ok"}


def test_damage_on_the_laptop_is_named_and_mended(laptop: Workspace) -> None:
    path = state_dir(laptop) / "state.json"
    path.write_text(path.read_text()[:200])
    told = laptop.refused("volume", "list", code=1)
    assert str(path) in told and "kadalu state recover --from NODE" in told
    assert places(laptop, 3)["laptop"] == "unreadable"
    assert "no meta server" in laptop.refused("state", "recover", "--from", "server4")
    laptop.ok("state", "recover", "--from", "server1")
    assert len(list(path.parent.glob("state.json.damaged-*"))) == 1
    assert set(places(laptop, 0).values()) == {"ok"}


def test_no_majority_no_recovery_unless_asked_for(laptop: Workspace, clean: Bed) -> None:
    before = replicas(clean)
    shutil.rmtree(laptop.path / "state")
    command = ("state", "recover", "--from", "server1", "--timeout", "2")
    clean.docker("pause", clean.container("server2"))
    clean.sh("server3", f"rm {DOCUMENT}")
    try:
        told = laptop.refused(*command)
        assert "server1: holds serial 1" in told and "server3: holds no document" in told
        assert "needs a confirmation" in laptop.refused(*command, "--accept-stale")
        assert not (laptop.path / "state" / "clusters.json").exists()
        laptop.ok(*command, "--accept-stale", "-y")
    finally:
        clean.docker("unpause", clean.container("server2"))
    laptop.ok("state", "push")
    assert replicas(clean) == before
    assert set(places(laptop, 0).values()) == {"ok"}


def test_a_stale_replica_is_seen_and_brought_up_to_date(laptop: Workspace, clean: Bed) -> None:
    clean.sh("server3", f"cp {DOCUMENT} /root/old.json")
    laptop.ok(*create("v"))
    clean.sh("server3", f"cp /root/old.json $(echo {DOCUMENT})")
    units = clean.on_all(S3, "systemctl show -p InvocationID 'kadalu-*'")
    assert places(laptop, 3) == {
        "laptop": "ok", "history": "ok", "server1": "ok", "server2": "ok", "server3": "older",
    }  # fmt: skip
    assert "serial 1 -> 2" in laptop.ok("state", "push", "--dry-run")
    assert places(laptop, 3)["server3"] == "older"
    laptop.ok("state", "push")
    documents = replicas(clean)
    assert documents[0] == documents[1] == documents[2]
    assert clean.on_all(S3, "systemctl show -p InvocationID 'kadalu-*'") == units
    assert set(places(laptop, 0).values()) == {"ok"}


def test_a_fork_is_seen_and_not_written_over(laptop: Workspace, clean: Bed) -> None:
    clean.sh("server3", f'sed -i \'s/"prod"/"fork"/\' {DOCUMENT}')
    assert places(laptop, 3)["server3"] == "fork"
    assert "server3: holds serial 1" in laptop.refused("state", "push")
    assert replicas(clean)[2]["name"] == "fork"


def test_secrets_do_not_show(laptop: Workspace) -> None:
    laptop.ok(*create("v"))
    document = json.loads((state_dir(laptop) / "state.json").read_text())
    password = document["volumes"][0]["password"]
    shown = [
        laptop.ok("state", "show"), laptop.ok("state", "show", "--json"),
        laptop.ok("state", "diff", "1"), laptop.ok("state", "diff", "1", "--json"),
        laptop.ok("state", "history", "--json"), laptop.ok("state", "push", "--dry-run", "-v"),
    ]  # fmt: skip
    assert password and not any(password in text for text in shown)
    assert "***" in shown[0] and "***" in shown[2]
    assert "there are: 1-1, 1-2" in laptop.refused("state", "diff", "7")


def test_a_stuck_lock_is_freed_and_nothing_else_is_touched(
    laptop: Workspace, clean: Bed, tmp_path: Path
) -> None:
    other = laptop.copy(tmp_path / "two")
    assert "Nobody holds" in other.ok("state", "unlock")
    process = hang_in_create(laptop, clean, "stuck")
    process.send_signal(signal.SIGSTOP)
    locks = clean.on_all(S3, "stat -c %i /run/kadalu/*/cluster.lock")
    bricks = clean.on_all(S3, "pgrep -x glusterfsd; pgrep -x sleep; true")
    told = other.refused("state", "unlock")
    assert "kadalu volume create stuck" in told and "server1, server2, server3" in told
    assert "would be ended" in other.ok("state", "unlock", "--dry-run")
    assert all(clean.on_all(S3, WORKERS).values())
    shown = other.ok("state", "unlock", "-y")
    assert "freed on server1, server2, server3" in shown
    assert not any(clean.on_all(S3, WORKERS).values()), "the sleeper's workers are gone"
    assert clean.on_all(S3, "stat -c %i /run/kadalu/*/cluster.lock") == locks
    assert clean.on_all(S3, "pgrep -x glusterfsd; pgrep -x sleep; true") == bricks
    clean.sh("server3", MEND)
    other.ok(*create("next"), "-y", "--lock-timeout", "5")
    process.send_signal(signal.SIGCONT)
    process.communicate(timeout=120)
    assert process.returncode in (1, 5, 6)
    status = other.json("volume", "status", "next")["volumes"][0]
    assert status["health"] == "Up"
    assert wait_until(lambda: not any(clean.on_all(S3, WORKERS).values()))
