"""Records and options → volfiles. Pure: the same input gives the same bytes.

Every function raises `Refused` for a name or option value that a volfile cannot hold.
`nodes` are the cluster's, by id.
"""

from kadalu_ssh.model.records import Node, Slot, Volume
from kadalu_ssh.volgen.brick import brick_graph
from kadalu_ssh.volgen.client import client_graph
from kadalu_ssh.volgen.network import Nodes
from kadalu_ssh.volgen.options import default_options
from kadalu_ssh.volgen.rebalance import rebalance_graph
from kadalu_ssh.volgen.render import text_of
from kadalu_ssh.volgen.shd import shd_graph

__all__ = ["brick_volfile", "client_volfile", "default_options", "rebalance_volfile", "shd_volfile"]


def brick_volfile(
    volume: Volume, slot: Slot, node: Node, shared_brick_count: int, timestamp_file: str
) -> str:
    """Volfile of one storage unit; `shared_brick_count` units of its volume share a file system."""
    graph = brick_graph(volume, slot, node, shared_brick_count, timestamp_file)
    return text_of(graph, volume.options)


def client_volfile(
    volume: Volume, nodes: Nodes, release: int, *, trusted: bool, with_adding: bool = False
) -> str:
    """Volfile of a mount on a host with GlusterFS `release`; `trusted` ones hold credentials.

    A group in state `adding` is left out, but for `with_adding`: the private mount that walks the
    directories of a volume before its clients are given a new group. A `leaving` group is there,
    and dht is told to put nothing new on it.
    """
    graph = client_graph(volume, nodes, release, trusted=trusted, with_adding=with_adding)
    return text_of(graph, volume.options)


def shd_volfile(volume: Volume, nodes: Nodes) -> str:
    """Volfile of a self-heal daemon, with credentials. Both releases take the same."""
    return text_of(shd_graph(volume, nodes), volume.options)


def rebalance_volfile(volume: Volume, nodes: Nodes) -> str:
    """Volfile of a rebalance process, with credentials. Both releases take the same."""
    return text_of(rebalance_graph(volume, nodes), volume.options)
