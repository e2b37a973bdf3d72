"""Connections to hosts. Importing it is cheap: asyncssh is loaded when a host is opened."""

from kadalu_ssh.fleet.channel import FleetChannel
from kadalu_ssh.fleet.fleet import Fleet, Opened
from kadalu_ssh.fleet.settings import FleetSettings, FleetStats, NodeFailure

__all__ = ["Fleet", "FleetChannel", "FleetSettings", "FleetStats", "NodeFailure", "Opened"]
