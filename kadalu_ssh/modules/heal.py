"""What waits for healing, and having it healed now."""

import os
import re
import time
import xml.etree.ElementTree as tree

import rpc
from common import ModuleError

_OPERATIONS = {"info": [], "summary": ["info-summary"], "split-brain": ["split-brain-info"]}
_LAUNCH = {"start": 1, "full": 2}
_STATISTICS = 7
_FIELDS = {
    "statistics_crawl_type": "type", "statistics_strt_time": "began",
    "statistics_end_time": "ended", "statistics_healed_cnt": "healed",
    "statistics_heal_failed_cnt": "failed", "statistics_sb_cnt": "split_brain",
    "statistics_inprogress": "running",
}  # fmt: skip
# What info-summary makes of a brick that is not connected.
_MANGLED = re.compile(r"^Failed to process entries completely\. |totalNumberOfEntries\d*$|[()]")
# A self-heal daemon that has just started refuses until its graph is up. Seconds.
_PATIENCE = 10.0
# One that runs tries every three to reach a unit that was away.
_RECONNECT = 4.0
# glfsheal writes its log there, whatever it is told.
_LOGS = "/var/log/glusterfs"


def run(params, ctx):
    """`op` info | summary: {"volume": xlator name, "volfile", "glfsheal", "copies": whether it has
    whole ones, which can blame each other}
    → {"bricks": [{"name", "status", "connected", "count", "split_brain", "possibly_healing",
    "entries": [{"path", "gfid", "state"}]}]}; counts are None for a brick that is not connected.

    start | full: {"sockets": [{"sock", "xlators": [names]}]}: tell self-heal daemons to crawl
    → {"daemons": [{"sock", "reason": text | None, "status": {child: text}}]}.
    statistics: as start; → {"daemons": [{"sock", "reason", "crawls": [{"group", "unit", "number",
    "type", "began", "ended", "healed", "failed", "split_brain", "running"}]}]}: what they have done
    since they were started; `unit` is its place in the group, times are ISO 8601.
    resolve: {"volume", "volfile", "glfsheal", "policy": "bigger-file" | "latest-mtime" |
    "source-brick", "source": "HOST:PATH" (source-brick), "file": path in the volume} → {"output"}.
    """
    if params["op"] in _LAUNCH:
        return {"daemons": [_launch(params, daemon, ctx) for daemon in params["sockets"]]}
    if params["op"] == "statistics":
        return {"daemons": [_statistics(daemon) for daemon in params["sockets"]]}
    if params["op"] == "resolve":
        return _resolve(params, ctx)
    bricks = _bricks(params, ctx, params["op"])
    if params["op"] == "info" and params["copies"]:
        _mark_split_brains(bricks, _bricks(params, ctx, "split-brain"))
    return {"bricks": bricks}


def _bricks(params, ctx, op):
    status, out, err = _glfsheal(params, ctx, _OPERATIONS[op] + ["--xml"])
    return [_brick(node) for node in _answer(status, out, err).iter("brick")]


def _mark_split_brains(bricks, split):
    """As XML, glfsheal's list says of no entry that its copies blame each other: a second one
    has those only.
    """
    found = {brick["name"]: {entry["gfid"] for entry in brick["entries"]} for brick in split}
    for brick in bricks:
        mine = [e for e in brick["entries"] if e["gfid"] in found.get(brick["name"], ())]
        for entry in mine:
            entry["state"] = "split-brain"
        if brick["connected"]:
            brick["split_brain"] = len(mine)


def _glfsheal(params, ctx, words):
    """The order of its words is fixed: operation, then --xml, and the volfile last."""
    os.makedirs(_LOGS, 0o755, exist_ok=True)
    argv = [params["glfsheal"], params["volume"]] + words
    return ctx.command(argv + ["volfile-path", params["volfile"]])


def _answer(status, out, err):
    try:
        root = tree.fromstring(out)
    except tree.ParseError:
        said = (err.strip() or out.strip() or "no output").splitlines()[-1]
        raise ModuleError("glusterfs", "glfsheal failed (exit status %d): %s" % (status, said), out)
    error = root.findtext(".//opErrstr") or ""
    if root.find(".//brick") is None:
        raise ModuleError("glusterfs", "glfsheal: %s" % (error or "no bricks in its answer"), out)
    return root


def _brick(node):
    status = (node.findtext("status") or "").strip()
    connected = status == "Connected"
    entries = [_entry(file) for file in node.findall("file")]
    split_brain = _count(node.findtext("numberOfEntriesInSplitBrain"))
    return {
        "name": node.findtext("name") or "",
        "status": "connected" if connected else "disconnected",
        "reason": None if connected else _MANGLED.sub("", status) or "no answer",
        "connected": connected,
        "count": _total(node) if connected else None,
        "split_brain": split_brain if connected else None,
        "possibly_healing": _count(node.findtext("numberOfEntriesPossiblyHealing")),
        "entries": entries if connected else [],
    }


