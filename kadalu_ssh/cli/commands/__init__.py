"""Every command, by noun. Imports nothing heavy."""

from kadalu_ssh.cli.commands.base import Arg, Command, arg, flag
from kadalu_ssh.cli.commands.clients import CLIENTS
from kadalu_ssh.cli.commands.clusters import CLUSTERS
from kadalu_ssh.cli.commands.controller import CONTROLLER, MACHINE, STATE
from kadalu_ssh.cli.commands.nodes import NODES
from kadalu_ssh.cli.commands.rebalances import REBALANCES
from kadalu_ssh.cli.commands.volumes import VOLUMES

__all__ = ["ALIASES", "COMMANDS", "Arg", "Command", "arg", "flag"]

COMMANDS = (*CLUSTERS, *NODES, *VOLUMES, *REBALANCES, *CLIENTS, *CONTROLLER, *STATE, *MACHINE)
ALIASES = {"pool": "cluster"}
