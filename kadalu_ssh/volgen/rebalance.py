"""The graph of a rebalance process: it must see the real files, so only dht is above them."""

from kadalu_ssh.model.records import Volume
from kadalu_ssh.volgen.graph import Xlator, stack
from kadalu_ssh.volgen.network import Nodes, distribute, groups_of, protocol_clients, top
from kadalu_ssh.volgen.options import apply


def rebalance_graph(volume: Volume, nodes: Nodes) -> list[Xlator]:
    """What a rebalance process runs: no performance xlators, no features."""
    groups = groups_of(volume)
    graph = protocol_clients(volume, groups, nodes, volume.options, trusted=True)
    graph += distribute(volume, groups, volume.options)
    stack(graph, apply(top(volume, volume.options), volume.options))
    return graph
