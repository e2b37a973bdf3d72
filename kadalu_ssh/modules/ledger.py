"""What we meant to make on this host, and what we did make: intended.json and applied.json.

Owned is their union. intended.json is durable before the first change, so nothing that we made is
ever taken for somebody else's; applied.json is written after.
"""

import hashlib
import json
import os

from common import LIB, cluster_dir, read_json, write_json


def digest(items):
    """SHA-256 (hex) of items, whatever their order: canonical JSON, sorted by id."""
    ordered = sorted(items, key=lambda item: item["id"])
    text = json.dumps(ordered, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


class Ledger(object):
    """Both files of one cluster. `made`: ids of directories that did not exist before us.

    `pending`: {service: {"invocation", "files"}}, running services whose files were changed under
    them; a service that has another invocation id by now was restarted since.
    """

    def __init__(self, cluster_id):
        home = cluster_dir(LIB, cluster_id)
        self._intended_path = os.path.join(home, "intended.json")
        self._applied_path = os.path.join(home, "applied.json")
        self._on_disk = {
            path: read_json(path) or {} for path in (self._intended_path, self._applied_path)
        }
        intended, applied = self._on_disk[self._intended_path], self._on_disk[self._applied_path]
        self.intended = dict(intended.get("items", {}))
        self.made = set(intended.get("made", []))
        self.pending = dict(intended.get("pending", {}))
        self.applied = dict(applied.get("items", {}))

    def owned(self):
        """{id: item} of everything that is, or may be, ours."""
        owned = dict(self.applied)
        owned.update(self.intended)
        return owned

    def save_intended(self):
        """Durable, before the first change."""
        self._write(self._intended_path, {
            "items": self.intended, "made": sorted(self.made), "pending": self.pending,
        })  # fmt: skip

    def save(self):
        """Durable, after the last change: what was applied first, then what is still meant."""
        self._write(self._applied_path, {"items": self.applied})
        self.save_intended()

    def applied_digest(self):
        """Equal to the digest of a manifest's items exactly when all of them are in place."""
        return digest(self.applied.values())

    def _write(self, path, value):
        if self._on_disk[path] != value:
            write_json(path, value)
            # As read back: the next comparison is with what the file says.
            self._on_disk[path] = json.loads(json.dumps(value))
