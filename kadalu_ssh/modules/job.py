"""One run of converge: what is wanted, what is owned, what was seen, and what came of it."""

import os

import ledger
import systemd
from common import ModuleError, sync_dir

_GOOD = ("ok", "changed", "would_change", "skipped")


class Job(object):
    """Shared by the kinds of items. `wanted` and `obsolete` are the items in scope."""

    def __init__(self, params, ctx):
        manifest = params["manifest"]
        self.ctx = ctx
        self.check = bool(params.get("check"))
        self.cluster_id = manifest["cluster_id"]
        self.contents = params.get("contents") or {}
        self.secrets = sorted(filter(None, params.get("secrets") or []), key=len, reverse=True)
        self.may_stop = set(params.get("may_stop") or [])
        self.may_restart = set(params.get("may_restart") or [])
        self.tombstones = set(params.get("tombstones") or [])
        self.ledger = ledger.Ledger(self.cluster_id)
        self._all_wanted = {item["id"]: item for item in manifest["items"]}
        self._owners = params.get("owners")
        self.wanted = [item for item in manifest["items"] if self._in_scope(item)]
        self.obsolete = [
            item for key, item in sorted(self.ledger.owned().items())
            if key not in self._all_wanted and self._in_scope(item)
        ]  # fmt: skip
        self.owned_before = set(self.ledger.owned())
        self.states = {}
        self.results = {}
        self.gone = []
        self.touched = set()
        self.reload_needed = False

    def _in_scope(self, item):
        return self._owners is None or item["owner"] in self._owners

    def narrow(self, keep):
        """Only wanted items that `keep` says yes to, and obsolete processes, are in scope now."""
        self.wanted = [item for item in self.wanted if keep(item)]
        self.obsolete = [item for item in self.obsolete if unit_name(item)]

    # --- what came of an item ---

    def report(self, item, status, change="", reason="", diff=""):
        """Record an item's result; a later one replaces it."""
        result = {"id": item["id"], "owner": item["owner"], "status": status, "change": change}
        if reason:
            result["reason"] = reason
        if diff:
            result["diff"] = diff
        self.results[item["id"]] = result

    def did(self, item, change, diff=""):
        """It was changed; in check mode, it would be."""
        self.report(item, "would_change" if self.check else "changed", change, diff=diff)

    def removed(self, item, change):
        """It is gone, and no longer ours; in check mode, it would be."""
        self.report(item, "would_remove" if self.check else "removed", change)
        self.gone.append(item["id"])

    def attempt(self, action, item):
        """Apply one item; what goes wrong with it stays with it."""
        self.ctx.check_cancelled()
        try:
            action(self, item)
        except OSError as error:
            where = ": %s" % error.filename if error.filename else ""
            self.report(item, "failed", reason="%s%s" % (error.strerror or error, where))
        except ModuleError as error:
            self.report(item, "failed", reason=error.reason)

    def make_durable(self):
        """The names of what was written and removed, one sync for each directory."""
        for folder in sorted(self.touched):
            if os.path.isdir(folder):
                sync_dir(folder)
        self.touched.clear()

    def obstacle(self, item):
        """Why an item that needs others cannot go on: the first of those that is not in place."""
        needed = list(item.get("requires", [])) + ["file:" + path for path in item.get("files", [])]
        for key in needed:
            result = self.results.get(key)
            if result is not None and result["status"] not in _GOOD:
                return result.get("reason") or "%s is %s" % (key, result["status"])
        return None

    # --- what is seen before the first change ---

    def forget(self, ids):
        """Leave these alone: they belonged to a boot that is over."""
        for item in self.wanted:
            if item["id"] in ids:
                self.report(item, "forgotten", reason="not kept over a reboot")
        self.wanted = [item for item in self.wanted if item["id"] not in ids]

    def observe(self):
        names = [unit_name(item) for item in self.wanted + self.obsolete]
        self.states = systemd.show(self.ctx, [name for name in names if name])

    def intend(self, differing):
        """Make durable what is about to be done. `differing`: paths of files that will change."""
        book = self.ledger
        for item in self.wanted:
            book.intended[item["id"]] = item
            if self._makes_dir(item, differing):
                book.made.add(item["id"])
        for name in [n for n in book.pending if n in self.states and not self._same_run(n)]:
            del book.pending[name]
        for item in self.wanted:
            self._note_restart(item, differing)
        if not self.check:
            book.save_intended()

    def _makes_dir(self, item, differing):
        """systemd makes the directory of a mount."""
        if item["kind"] == "mount":
            return not os.path.lexists(item["path"])
        return item["kind"] == "dir" and item["path"] in differing

    def _note_restart(self, item, differing):
        name, touched = unit_name(item), differing.intersection(item.get("files", []))
        if touched and systemd.is_active(self.states[name]):
            files = touched.union(self.ledger.pending.get(name, {}).get("files", []))
            invocation = self.states[name].get("InvocationID", "")
            self.ledger.pending[name] = {"invocation": invocation, "files": sorted(files)}

    def _same_run(self, name):
        state = self.states[name]
        noted = self.ledger.pending[name]["invocation"]
        return systemd.is_active(state) and state.get("InvocationID", "") == noted

    # --- the end ---

    def finish(self):
        """Write down what is in place, and answer."""
        if not self.check:
            self._settle()
            self._save()
        return self._answer()

    def _settle(self):
        """Take over what came of the items; what failed stays intended, and so stays ours."""
        book = self.ledger
        for key in self.gone:
            for entries in (book.intended, book.applied):
                entries.pop(key, None)
            book.made.discard(key)
        for item in self.wanted:
            if self.results[item["id"]]["status"] in _GOOD:
                book.applied[item["id"]] = item
            else:
                book.applied.pop(item["id"], None)

    def _save(self):
        """A full disk must not hide what was done: the intended ledger covers it."""
        try:
            self.ledger.save()
        except OSError as error:
            item = {"id": "ledger", "owner": "node"}
            self.report(item, "failed", reason="%s: %s" % (error.strerror, error.filename))

    def _answer(self):
        order = {key: place for place, key in enumerate(self._all_wanted)}
        items = sorted(self.results.values(), key=lambda r: order.get(r["id"], len(order)))
        names = {unit_name(item) for item in self.wanted}
        applied = self.ledger.applied_digest()
        return {
            "items": items,
            "applied": applied,
            "converged": applied == ledger.digest(self._all_wanted.values()),
            "restart_needed": sorted(names.intersection(self.ledger.pending)),
            "blocked": [result["id"] for result in items if result["status"] == "blocked"],
        }


def unit_name(item):
    """The systemd unit of a service or mount item; None for other kinds."""
    return item.get("name") if item["kind"] == "service" else item.get("unit_name")
