"""The graph of a mount, as glusterd's client_graph_builder makes it."""

from collections.abc import Iterator

from kadalu_ssh.model.records import Volume
from kadalu_ssh.model.sizes import parse_size
from kadalu_ssh.volgen.graph import Xlator, stack
from kadalu_ssh.volgen.network import Nodes, Options, distribute, groups_of, protocol_clients, top
from kadalu_ssh.volgen.options import apply, is_on, performance_rows


def client_graph(
    volume: Volume, nodes: Nodes, release: int, *, trusted: bool, with_adding: bool = False
) -> list[Xlator]:
    """What a mount runs. `trusted`: with the credentials that pass a restricted auth.allow."""
    groups = groups_of(volume, with_adding=with_adding)
    options = _effective(volume.options, release, len(groups))
    graph = protocol_clients(volume, groups, nodes, options, trusted=trusted)
    graph += distribute(volume, groups, options)
    for kind, own in _layers(options):
        name = f"{volume.xlator_name}-{kind.rpartition('/')[2]}"
        stack(graph, apply(Xlator(name, kind, own), options))
    stack(graph, apply(top(volume, options), options))
    return graph


def _layers(options: Options) -> Iterator[tuple[str, dict[str, str]]]:
    """What lies between dht and io-stats, with the options that the table does not give."""
    if is_on(options, "features.shard"):
        yield "features/shard", {}
    if is_on(options, "features.ctime"):
        yield "features/utime", {}
    if is_on(options, "network.compression"):
        yield "features/cdc", {"mode": "client"}
    # With parallel-readdir it is below dht, once per child.
    below = {"performance.readdir-ahead"} if is_on(options, "performance.parallel-readdir") else ()
    for row in performance_rows():
        if is_on(options, row.key) and row.key not in below:
            yield row.xlator, {}


def _effective(options: Options, release: int, children: int) -> Options:
    """The volume's options as a mount sees them: some decide about others."""
    changed: dict[str, str] = {}
    if is_on(options, "server.manage-gids"):
        changed["client.send-gids"] = "false"
    elif release < 11:
        changed["client.send-gids"] = "true"
    if is_on(options, "server.root-squash"):
        # Otherwise open-behind reads, in the name of root, what a squashed user may not open.
        changed["performance.read-after-open"] = "yes"
    limit = options.get("performance.rda-cache-limit")
    if limit and is_on(options, "performance.parallel-readdir"):
        changed["performance.rda-cache-limit"] = f"{parse_size(limit) // children}B"
    return {**options, **changed}
