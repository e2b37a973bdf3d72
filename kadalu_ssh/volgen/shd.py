"""The graph of a self-heal daemon: every group of one volume, without dht, under one io-stats."""

from kadalu_ssh.model.records import Volume
from kadalu_ssh.volgen.graph import Xlator
from kadalu_ssh.volgen.network import Nodes, clusters, groups_of, protocol_clients, top
from kadalu_ssh.volgen.options import apply

_ASSUMED = {
    "cluster.self-heal-daemon": "enable",
    "cluster.disperse-self-heal-daemon": "enable",
}
_FORCED = {
    "cluster.background-self-heal-count": "0",
    "cluster.metadata-self-heal": "on",
    "cluster.data-self-heal": "on",
    "cluster.entry-self-heal": "on",
}
"""A self-heal daemon without these crawls and heals nothing, silently."""

_ALSO = {
    "cluster.self-heal-daemon": "self-heal-daemon",
    "cluster.heal-timeout": "heal-timeout",
}


def shd_graph(volume: Volume, nodes: Nodes) -> list[Xlator]:
    """What a self-heal daemon runs."""
    groups = groups_of(volume)
    options = {**_ASSUMED, **volume.options, **_FORCED}
    graph = protocol_clients(volume, groups, nodes, options, trusted=True)
    healing = clusters(volume, groups)
    for xlator in healing:
        apply(xlator, options, _ALSO).options["iam-self-heal-daemon"] = "yes"
    above = top(volume, options)
    above.children = tuple(xlator.name for xlator in healing)
    return [*graph, *healing, above]
