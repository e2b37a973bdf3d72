"""Day two: an option set on a volume in use, and a rebalance; by kadalu and by glusterd.

Both run on nodes of their own on this machine, one after the other, with the same clients.
"""

import asyncio
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median

from bench.counted import context, count
from bench.measure import Row, ms
from bench.peers import GLUSTERD, peered
from bench.recipe import write_recipe
from bench.target import THREE, Bench

CLIENTS = ("c1", "c2", "c3")
FILES = int(os.environ.get("KADALU_BENCH_FILES", "20000"))
_LOUD, _QUIET = "DEBUG", "INFO"
_CALM = 2.0
"""Seconds after which no process says anything of the old value any more."""
_BRICKS = 3
_MOST_PAIRS = 2
_KEYS = ("diagnostics.brick-log-level", "diagnostics.client-log-level")

# Says when every one of the logs has a line that only the new value makes.
_WATCH = """
import sys, time
files = [open(path, "rb") for path in sys.argv[1:]]
for file in files:
    file.seek(0, 2)
print("ready", flush=True)
while files:
    files = [file for file in files if b"] D [" not in file.read()]
    time.sleep(0.003)
print(time.time(), flush=True)
"""
# Something to say for every process.
_STIR = """
import os, time
while True:
    os.listdir({mount!r})
    time.sleep(0.02)
"""
_FILL = """
import os, sys
root, count = sys.argv[1], int(sys.argv[2])
small, block = (2 << 30) // 20000, os.urandom(1 << 20)
for number in range(count):
    depth = ("a%d", "b%d/c", "d%d/e/f")[number % 3] % (number // 3 % 40)
    folder = os.path.join(root, depth)
    if number < 120:
        os.makedirs(folder, exist_ok=True)
    # Most are small; one of twenty has ten times the mean.
    size = small * 10 if number % 20 == 0 else small // 2 + number % 1000
    with open("%s/f%d" % (folder, number), "wb") as file:
        for at in range(0, size, len(block)):
            file.write(block[: size - at])
"""


# --- an option ---


def set_rows(bench: Bench, folder: Path) -> Iterator[Row]:
    """3 × 3, three clients: until every brick and client runs the value, and until it returns."""
    _prepare_set(bench)
    recipe = _set_recipe(bench, folder)
    found: dict[str, list[tuple[float, float]]] = {"kadalu": [], "kept": [], "glusterd": []}
    floors = []
    for _ in range(bench.pairs):
        for who, pairs in found.items():
            pairs.append(_timed_set(bench, who))
        floors.append(bench.floor(recipe).wall)
    live = {name: median(pair[0] for pair in pairs) for name, pairs in found.items()}
    back = {name: median(pair[1] for pair in pairs) for name, pairs in found.items()}
    yield Row("floor of set: the same bytes by SSH", ms(median(floors)))
    yield Row(
        "`gluster volume set`, 3 × 3, 3 clients, until all run it", ms(live["glusterd"]),
        f"returns after {ms(back['glusterd'])}",
    )  # fmt: skip
    yield Row(
        "`kadalu volume set`, the same", ms(live["kadalu"]),
        f"{live['kadalu'] / live['glusterd']:.2f} × glusterd, "
        f"{live['kadalu'] / median(floors):.2f} × the floor; returns after {ms(back['kadalu'])}",
    )  # fmt: skip
    yield Row(
        "`kadalu --keep-connections 60 volume set`, the same, connections kept", ms(live["kept"]),
        f"{live['kept'] / live['glusterd']:.2f} × glusterd; returns after {ms(back['kept'])}",
        "1.0 × glusterd", live["kept"] <= live["glusterd"],
    )  # fmt: skip


def _prepare_set(bench: Bench) -> None:
    units = [f"{node}:/data1/set{n}" for n in range(3) for node in THREE]
    bench.laptop.ok("volume", "create", "set", "replica", "3", *units)
    for client in CLIENTS:
        bench.laptop.ok("mount", "set", f"{client}:/mnt/kadalu")
    peered(bench)
    theirs = " ".join(f"{node}:/data1/set{n}" for n in range(3) for node in GLUSTERD)
    gluster = "gluster --mode=script volume"
    bench.bed.sh("g1", f"{gluster} create set replica 3 {theirs}; {gluster} start set")
    for client in CLIENTS:
        bench.bed.sh(client, "mkdir -p /mnt/gluster; mount -t glusterfs g1:/set /mnt/gluster")


