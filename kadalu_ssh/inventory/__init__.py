"""inventory.yml → hosts and how to reach them."""

from kadalu_ssh.inventory.edit import Edited, append_host, with_host
from kadalu_ssh.inventory.inventory import Inventory, empty, load
from kadalu_ssh.inventory.tree import Group, HostEntry

__all__ = ["Edited", "Group", "HostEntry", "Inventory", "append_host", "empty", "load", "with_host"]
