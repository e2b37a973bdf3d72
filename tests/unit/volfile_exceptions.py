"""Where our volfiles differ from glusterd's on purpose: every difference, each with its reason."""

from typing import NamedTuple


class Exception_(NamedTuple):
    graph: str
    xlator: str
    option: str
    ours: str
    """Regular expression for our value."""
    theirs: str | None
    """Regular expression for glusterd's value; None: it does not write the option."""
    reason: str


EXCEPTIONS = [
    Exception_(
        graph, "protocol/client", "remote-port", r"240\d\d", None,
        "no port mapper runs: the client must be told the port",
    )
    for graph in ("client", "trusted", "shd", "rebalance")
] + [
    Exception_(
        "brick", "features/marker", "timestamp-file",
        r"/var/lib/kadalu/c/marker-[0-9a-f-]{36}\.tstamp",
        r"/var/lib/glusterd/vols/\w+/marker\.tstamp",
        "glusterd's directory is not ours to write to",
    ),
    Exception_(
        "brick", "storage/posix", "shared-brick-count", "[12]", "0",
        "glusterd writes 0 for units of other nodes, and all fixtures were written by one node; "
        "ours are made for the node that runs the unit",
    ),
]  # fmt: skip