def _set_recipe(bench: Bench, folder: Path) -> Path:
    from kadalu_ssh.operations import volume_options

    words = [word for key in _KEYS for word in (key, _QUIET)]
    operation = partial(
        volume_options.set_options, context(bench.laptop.path), volume="set", words=words
    )
    counted = asyncio.run(count(bench.bed, [*THREE, *CLIENTS], operation))
    return write_recipe(folder / "set.json", bench.bed, counted)


def _timed_set(bench: Bench, who: str) -> tuple[float, float]:
    """(seconds until every process runs the new value, seconds until the command returned)."""
    _set(bench, who, _QUIET)
    time.sleep(_CALM)
    with _watched(bench, who) as watchers:
        begin = time.time()
        _set(bench, who, _LOUD)
        returned = time.time() - begin
        seen = [float(_line(watcher)) for watcher in watchers]
    return max(seen) - begin, returned


def _set(bench: Bench, who: str, value: str) -> None:
    pairs = [word for key in _KEYS for word in (key, value)]
    if who == "kadalu":
        bench.kadalu("volume", "set", "set", *pairs)
    elif who == "kept":
        bench.kadalu("--keep-connections", "60", "volume", "set", "set", *pairs)
    else:  # on g1 itself: no SSH is counted against it
        bench.bed.sh("g1", f"gluster --mode=script volume set set {' '.join(pairs)}")


@contextmanager
def _watched(bench: Bench, who: str) -> Iterator[list["subprocess.Popen[str]"]]:
    nodes = GLUSTERD if who == "glusterd" else THREE
    logs = {node: _logs(bench, node, who, "brick") for node in nodes}
    logs |= {client: _logs(bench, client, who, "mount") for client in CLIENTS}
    watchers = [_python(bench, node, _WATCH, *paths) for node, paths in logs.items()]
    stirring = [_python(bench, c, _STIR.format(mount=f"/mnt/{_dir(who)}")) for c in CLIENTS]
    try:
        for watcher in watchers:
            assert _line(watcher) == "ready"
        yield watchers
    finally:
        for client in CLIENTS:
            bench.bed.sh(client, "pkill -f '[o]s.listdir'", check=False)
        for process in (*watchers, *stirring):
            process.kill()
            process.wait()


def _dir(who: str) -> str:
    return "gluster" if who == "glusterd" else "kadalu"


def _logs(bench: Bench, node: str, who: str, kind: str) -> list[str]:
    """The log files of the volume's processes."""
    if who != "glusterd":
        used = f"grep -l 'set-server\\|/mnt/kadalu' /var/log/kadalu/*/{kind}-*.log"
    elif kind == "brick":
        used = "ls /var/log/glusterfs/bricks/data1-set*.log"
    else:
        used = "ls /var/log/glusterfs/mnt-gluster.log"
    found = bench.bed.sh(node, used).split()
    assert len(found) == (_BRICKS if kind == "brick" else 1), found
    return found


def _python(bench: Bench, node: str, program: str, *words: str) -> "subprocess.Popen[str]":
    argv = ["docker", "exec", bench.bed.container(node), "python3", "-c", program, *words]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline().strip()


# --- a rebalance ---