def _total(node):
    total = node.findtext("numberOfEntries")
    return _count(total if total is not None else node.findtext("totalNumberOfEntries"))


def _count(text):
    return int(text) if text is not None and text.strip().isdigit() else None


def _entry(file):
    """`path - Is in split-brain`; a file whose name the brick does not know shows as its gfid."""
    text = (file.text or "").strip()
    state = "pending"
    for words, meaning in (
        (" - Is in split-brain", "split-brain"), (" - Possibly undergoing heal", "healing")
    ):  # fmt: skip
        if words in text:
            text, state = text.replace(words, ""), meaning
    path = None if re.match(r"^<gfid:[0-9a-f-]+>$", text) else text
    return {"path": path, "gfid": file.get("gfid"), "state": state}


def _asked(operation, daemon):
    """The xlators of the daemon's graph that `operation` is for."""
    values = {"xl-op": operation, "count": len(daemon["xlators"])}
    for number, name in enumerate(daemon["xlators"]):
        values["xl-%d" % number] = name
        values[name] = number
    return values


def _statistics(daemon):
    answer = {"sock": daemon["sock"], "reason": None, "crawls": []}
    try:
        found = rpc.call(daemon["sock"], rpc.TRANSLATOR_OP, "", _asked(_STATISTICS, daemon))
        answer["crawls"] = _crawls(found)
    except OSError as error:
        answer["reason"] = "the self-heal daemon does not run (%s)" % error.strerror
    except ModuleError as error:
        answer["reason"] = error.reason
    return answer


def _crawls(found):
    """`statistics_healed_cnt-GROUP-UNIT-NUMBER` and the like → a row per crawl, in order."""
    rows = {}
    for key, value in found.items():
        name, _, place = key.partition("-")
        if name in _FIELDS and re.match(r"^\d+-\d+-\d+$", place):
            rows.setdefault(tuple(int(n) for n in place.split("-")), {})[name] = value.strip()
    return [_crawl_row(place, rows[place]) for place in sorted(rows)]


def _crawl_row(place, row):
    group, unit, number = place
    made = {"group": group, "unit": unit, "number": number}
    for name, field in _FIELDS.items():
        value = row.get(name, "")
        made[field] = int(value or 0) if name.endswith("_cnt") else value
    made["running"] = made["running"] == "1"
    made.update(began=_utc(made["began"]), ended=_utc(made["ended"]))
    return made


def _utc(text):
    """A time as the daemon writes it, by its host's clock → ISO 8601, or what it wrote instead."""
    try:
        seconds = time.mktime(time.strptime(text, "%a %b %d %H:%M:%S %Y"))
    except ValueError:
        return text
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _launch(params, daemon, ctx):
    values = _asked(_LAUNCH[params["op"]], daemon)
    answer = {"sock": daemon["sock"], "reason": None, "status": {}}
    try:
        answer["status"] = _patiently(lambda: _crawl(daemon["sock"], values), ctx)
        answer["reason"] = _why_not(answer["status"].values())
    except OSError as error:
        answer["reason"] = "the self-heal daemon does not run (%s)" % error.strerror
    except ModuleError as error:
        answer["reason"] = error.reason
    return answer


def _crawl(sock, values):
    """{child: what the daemon does about it}; with a unit away it refuses as a whole, but tells."""
    found = rpc.call(sock, rpc.TRANSLATOR_OP, "", values)
    return {key: value for key, value in sorted(found.items()) if key.endswith("-status")}


def _why_not(said):
    """Why nothing was begun; None when a crawl was, or there is no unit here to crawl."""
    if any(line.startswith("Started") for line in said):
        return None
    others = sorted({line for line in said if "remote" not in line})
    return "nothing was begun: %s" % ", ".join(others) if others else None


def _patiently(ask, ctx):
    """Ask until it has begun, or is not going to: its own unit may just be on its way back."""
    began = time.monotonic()
    while True:
        ctx.check_cancelled()
        waited = time.monotonic() - began
        try:
            found = ask()
            others = any("not connected" not in line for line in found.values())
            if _why_not(found.values()) is None or waited > (_RECONNECT if others else _PATIENCE):
                return found
        except ModuleError:
            if waited > _PATIENCE:
                raise
        time.sleep(0.1)


def _resolve(params, ctx):
    words = [params["policy"]]
    if params["policy"] == "source-brick":
        words.append(params["source"])
    status, out, err = _glfsheal(params, ctx, words + [params["file"]])
    if status != 0:
        said = (out.strip() or err.strip() or "no output").splitlines()[-1]
        raise ModuleError("glusterfs", said, out + err)
    return {"output": out.strip()}
