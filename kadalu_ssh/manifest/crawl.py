"""What a node has of a rebalance: the crawl's program, its configuration and its service. Pure."""

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from kadalu_ssh.manifest.items import Manifest
from kadalu_ssh.manifest.paths import Paths
from kadalu_ssh.model.records import Crawl, Node, Rebalance, Slot, Volume
from kadalu_ssh.templates import render

_PROGRAM = ("common", "crawl", "crawl_book", "crawl_work", "directories", "private_mount")


class Running(NamedTuple):
    """A crawl, with what it goes through."""

    run: Rebalance
    crawl: Crawl
    slot: Slot


def crawls_on(volume: Volume, node_id: str) -> Iterator[Running]:
    """The crawls of the volume's last rebalance that are on a node."""
    slots = {slot.unit.id: slot for slot in volume.slots}
    for crawl in volume.rebalance.crawls if volume.rebalance else ():
        slot = slots.get(crawl.unit)
        if volume.rebalance and slot and slot.unit.node == node_id:
            yield Running(volume.rebalance, crawl, slot)


def add_crawl(
    manifest: Manifest, paths: Paths, owner: str, volume: Volume, node: Node, found: Running,
    volfile: str,
) -> None:  # fmt: skip
    """Its directory and files; the service is for the caller to add."""
    home, group = paths.crawl(found.run.id), found.crawl.group
    manifest.directory(owner, home, tree=True)
    for name, text in _program():
        manifest.file(owner, f"{home}/{name}.py", text)
    config = json.dumps(_config(paths, volume, node, found, volfile), indent=1, sort_keys=True)
    manifest.file(owner, _config_path(home, group), config + "\n")


def _config_path(home: str, group: int) -> str:
    return f"{home}/{group}.json"


def crawl_files(paths: Paths, found: Running, volfile: str) -> list[str]:
    """What its service has to be started anew for when it changes."""
    return [volfile, _config_path(paths.crawl(found.run.id), found.crawl.group)]


def service_text(paths: Paths, volume: Volume, found: Running) -> str:
    """The unit file."""
    home, group = paths.crawl(found.run.id), found.crawl.group
    return render(
        "crawl.service.j2", volume=volume, group=group + 1, unit=found.slot.unit,
        program=f"{home}/crawl.py", config=_config_path(home, group),
        mount=paths.crawl_mount(volume.id, group),
    )  # fmt: skip


@cache
def _program() -> tuple[tuple[str, str], ...]:
    folder = files("kadalu_ssh.modules")
    return tuple((name, (folder / f"{name}.py").read_text(encoding="utf-8")) for name in _PROGRAM)


def _config(
    paths: Paths, volume: Volume, node: Node, found: Running, volfile: str
) -> dict[str, object]:
    run, group = found.run, found.crawl.group
    return {
        "run": run.id, "kind": run.kind, "throttle": run.throttle, "force": run.force,
        "lead": found.crawl == run.crawls[0], "unit": found.slot.unit.path, "volfile": volfile,
        "glusterfs": node.capabilities.glusterfs_client,
        "mount": paths.crawl_mount(volume.id, group), "status": paths.crawl_status(run.id, group),
        "log": paths.log_file("crawl", f"{volume.id}-{group}"),
    }  # fmt: skip
