"""Writers on a client that make, append, rename and remove files and directories all the time."""

import json
import subprocess
from typing import Any

from tests.cluster.bed import CLIENT, Bed, wait_until

_PROGRAM = r"""
import hashlib, json, os, sys, time
home, report, uid, pause = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
os.umask(0)
if not os.path.isdir(home):
    os.mkdir(home)
    os.chown(home, uid, uid)
os.setgid(uid)
os.setuid(uid)
kept, folders, errors, count = {}, [], [], 0

def attempt(what, act, *words):
    try:
        return act(*words)
    except OSError as error:
        errors.append("%s %s: %s" % (what, words[0], error))

def write(path, data, mode):
    with open(path, mode) as file:
        file.write(data)

def read(path):
    with open(path, "rb") as file:
        return file.read()

def make(path):
    os.mkdir(path, 0o751)
    folders.append(path)

while not os.path.exists(report + ".stop"):
    folder = "%s/d%d" % (home, count // 12)
    if count % 12 == 0:
        attempt("mkdir", make, folder)
        folder_below = folder + "/below"
        attempt("mkdir", make, folder_below)
    path = "%s/f%d" % ((folder, folder + "/below")[count % 2], count)
    data = os.urandom(100 + count * 37 % 30000)
    attempt("write", write, path, data, "wb")
    if count % 3 == 0:
        attempt("append", write, path, b"more", "ab")
        data += b"more"
    if count % 5 == 0:
        attempt("rename", os.rename, path, path + "-new")
        path += "-new"
    if attempt("read", read, path) != data:
        errors.append("%s is not what was written" % path)
    if count % 7 == 0:
        attempt("unlink", os.unlink, path)
    else:
        kept[path] = hashlib.sha256(data).hexdigest()
    count += 1
    time.sleep(pause)
    with open(report + ".count", "w") as file:
        file.write(str(count))
for path, wanted in kept.items():
    if hashlib.sha256(attempt("read", read, path) or b"").hexdigest() != wanted:
        errors.append("%s is not what was written, at the end" % path)
for path in folders:
    seen = attempt("stat", os.stat, path)
    if seen and (seen.st_mode & 0o7777, seen.st_uid) != (0o751, uid):
        errors.append("%s has mode %o, owner %d" % (path, seen.st_mode & 0o7777, seen.st_uid))
    listed = attempt("list", os.listdir, os.path.dirname(path))
    if listed is not None and os.path.basename(path) not in listed:
        errors.append("%s is not listed" % path)
done = {"files": len(kept), "directories": len(folders), "rounds": count, "errors": errors}
with open(report, "w") as file:
    json.dump(done, file)
"""


class Load:
    """One writer in a directory of its own, `root` or an ordinary user."""

    def __init__(self, bed: Bed, home: str, uid: int = 0, pause: float = 0.0) -> None:
        self.bed = bed
        self.report = f"/tmp/load-{uid}-{home.replace('/', '-')}"
        bed.sh(CLIENT, f"rm -f {self.report}*; touch {self.report}.count; chmod 666 {self.report}*")
        bed.sh(CLIENT, f"touch {self.report}; chmod 666 {self.report}")
        argv = ["docker", "exec", bed.container(CLIENT), "python3", "-c", _PROGRAM]
        self.process = subprocess.Popen([*argv, home, self.report, str(uid), str(pause)])
        self.more(20)

    def rounds(self) -> int:
        return int(self.bed.sh(CLIENT, f"cat {self.report}.count").strip() or 0)

    def more(self, count: int) -> None:
        """Wait until it has gone on so far."""
        goal = self.rounds() + count
        wait_until(lambda: self.rounds() >= goal, why="the writer goes on")

    def stop(self) -> dict[str, Any]:
        """Let it check all it has written; {"files", "directories", "rounds", "errors"}."""
        self.bed.sh(CLIENT, f"touch {self.report}.stop")
        self.process.wait(timeout=1200)
        found: dict[str, Any] = json.loads(self.bed.sh(CLIENT, f"cat {self.report}"))
        return found


def two_writers(bed: Bed, mount: str, pause: float = 0.0) -> list[Load]:
    """Root, and a user; `pause`: seconds between two files."""
    bed.sh(CLIENT, f"chmod 755 {mount}")
    user = Load(bed, f"{mount}/of-user", uid=1234, pause=pause)
    return [Load(bed, f"{mount}/of-root", pause=pause), user]


def refute_errors(loads: list[Load]) -> int:
    """Stop them; returns how many directories they made. Fails where anything was wrong."""
    reports = [load.stop() for load in loads]
    errors = [error for report in reports for error in report["errors"]]
    assert errors == [], errors[:20]
    return sum(report["directories"] for report in reports)
