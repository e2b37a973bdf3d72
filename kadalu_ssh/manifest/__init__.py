"""Document → what one node should have."""

from kadalu_ssh.manifest.build import Texts, manifest_for, owner_of
from kadalu_ssh.manifest.items import Manifest
from kadalu_ssh.manifest.paths import Paths, brick_service, crawl_service, mount_unit, shd_service
from kadalu_ssh.manifest.timer import rebalance_units, timer_units
from kadalu_ssh.templates import environment as load_templates

__all__ = [
    "Manifest",
    "Paths",
    "Texts",
    "brick_service",
    "crawl_service",
    "load_templates",
    "manifest_for",
    "mount_unit",
    "owner_of",
    "rebalance_units",
    "shd_service",
    "timer_units",
]
