"""Names for completion, read from the workspace with plain json: no node, no heavy import.

Whatever is broken completes to nothing: a shell prompt is no place for errors.
"""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from kadalu_ssh.cli.workspace import workspace_of
from kadalu_ssh.model.errors import KadaluError


class Names:
    """What the words on a command line can be completed with."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._given = self._flag("--cluster") or os.environ.get("KADALU_CLUSTER")

    def clusters(self) -> list[str]:
        return sorted(self._index())

    def volumes(self, prefix: str) -> list[str]:
        """`NAME` in the cluster that is meant, and `CLUSTER/NAME` once a slash was typed."""
        meant = [str(v["name"]) for v in self._records("volumes", self._meant())]
        if "/" not in prefix:
            return sorted(meant)
        cluster = prefix.split("/")[0]
        return sorted(f"{cluster}/{v['name']}" for v in self._records("volumes", [cluster]))

    def nodes(self) -> list[str]:
        return sorted(str(node["name"]) for node in self._records("nodes", self._meant()))

    def hosts(self) -> list[str]:
        """The inventory's."""
        from kadalu_ssh.inventory import load

        try:
            given = self._flag("-i", "--inventory")
            return list(load(Path(given) if given else self._root() / "inventory.yml").names())
        except (KadaluError, OSError):
            return []

    def options(self) -> list[str]:
        """Keys of volume options."""
        from kadalu_ssh.operations.option_words import known_keys

        return known_keys()

    def host_list(self, prefix: str) -> list[str]:
        """For `A,B,C`: what is typed already, and one host more."""
        head, comma, _ = prefix.rpartition(",")
        given = head.split(",")
        return [f"{head}{comma}{host}" for host in self.hosts() if host not in given]

    def _flag(self, *flags: str) -> str | None:
        for at, word in enumerate(self._words):
            name, equals, value = word.partition("=")
            if name in flags and equals:
                return value
            if word in flags and at + 1 < len(self._words):
                return self._words[at + 1]
        return None

    def _root(self) -> Path:
        return workspace_of(self._flag("-C", "--workspace"))

    def _meant(self) -> list[str]:
        """The clusters whose names may stand without a prefix."""
        index = self._index()
        current = self._given or self._document("clusters.json").get("current")
        return [current] if current in index else list(index)

    def _index(self) -> dict[str, str]:
        clusters = self._document("clusters.json").get("clusters")
        return clusters if isinstance(clusters, dict) else {}

    def _records(self, kind: str, clusters: Sequence[str]) -> Iterator[dict[str, Any]]:
        index = self._index()
        for cluster in clusters:
            document = self._document(f"{index.get(cluster, '')}/state.json")
            yield from (r for r in document.get(kind) or () if isinstance(r, dict) and "name" in r)

    def _document(self, path: str) -> dict[str, Any]:
        try:
            found = json.loads((self._root() / "state" / path).read_text(encoding="utf-8"))
        except (KadaluError, OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}
