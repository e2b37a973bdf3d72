"""Records and options → volfiles. Pure: the same input gives the same bytes."""

from kadalu_ssh.model.records import Node, Slot, Volume
from kadalu_ssh.templates import render
from kadalu_ssh.volgen.brick import brick_graph
from kadalu_ssh.volgen.client import Nodes, client_graph, rebalance_graph, shd_graph
from kadalu_ssh.volgen.graph import Xlator, check_words
from kadalu_ssh.volgen.options import default_options

__all__ = ["brick_volfile", "client_volfile", "default_options", "rebalance_volfile", "shd_volfile"]


def brick_volfile(
    volume: Volume, slot: Slot, node: Node, shared_brick_count: int, timestamp_file: str
) -> str:
    """Volfile of one storage unit; `shared_brick_count` units of its volume share a file system."""
    return _text(brick_graph(volume, slot, node, shared_brick_count, timestamp_file))


def client_volfile(volume: Volume, nodes: Nodes, release: int, *, trusted: bool) -> str:
    """Volfile of a mount on a host with GlusterFS `release`; `trusted` ones hold credentials."""
    return _text(client_graph(volume, nodes, release, trusted=trusted))


def shd_volfile(volume: Volume, nodes: Nodes) -> str:
    """Volfile of a self-heal daemon, with credentials."""
    return _text(shd_graph(volume, nodes))


def rebalance_volfile(volume: Volume, nodes: Nodes) -> str:
    """Volfile of a rebalance process, with credentials."""
    return _text(rebalance_graph(volume, nodes))


def _text(graph: list[Xlator]) -> str:
    for xlator in graph:
        check_words(xlator)
    return render("volfile.vol.j2", graph=graph)
