"""Where our volfiles differ from glusterd's on purpose: every difference, each with its reason."""

from typing import NamedTuple


class Exception_(NamedTuple):
    graph: str
    xlator: str
    option: str
    ours: str
    """Regular expression for our value; empty: we do not write the option."""
    reason: str


EXCEPTIONS = [
    Exception_(
        graph, "protocol/client", "remote-port", r"\d+",
        "no port mapper runs: the client must be told the port",
    )
    for graph in ("client", "trusted", "shd", "rebalance")
] + [
    Exception_(
        "brick", "features/marker", "timestamp-file", r"/var/lib/kadalu/.+\.tstamp",
        "glusterd's directory is not ours to write to",
    ),
    Exception_(
        "brick", "storage/posix", "shared-brick-count", r"[1-9]\d*",
        "glusterd writes 0 for units of other nodes: all fixtures come from one node's disk, ours "
        "from the view of the unit's own node",
    ),
]  # fmt: skip
