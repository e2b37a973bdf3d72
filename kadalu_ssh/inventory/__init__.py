"""inventory.yml → hosts and how to reach them."""

from kadalu_ssh.inventory.edit import append_host
from kadalu_ssh.inventory.inventory import Inventory, load
from kadalu_ssh.inventory.tree import Group, HostEntry

__all__ = ["Group", "HostEntry", "Inventory", "append_host", "load"]
