"""The graph of a mount, as glusterd's client_graph_builder makes it."""

from kadalu_ssh.model.records import Volume
from kadalu_ssh.volgen.graph import Xlator, stack
from kadalu_ssh.volgen.network import Nodes, Options, distribute, groups_of, protocol_clients, top
from kadalu_ssh.volgen.options import apply, is_on, performance_rows

_FEATURES = (("features.shard", "features/shard"), ("features.ctime", "features/utime"))


def client_graph(
    volume: Volume, nodes: Nodes, release: int, *, trusted: bool, with_adding: bool = False
) -> list[Xlator]:
    """What a mount runs. `trusted`: with the credentials that pass a restricted auth.allow."""
    groups = groups_of(volume, with_adding=with_adding)
    options = _with_send_gids(volume.options, release)
    graph = protocol_clients(volume, groups, nodes, options, trusted=trusted)
    graph += distribute(volume, groups, options)
    for key, kind in _FEATURES + tuple((row.key, row.xlator) for row in performance_rows()):
        if is_on(options, key):
            name = f"{volume.xlator_name}-{kind.rpartition('/')[2]}"
            stack(graph, apply(Xlator(name, kind), options))
    stack(graph, apply(top(volume, options), options))
    return graph


def _with_send_gids(options: Options, release: int) -> Options:
    """glusterd 10 always says whether clients send group ids, 11 only when bricks look them up."""
    if is_on(options, "server.manage-gids"):
        return {**options, "client.send-gids": "false"}
    return {**options, "client.send-gids": "true"} if release < 11 else options
