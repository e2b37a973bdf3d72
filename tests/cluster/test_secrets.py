"""A canary: no credential shows up anywhere it has no business, on laptop or nodes."""

import json
from pathlib import Path

import pytest

from tests.cluster.bed import CLIENT, SERVERS, Bed, Workspace

S3 = SERVERS[:3]
SUDO = "ops-password"
WATCH = """
rm -f /root/argv /root/watch-stop
(while [ ! -e /root/watch-stop ]; do cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null |
    tr '\\0' '\\n' >> /root/argv; sleep 0.1; done) >/dev/null 2>&1 &
"""
PLACES = "/var/lib/kadalu /etc/systemd/system /run/systemd/system /run/kadalu /tmp /root /home"


@pytest.fixture(scope="module")
def ops(clean: Bed, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A laptop that comes in as a user with a sudo password, with everything it ever said."""
    made = Workspace(tmp_path_factory.mktemp("ws") / "laptop", clean)
    made.inventory([*SERVERS, CLIENT], {"ansible_user": "ops", "ansible_become_password": SUDO})
    return made


def volume_passwords(workspace: Workspace) -> set[str]:
    """Of every document in the history: a volume that is gone had one, too."""
    texts = [p.read_text() for p in (workspace.path / "state").glob("*/history/*.json")]
    return {volume["password"] for text in texts for volume in json.loads(text)["volumes"]}


def test_no_secret_shows_anywhere(ops: Workspace, clean: Bed) -> None:
    clean.on_all(S3, WATCH)
    units = [f"{s}:/data1/v" for s in S3]
    said = []
    for words in (
        ["cluster", "init", "prod", f"--nodes={','.join(S3)}", "-v"],
        ["volume", "create", "v", "replica", "3", *units, "--dry-run", "-v"],
        ["volume", "create", "v", "replica", "3", *units, "-v"],
        ["volume", "create", "v", "replica", "3", *units],
        ["mount", "v", f"{CLIENT}:/mnt/v", "-v"],
        ["volume", "info", "v"],
        ["volume", "status", "v", "--detail"],
        ["state", "show"],
        ["state", "diff", "1"],
        ["reconcile", "--check"],
        ["node", "check", "server1"],
        ["task", "list"],
        ["umount", f"{CLIENT}:/mnt/v", "-v"],
        ["doctor"],
    ):
        for more in ([], ["--json"]) if words[0] not in ("mount", "umount") else ([],):
            run = ops.run(*words, *more)
            said.append(f"{words}\n{run.out}{run.err}")
    broken = "for f in /var/lib/kadalu/*/volfiles/brick-*; do echo '# x' >> $f; done"
    clean.sh("server1", broken)
    said += [(run := ops.run("reconcile", "--dry-run", "-v")).out + run.err]
    said += [(run := ops.run("reconcile", "-v")).out + run.err]
    clean.on_all(S3, "touch /root/watch-stop")
    secrets = {SUDO, *volume_passwords(ops)}
    assert len(secrets) >= 2
    for secret in secrets:
        assert [text for text in said if secret in text] == []
        check_laptop(ops, secret)
        check_nodes(clean, secret)
    assert any("***" in text for text in said), "secrets are masked, not left out"


def check_laptop(workspace: Workspace, secret: str) -> None:
    """Of the laptop's files, only the inventory has logins, only the state volume passwords."""
    for path in workspace.path.rglob("*"):
        if not path.is_file() or secret not in path.read_text(errors="replace"):
            continue
        private = path.stat().st_mode & 0o077 == 0
        known = path.name == "inventory.yml" if secret == SUDO else in_state(path)
        assert known and private, path


def in_state(path: Path) -> bool:
    return path.name == "state.json" or path.parent.name == "history"


def check_nodes(bed: Bed, secret: str) -> None:
    """Journal, arguments and environments of all processes, and every file."""
    for node in (*S3, CLIENT):
        assert not bed.ok(node, f"journalctl --no-pager | grep -q -e {secret}"), node
        assert not bed.ok(node, f"grep -aq -e {secret} /root/argv"), f"{node}: an argument"
        found = bed.sh(
            node,
            f"grep -rIl --exclude=provision.sh -e {secret} {PLACES} /var/log 2>/dev/null",
            False,
        ).split()
        wrong = [path for path in found if secret == SUDO or not may_hold(bed, node, path)]
        assert wrong == [], f"{node}: {wrong}"


def may_hold(bed: Bed, node: str, path: str) -> bool:
    """Volume passwords are in volfiles and the state, and GlusterFS logs the graphs it loads."""
    private = bed.sh(node, f"stat -c %a {path}").strip() == "600"
    return private and path.startswith(("/var/lib/kadalu/", "/var/log/kadalu/", "/var/log/gluster"))
