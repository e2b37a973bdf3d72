"""`clusters.json`: what the clusters of a workspace are called here. Pure."""

import itertools

import msgspec

_NAME_LIMIT = 63


class Index(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Names → ids, and the name that `cluster use` chose."""

    clusters: dict[str, str] = {}
    current: str | None = None


def enrol(index: Index, name: str, cluster_id: str) -> str:
    """Call a cluster `name`, and nothing else; returns NAME-2 when another has that name."""
    new = next(n for n in _variants(name) if index.clusters.get(n, cluster_id) == cluster_id)
    for old in [n for n, known in index.clusters.items() if known == cluster_id and n != new]:
        del index.clusters[old]
        index.current = new if index.current == old else index.current
    index.clusters[new] = cluster_id
    return new


def _variants(name: str) -> "itertools.chain[str]":
    numbered = (f"{name[: _NAME_LIMIT - 1 - len(str(n))]}-{n}" for n in itertools.count(2))
    return itertools.chain([name], numbered)
