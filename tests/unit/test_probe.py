"""Facts → what stands against a host: one clear line each."""

import time
from typing import Any

import pytest

from kadalu_ssh.operations.probe import capabilities, obstacles

GOOD: dict[str, Any] = {
    "python": "3.11.2", "systemd": "252", "glusterfs": "10.3", "glusterd_running": False,
    "xlators": ["cluster/replicate", "protocol/server", "storage/posix"],
    "writable": {"/run": None},
    "glusterfsd": None, "glusterfs_client": None, "glfsheal": "/usr/lib/glfsheal",
}  # fmt: skip


def lines(**changes: Any) -> list[str]:
    return list(obstacles({"time": time.time(), **GOOD, **changes}))


def test_a_good_host_has_none() -> None:
    assert lines() == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"python": "3.5.3"}, "Python 3.5.3 is too old"),
        ({"systemd": None}, "systemd does not run"),
        ({"glusterfs": None}, "GlusterFS is not installed"),
        ({"xlators": ["storage/posix"]}, "lacks cluster/replicate, protocol/server"),
        ({"glusterd_running": True}, "glusterd runs here"),
        ({"writable": {"/run": "Read-only file system"}}, "/run cannot be written: Read-only"),
    ],
)
def test_each_obstacle_has_its_line(change: dict[str, Any], told: str) -> None:
    found = lines(**change)
    assert len(found) == 1
    assert told in found[0]


@pytest.mark.parametrize(("offset", "side"), [(3600, "ahead of"), (-3600, "behind")])
def test_a_clock_that_is_an_hour_off(offset: int, side: str) -> None:
    (line,) = lines(time=time.time() + offset)
    assert side in line
    assert "time synchronisation" in line
    assert lines(time=time.time() + 20) == []


def test_all_reasons_at_once() -> None:
    assert len(lines(python="3.4.0", glusterd_running=True, glusterfs=None)) == 3


def test_capabilities() -> None:
    found = capabilities(GOOD)
    assert (found.release, found.systemd, found.glusterfsd) == (10, 252, "/usr/sbin/glusterfsd")