def rebalance_rows(bench: Bench) -> Iterator[Row]:
    """From one group to two: the same data, fresh volumes each time."""
    peered(bench)
    ways: dict[str, Callable[[Bench, str], None]] = {
        "glusterd": _grow_glusterd, "kadalu": _grow_kadalu,
    }  # fmt: skip
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    moved: dict[str, tuple[int, int]] = {}
    for number in range(min(bench.pairs, _MOST_PAIRS)):
        for name, grow in ways.items():
            volume = f"reb{number}"
            _make(bench, name, volume)
            took[name].append(_busy(partial(grow, bench, volume)))
            moved[name] = _moved(bench, name, volume)
            _drop(bench, name, volume)
    theirs = median(wall for wall, _ in took["glusterd"])
    for name, pairs in took.items():
        wall, cpu = median(p[0] for p in pairs), median(p[1] for p in pairs)
        files, size = moved[name]
        yield Row(
            f"rebalance of {FILES} files, {FILES / 10000:.1f} GiB, 1 → 2 groups: {name}",
            f"{wall:.1f} s",
            f"{wall / theirs:.2f} × glusterd; {FILES / wall:.0f} files/s looked at, "
            f"{files} moved, {size / wall / 1e6:.1f} MB/s; CPU of the machine {cpu:.0f} s",
            "1.0 × glusterd" if name == "kadalu" else "",
            wall <= theirs if name == "kadalu" else None,
        )  # fmt: skip


def _make(bench: Bench, who: str, volume: str) -> None:
    """A volume of one unit, full."""
    mount = f"/mnt/{volume}"
    if who == "kadalu":
        bench.laptop.ok("volume", "create", volume, f"server1:/data1/{volume}")
        bench.laptop.ok("mount", volume, f"c1:{mount}")
    else:
        gluster = "gluster --mode=script volume"
        bench.bed.sh(
            "g1", f"{gluster} create {volume} g1:/data1/{volume}; {gluster} start {volume}"
        )
        bench.bed.sh("c1", f"mkdir -p {mount}; mount -t glusterfs g1:/{volume} {mount}")
    program = bench.laptop.path / "fill.py"
    program.write_text(_FILL)
    bench.bed.docker("cp", str(program), f"{bench.bed.container('c1')}:/root/fill.py")
    bench.bed.sh("c1", f"python3 /root/fill.py {mount} {FILES}; sync")


def _grow_kadalu(bench: Bench, volume: str) -> None:
    bench.laptop.ok("volume", "expand", volume, f"server2:/data1/{volume}", "--no-fix-layout")
    bench.laptop.ok("rebalance", "start", volume)
    bench.laptop.ok("rebalance", "status", volume, "--watch")


_GROW = """
gluster --mode=script volume add-brick {volume} g2:/data1/{volume} >&2
gluster --mode=script volume rebalance {volume} start >&2
until gluster volume rebalance {volume} status | grep -q 'localhost.* completed'; do sleep 0.3; done
until ! gluster volume rebalance {volume} status | grep -q 'in progress'; do sleep 0.3; done
"""


def _grow_glusterd(bench: Bench, volume: str) -> None:
    bench.bed.sh("g1", _GROW.format(volume=volume))


def _moved(bench: Bench, who: str, volume: str) -> tuple[int, int]:
    """(files, bytes) on the second unit, as its file system says."""
    node = "server2" if who == "kadalu" else "g2"
    look = f"find /data1/{volume} -path '*/.glusterfs' -prune -o -type f -size +0 -printf '%s\\n'"
    sizes = [int(line) for line in bench.bed.sh(node, look).split()]
    return len(sizes), sum(sizes)


def _drop(bench: Bench, who: str, volume: str) -> None:
    bench.bed.sh("c1", f"umount -l /mnt/{volume}", check=False)
    if who == "kadalu":
        bench.laptop.run("umount", f"c1:/mnt/{volume}")
        bench.laptop.ok("volume", "stop", volume, "-y")
        bench.laptop.ok("volume", "delete", volume, "--wipe", "-y")
        return
    gluster = "gluster --mode=script volume"
    bench.bed.sh("g1", f"{gluster} stop {volume} force; {gluster} delete {volume}")
    for node in ("g1", "g2"):
        bench.bed.sh(node, f"rm -rf /data1/{volume}")


def _busy(act: Callable[[], None]) -> tuple[float, float]:
    """(seconds, CPU seconds of the whole machine, on which nothing else is at work)."""
    before, begin = _jiffies(), time.monotonic()
    act()
    return time.monotonic() - begin, (_jiffies() - before) / os.sysconf("SC_CLK_TCK")


def _jiffies() -> int:
    fields = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(fields) - fields[3] - fields[4]  # idle, and waiting for a disk
