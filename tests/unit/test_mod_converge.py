"""converge on a directory tree of its own and a systemd of its own."""

import hashlib
import json
import os
import shutil
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.unit.node_modules import CLUSTER, NODE, FakeContext, FakeSystemd, Json, fence, load

VOLUME = "volume:11111111-0000-4000-8000-000000000001"
OTHER = "volume:22222222-0000-4000-8000-000000000001"
BRICK, SHD = "kadalu-brick-1.service", "kadalu-shd-1.service"


class Host:
    """One host: its files, its systemd, and calls of converge on it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.modules: Any = load(root)
        self.systemd = FakeSystemd()
        self.contents: dict[str, str] = {}
        self.serial = 0
        self.home = root / "lib" / CLUSTER
        claim = {"op": "claim", "cluster_id": CLUSTER, "node_id": NODE, "name": "n1"}
        self.modules["identity"].run(claim, FakeContext())

    def file(self, name: str, text: str, owner: str = VOLUME, **more: Any) -> Json:
        path, sha = str(self.root / name), hashlib.sha256(text.encode()).hexdigest()
        self.contents[sha] = text
        return {
            "kind": "file", "id": f"file:{path}", "owner": owner, "path": path, "mode": 0o600,
            "sha256": sha, "size": len(text), "secret": False, "systemd": False, **more,
        }  # fmt: skip

    def dir(self, name: str, owner: str = VOLUME, mode: int = 0o700) -> Json:
        path = str(self.root / name)
        return {"kind": "dir", "id": f"dir:{path}", "owner": owner, "path": path, "mode": mode}

    def service(self, name: str = BRICK, owner: str = VOLUME, **more: Any) -> Json:
        return {
            "kind": "service", "id": f"service:{name}", "owner": owner, "name": name,
            "enabled": True, "running": True, "requires": [], "files": [], "critical": True, **more,
        }  # fmt: skip

    def unit(self, name: str = "b1", **more: Any) -> Json:
        """A unit item, with its directory marked as init_unit would."""
        path = self.root / name
        (path / ".glusterfs").mkdir(parents=True, exist_ok=True)
        number = uuid.uuid5(uuid.NAMESPACE_OID, name)
        volume = VOLUME.partition(":")[2]
        marks = self.modules["marks"]
        os.setxattr(path, marks.VOLUME_ID, uuid.UUID(volume).bytes)
        record = {"cluster": CLUSTER, "unit": str(number), "volume": volume}
        os.setxattr(marks.keeper(path), marks.RECORD, json.dumps(record).encode())
        return {
            "kind": "unit", "id": f"unit:{number}", "owner": VOLUME, "path": str(path),
            "unit_id": str(number), "volume_id": volume, "fs_uuid": "", "group": 0, "position": 0,
            "live": True, **more,
        }  # fmt: skip

    def converge(self, *items: Json, node: str = NODE, **params: Any) -> Json:
        self.serial += not params.get("check", False)
        manifest = {
            "cluster_id": CLUSTER, "node_id": node, "epoch": 1, "serial": self.serial,
            "items": list(items),
        }  # fmt: skip
        # Through JSON, as over the wire: in the ledger, nothing may be shared with the caller.
        sent = json.loads(json.dumps({
            "manifest": manifest, "owners": None, "fence": fence(self.serial), "contents": {},
            **params,
        }))  # fmt: skip
        context = FakeContext(self.systemd)
        try:
            return self._call(sent, context)
        finally:
            self.release(context)

    def _call(self, sent: Json, context: FakeContext) -> Json:
        run = self.modules["converge"].run
        answer = run(sent, context)
        if "need" in answer:
            sent["contents"] = {sha: self.contents[sha] for sha in answer["need"]}
            answer = run(sent, context)
        return answer  # type: ignore[no-any-return]

    def release(self, context: FakeContext) -> None:
        """The worker ends: its locks go with it."""
        for handle in context.state.get("locks", {}).values():
            os.close(handle)

    def tree(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.root)): path.read_bytes() if path.is_file() else b""
            for path in sorted(self.root.rglob("*"))
        }


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def statuses(answer: Json) -> dict[str, str]:
    return {item["id"].rpartition("/")[2]: item["status"] for item in answer["items"]}


def reasons(answer: Json) -> str:
    return "\n".join(item.get("reason", "") for item in answer["items"])


def test_makes_what_is_wanted_and_a_second_run_changes_nothing(host: Host) -> None:
    unit, volfile = host.unit(), host.file("v.vol", "volume\n")
    items = [host.dir("d"), unit, volfile, host.service(requires=[unit["id"]])]
    first = host.converge(*items)
    assert set(statuses(first).values()) == {"ok", "changed"}
    assert (host.root / "v.vol").read_text() == "volume\n"
    assert (host.root / "v.vol").stat().st_mode & 0o777 == 0o600
    assert host.systemd.running() == host.systemd.enabled() == {BRICK}
    before, calls = host.tree(), len(host.systemd.calls)
    second = host.converge(*items)
    assert set(statuses(second).values()) == {"ok"}
    assert first["converged"] and second["applied"] == first["applied"]
    after = host.tree()
    assert len(host.systemd.calls) == calls
    assert {n for n in after if before.get(n) != after[n]} == {f"lib/{CLUSTER}/fence.json"}


def test_applied_is_the_digest_of_the_manifests_items(host: Host) -> None:
    items = [host.file("b", "2"), host.file("a", "1"), host.dir("d")]
    ordered = sorted(items, key=lambda item: item["id"])
    text = json.dumps(ordered, sort_keys=True, separators=(",", ":"))
    assert host.converge(*items)["applied"] == hashlib.sha256(text.encode()).hexdigest()


def test_services_start_with_one_call(host: Host) -> None:
    names = [f"kadalu-brick-{number}.service" for number in range(9)]
    host.converge(*[host.service(name) for name in names])
    assert host.systemd.calls == [["enable", "--now", *names]]


def test_check_mode_writes_nothing_and_takes_no_lock(host: Host) -> None:
    before = host.tree()
    answer = host.converge(host.dir("d"), host.file("f", "x\n"), host.service(), check=True)
    assert set(statuses(answer).values()) == {"would_change"}
    assert "+x" in answer["items"][1]["diff"]
    assert host.tree() == before
    assert host.systemd.calls == []
    assert not answer["converged"]


def test_check_mode_of_a_removal_writes_nothing(host: Host) -> None:
    host.converge(host.dir("d"), host.file("d/f", "x"), host.service())
    before = host.tree()
    answer = host.converge(check=True, may_stop=[BRICK])
    assert set(statuses(answer).values()) == {"would_remove"}
    assert host.tree() == before
    assert host.systemd.running() == {BRICK}


def test_contents_are_asked_for_before_anything_changes(host: Host) -> None:
    before = host.tree()
    item = host.file("f", "x")
    host.contents.clear()
    with pytest.raises(KeyError, match=item["sha256"]):
        host.converge(item)
    assert set(host.tree()) - set(before) <= {
        f"lib/{CLUSTER}/fence.json", f"run/{CLUSTER}/node.lock"
    }  # fmt: skip


def test_refuses_a_manifest_meant_for_another_node(host: Host) -> None:
    with pytest.raises(Exception, match="this host is n1"):
        host.converge(host.file("f", "x"), node="bbbbbbbb-0000-4000-8000-000000000001")
    assert not (host.root / "f").exists()


def test_refuses_a_host_that_was_not_claimed(host: Host) -> None:
    (host.home / "identity.json").unlink()
    with pytest.raises(Exception, match="does not belong to cluster"):
        host.converge(host.file("f", "x"))


def test_refuses_work_that_is_older_than_what_it_has_seen(host: Host) -> None:
    host.converge(host.file("f", "new"))
    host.serial = -1
    with pytest.raises(Exception, match="newer work") as caught:
        host.converge(host.file("f", "old"))
    assert caught.value.kind == "fenced"  # type: ignore[attr-defined]
    assert (host.root / "f").read_text() == "new"


def test_refuses_while_another_worker_changes_things(host: Host) -> None:
    other = FakeContext()
    host.modules["fence"].enter(other, fence(0))
    with pytest.raises(Exception, match="another command") as caught:
        host.converge(host.file("f", "x"))
    assert caught.value.kind == "locked"  # type: ignore[attr-defined]
    host.release(other)
    assert host.converge(host.file("f", "x"))["converged"]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path, marks: os.removexattr(path, marks.VOLUME_ID), "carries no volume id"),
        (lambda path, marks: os.setxattr(path, marks.VOLUME_ID, bytes(16)), "another volume"),
        (
            lambda path, marks: os.removexattr(marks.keeper(path), marks.RECORD),
            "no record of kadalu",
        ),
        (lambda path, marks: shutil.rmtree(path), "does not exist"),
        (lambda path, marks: (shutil.rmtree(path), path.symlink_to("/")), "symbolic link"),
    ],
)
def test_a_unit_that_is_not_the_one_that_is_meant_is_not_started(
    host: Host, spoil: Any, reason: str
) -> None:
    good, bad = host.unit("b1"), host.unit("b2")
    spoil(Path(bad["path"]), host.modules["marks"])
    before = host.tree()
    answer = host.converge(
        good, bad, host.service(requires=[good["id"]]), host.service(SHD, requires=[bad["id"]])
    )
    assert statuses(answer) == {
        good["id"]: "ok", bad["id"]: "blocked", f"service:{BRICK}": "changed",
        f"service:{SHD}": "blocked",
    }  # fmt: skip
    assert reason in reasons(answer)
    assert host.systemd.running() == host.systemd.enabled() == {BRICK}
    assert [n for n in host.tree() if n.startswith("b2")] == [n for n in before if n[:2] == "b2"]


def test_a_unit_on_another_file_system_is_blocked(host: Host) -> None:
    unit = host.unit(fs_uuid="99999999-9999-4999-8999-999999999999")
    answer = host.converge(unit, host.service(requires=[unit["id"]]))
    assert "is on file system" in reasons(answer)
    assert not host.systemd.running()


def test_a_unit_of_another_cluster_is_blocked(host: Host) -> None:
    unit = host.unit()
    record = {"cluster": "another", "unit": unit["unit_id"]}
    marks = host.modules["marks"]
    os.setxattr(marks.keeper(unit["path"]), marks.RECORD, json.dumps(record).encode())
    assert "belongs to cluster another" in reasons(host.converge(unit))


def test_a_running_brick_is_never_restarted_by_itself(host: Host) -> None:
    path = str(host.root / "v.vol")
    service = host.service(files=[path])
    host.converge(host.file("v.vol", "old"), service)
    calls = len(host.systemd.calls)
    check = host.converge(host.file("v.vol", "new"), service, check=True)
    changed = host.converge(host.file("v.vol", "new"), service)
    again = host.converge(host.file("v.vol", "new"), service)
    assert check["restart_needed"] == changed["restart_needed"] == [BRICK]
    assert again["restart_needed"] == [BRICK]
    assert set(statuses(again).values()) == {"ok"}
    assert len(host.systemd.calls) == calls


def test_a_restart_that_was_asked_for_settles_what_was_needed(host: Host) -> None:
    service = host.service(files=[str(host.root / "v.vol")])
    host.converge(host.file("v.vol", "old"), service)
    host.converge(host.file("v.vol", "new"), service)
    answer = host.converge(host.file("v.vol", "new"), service, may_restart=[BRICK])
    assert host.systemd.calls[-1] == ["restart", BRICK]
    assert answer["restart_needed"] == []


def test_a_restart_by_somebody_else_settles_it_too(host: Host) -> None:
    service = host.service(files=[str(host.root / "v.vol")])
    host.converge(host.file("v.vol", "old"), service)
    host.converge(host.file("v.vol", "new"), service)
    host.systemd.run(["systemctl", "restart", "--", BRICK])
    assert host.converge(host.file("v.vol", "new"), service)["restart_needed"] == []


def test_an_uncritical_service_is_restarted_when_its_files_change(host: Host) -> None:
    service = host.service("kadalu-x.service", critical=False, files=[str(host.root / "f")])
    host.converge(host.file("f", "old"), service)
    answer = host.converge(host.file("f", "new"), service)
    assert host.systemd.calls[-1] == ["restart", "kadalu-x.service"]
    assert answer["restart_needed"] == []


def test_a_running_brick_is_stopped_only_when_that_is_asked_for(host: Host) -> None:
    host.converge(host.service())
    stopped = host.service(running=False, enabled=False)
    assert host.converge(stopped)["blocked"] == [f"service:{BRICK}"]
    assert host.systemd.running() == {BRICK}
    assert statuses(host.converge(stopped, may_stop=[BRICK])) == {f"service:{BRICK}": "changed"}
    assert not host.systemd.running()
    assert not host.systemd.enabled()


def test_a_service_that_does_not_start_says_why_and_stops_no_other(host: Host) -> None:
    log = host.root / "b.log"
    log.write_text("[2026-01-01 00:00:00] E [MSGID: 1] [a.c:1:f] 0-old: an old error\n")
    host.systemd.broken.add(BRICK)
    start = host.systemd._start

    def start_and_log(name: str, unit: dict[str, str], again: bool) -> None:
        start(name, unit, again)
        if name != BRICK:
            return
        with log.open("a") as file:
            file.write("[2026-01-01 00:00:01] I [a.c:1:f] 0-gv-posix: never mind\n")
            file.write("[2026-01-01 00:00:02] E [MSGID: 7] [p.c:1:f] 0-gv-posix: no such id\n")

    host.systemd._start = start_and_log  # type: ignore[method-assign]
    answer = host.converge(host.service(log=str(log)), host.service(SHD, owner=OTHER))
    assert statuses(answer) == {f"service:{BRICK}": "failed", f"service:{SHD}": "changed"}
    assert reasons(answer).strip() == "did not start: exit status 1: gv-posix: no such id"
    assert not answer["converged"]
    host.systemd.broken.clear()
    assert host.converge(host.service(log=str(log)), host.service(SHD, owner=OTHER))["converged"]
    assert ["reset-failed", BRICK] in host.systemd.calls


def test_a_failure_stays_with_what_needs_it(host: Host) -> None:
    (host.root / "not-a-dir").write_text("")
    broken = host.file("not-a-dir/f", "x")
    answer = host.converge(
        broken, host.service(files=[broken["path"]]), host.file("g", "y", owner=OTHER),
        host.service(SHD, owner=OTHER),
    )  # fmt: skip
    assert statuses(answer) == {
        "f": "failed", f"service:{BRICK}": "blocked", "g": "changed", f"service:{SHD}": "changed"
    }  # fmt: skip
    assert host.systemd.running() == {SHD}


def test_removes_what_it_made_and_only_that(host: Host) -> None:
    (host.root / "theirs").mkdir()
    items = [host.dir("d"), host.dir("theirs"), host.dir("full"), host.file("d/f", "x")]
    host.converge(*items)
    (host.root / "full" / "data").write_text("precious")
    (host.root / "bystander").write_text("")
    answer = host.converge()
    assert statuses(answer) == {"d": "removed", "f": "removed", "full": "skipped"}
    assert not (host.root / "d").exists()
    assert (host.root / "theirs").is_dir()
    assert (host.root / "full" / "data").read_text() == "precious"
    assert (host.root / "bystander").exists()
    assert statuses(host.converge()) == {"full": "skipped"}
    (host.root / "full" / "data").unlink()
    assert statuses(host.converge()) == {"full": "removed"}
    assert host.converge() == {
        "items": [], "applied": hashlib.sha256(b"[]").hexdigest(), "converged": True,
        "restart_needed": [], "blocked": [],
    }  # fmt: skip


def test_what_was_meant_before_a_crash_is_still_ours(host: Host) -> None:
    host.converge(host.dir("d"), host.file("d/f", "x"))
    # The crash: everything was done, but applied.json was not written.
    (host.home / "applied.json").unlink()
    assert set(statuses(host.converge()).values()) == {"removed"}
    assert not (host.root / "d").exists()


def test_intended_is_durable_before_the_first_change(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device", "intended.json")

    monkeypatch.setattr(host.modules["ledger"], "write_json", full)
    with pytest.raises(OSError, match="No space left"):
        host.converge(host.file("f", "x"), host.service())
    assert not (host.root / "f").exists()
    assert host.systemd.calls == []


def test_a_full_disk_at_the_end_does_not_hide_what_was_done(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(book: object) -> None:
        raise OSError(28, "No space left on device", "applied.json")

    monkeypatch.setattr(host.modules["ledger"].Ledger, "save", full)
    answer = host.converge(host.file("f", "x"))
    assert statuses(answer) == {"f": "changed", "ledger": "failed"}
    assert "No space left on device: applied.json" in reasons(answer)


def test_a_service_that_goes_is_stopped_and_its_files_removed(host: Host) -> None:
    volfile = host.file("v.vol", "x")
    host.converge(volfile, host.service(files=[volfile["path"]]))
    kept = host.converge()
    assert statuses(kept) == {f"service:{BRICK}": "blocked", "v.vol": "skipped"}
    assert (host.root / "v.vol").exists()
    host.systemd.stubborn.add(BRICK)
    assert statuses(host.converge(may_stop=[BRICK]))["v.vol"] == "skipped"
    host.systemd.stubborn.clear()
    gone = host.converge(may_stop=[BRICK])
    assert set(statuses(gone).values()) == {"removed"}
    assert not (host.root / "v.vol").exists()
    assert host.systemd.calls[-1] == ["disable", "--now", BRICK]


def test_a_live_unit_does_not_vanish_without_a_tombstone(host: Host) -> None:
    unit, volfile = host.unit(), host.file("v.vol", "x")
    host.converge(unit, volfile)
    with pytest.raises(Exception, match=r"drops .*b1, which was not given up") as caught:
        host.converge(volfile)
    assert caught.value.kind == "refused"  # type: ignore[attr-defined]
    with pytest.raises(Exception, match="not given up"):
        host.converge(tombstones=[OTHER])
    assert (host.root / "v.vol").exists()
    assert statuses(host.converge(tombstones=[VOLUME]))[unit["id"]] == "removed"
    assert os.getxattr(unit["path"], host.modules["marks"].VOLUME_ID)


def test_other_owners_are_neither_touched_nor_forgotten(host: Host) -> None:
    mine, theirs = host.file("mine", "1"), host.file("theirs", "1", owner=OTHER)
    host.converge(mine, theirs, host.service(SHD, owner=OTHER))
    # A manifest where the other owner has changed, and lost a service.
    changed = host.file("theirs", "2", owner=OTHER)
    answer = host.converge(host.file("mine", "2"), changed, owners=[VOLUME])
    assert statuses(answer) == {"mine": "changed"}
    assert (host.root / "theirs").read_text() == "1"
    assert host.systemd.running() == {SHD}
    assert not answer["converged"]
    later = host.converge(host.file("mine", "2"), changed, may_stop=[SHD])
    assert statuses(later) == {"mine": "ok", "theirs": "changed", f"service:{SHD}": "removed"}
    assert later["converged"]


def test_drift_is_repaired(host: Host) -> None:
    items = [host.file("f", "x"), host.dir("d"), host.service()]
    host.converge(*items)
    (host.root / "f").write_text("edited")
    (host.root / "d").chmod(0o755)
    host.systemd.run(["systemctl", "stop", "--", BRICK])
    answer = host.converge(*items)
    assert [item["change"] for item in answer["items"]] == ["update", "mode 0755 → 0700", "start"]
    assert host.converge(*items)["applied"] == answer["applied"]


def test_a_file_of_somebody_else_is_not_overwritten(host: Host) -> None:
    (host.root / "mnt-x.mount").write_text("[Mount] by the admin\n")
    assert reasons(host.converge(host.file("mnt-x.mount", "ours"))).endswith("is not ours")
    assert (host.root / "mnt-x.mount").read_text() == "[Mount] by the admin\n"


def test_systemd_reloads_once_after_unit_files_changed(host: Host) -> None:
    units = [host.file(f"{n}.service", "x", systemd=True) for n in range(3)]
    host.converge(*units)
    assert host.systemd.calls == [["daemon-reload"]]
    host.converge(*units)
    host.converge()
    assert host.systemd.calls == [["daemon-reload"], ["daemon-reload"]]


def test_enabling_reloads_by_itself(host: Host) -> None:
    host.converge(host.file("a.service", "x", systemd=True), host.service())
    assert host.systemd.calls == [["enable", "--now", BRICK]]


def mount(host: Host, boot_id: str, **more: Any) -> list[Json]:
    unit = host.file("mnt-x.mount", "[Mount]", owner="client:1", systemd=True)
    item = {
        "kind": "mount", "id": "mount:/mnt/x", "owner": "client:1", "path": "/mnt/x",
        "unit_name": "mnt-x.mount", "persist": False, "boot_id": boot_id, "files": [unit["path"]],
        **more,
    }  # fmt: skip
    return [unit, item]


def this_boot() -> str:
    kernel = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{kernel}.{Path('/proc/1/stat').read_text().rpartition(')')[2].split()[19]}"


def test_a_mount_is_started_and_later_unmounted(host: Host) -> None:
    host.converge(*mount(host, this_boot()))
    assert host.systemd.calls == [["daemon-reload"], ["start", "mnt-x.mount"]]
    answer = host.converge()
    assert [item["change"] for item in answer["items"]] == ["unmount", "remove"]
    assert not host.systemd.running()


def test_a_mount_to_keep_is_enabled(host: Host) -> None:
    host.converge(*mount(host, "", persist=True))
    assert host.systemd.enabled() == host.systemd.running() == {"mnt-x.mount"}


def test_a_mount_of_another_boot_is_forgotten(host: Host) -> None:
    answer = host.converge(*mount(host, "an earlier boot"))
    assert set(statuses(answer).values()) == {"forgotten"}
    assert not (host.root / "mnt-x.mount").exists()
    assert not host.systemd.calls


def test_a_rehearsal_of_a_create_sees_units_that_are_not_made_yet(host: Host) -> None:
    unit = dict(host.unit("b1"), path=str(host.root / "new"))
    answer = host.converge(unit, host.service(requires=[unit["id"]]), check=True)
    assert statuses(answer) == {unit["id"]: "skipped", f"service:{BRICK}": "would_change"}


def test_diffs_show_no_secret(host: Host) -> None:
    old = "  option auth.login.u.password first-secret\n  option x user-typed\n"
    new = "  option auth.login.u.password second-secret\n  option x user-typed-2\n"
    host.converge(host.file("v", old, secret=True))
    answer = host.converge(host.file("v", new, secret=True), check=True, secrets=["user-typed-2"])
    diff = answer["items"][0]["diff"]
    assert "first-secret" not in diff
    assert "second-secret" not in diff
    assert "user-typed-2" not in diff
    assert "-  option auth.login.u.password ***" in diff
    assert len({line for line in diff.splitlines() if "***" in line}) == 3
