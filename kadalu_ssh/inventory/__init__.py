"""inventory.yml → hosts and how to reach them."""

from kadalu_ssh.inventory.edit import Edited, append_host, with_host
from kadalu_ssh.inventory.inventory import Inventory, load
from kadalu_ssh.inventory.tree import Group, HostEntry

__all__ = ["Edited", "Group", "HostEntry", "Inventory", "append_host", "load", "with_host"]
