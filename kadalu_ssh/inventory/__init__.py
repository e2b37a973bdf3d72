"""inventory.yml → hosts and how to reach them."""

from kadalu_ssh.inventory.edit import append_host
from kadalu_ssh.inventory.inventory import Inventory, load

__all__ = ["Inventory", "append_host", "load"]
