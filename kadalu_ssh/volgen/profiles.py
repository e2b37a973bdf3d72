"""Sets of options that go together, as `gluster volume set VOL group NAME` has them (10 and 11).

Left out is what has no meaning here: `user.cifs` (a hook of glusterd's), the server quorum.
"""

from collections.abc import Mapping

_INVALIDATION = {
    "features.cache-invalidation": "on", "features.cache-invalidation-timeout": "600",
}  # fmt: skip
_METADATA = {
    **_INVALIDATION, "performance.stat-prefetch": "on", "performance.cache-invalidation": "on",
    "performance.md-cache-timeout": "600", "network.inode-lru-limit": "200000",
}  # fmt: skip
_NEGATIVE = {"performance.nl-cache": "on", "performance.nl-cache-timeout": "600"}
_NO_READ_CACHES = {
    "performance.quick-read": "off", "performance.read-ahead": "off", "performance.io-cache": "off",
}  # fmt: skip
_ONE_BIG_WRITER = {
    "cluster.eager-lock": "enable", "cluster.quorum-type": "auto",
    "cluster.data-self-heal-algorithm": "full", "cluster.locking-scheme": "granular",
    "cluster.shd-max-threads": "8", "cluster.shd-wait-qlength": "10000",
    "features.shard": "on", "cluster.choose-local": "off", "cluster.lookup-optimize": "off",
    "performance.strict-o-direct": "on", "performance.client-io-threads": "on",
    "network.remote-dio": "disable",
}  # fmt: skip

PROFILES: Mapping[str, Mapping[str, str]] = {
    "virt": {
        **_NO_READ_CACHES, **_ONE_BIG_WRITER, "performance.low-prio-threads": "32",
        "client.event-threads": "4", "server.event-threads": "4", "network.ping-timeout": "20",
        "server.tcp-user-timeout": "20", "server.keepalive-time": "10",
        "server.keepalive-interval": "2", "server.keepalive-count": "5",
    },
    "distributed-virt": {
        **_NO_READ_CACHES, "performance.low-prio-threads": "32", "network.remote-dio": "enable",
        "features.shard": "on", "client.event-threads": "4", "server.event-threads": "4",
        "performance.client-io-threads": "on", "cluster.lookup-optimize": "off",
    },
    "gluster-block": {
        **_NO_READ_CACHES, **_ONE_BIG_WRITER, "performance.stat-prefetch": "off",
        "performance.open-behind": "off", "performance.readdir-ahead": "off",
        "performance.io-thread-count": "32", "performance.high-prio-threads": "32",
        "performance.normal-prio-threads": "32", "performance.low-prio-threads": "32",
        "performance.least-prio-threads": "4", "client.event-threads": "8",
        "server.event-threads": "8", "features.shard-block-size": "64MB",
        "server.allow-insecure": "on",
    },
    "db-workload": {
        **_NO_READ_CACHES, "performance.open-behind": "on", "performance.write-behind": "off",
        "performance.stat-prefetch": "off", "performance.strict-o-direct": "on",
        "performance.readdir-ahead": "off", "performance.client-io-threads": "on",
        "server.event-threads": "4", "client.event-threads": "4",
        "performance.read-after-open": "yes",
    },
    "metadata-cache": _METADATA,
    "nl-cache": {**_INVALIDATION, **_NEGATIVE, "network.inode-lru-limit": "200000"},
    "samba": {
        **_METADATA, **_NEGATIVE, "performance.cache-samba-metadata": "on",
        "performance.readdir-ahead": "on", "performance.parallel-readdir": "on",
        "performance.write-behind": "off",
    },
}  # fmt: skip
