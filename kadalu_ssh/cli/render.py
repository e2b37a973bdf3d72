"""Listings as text. Each function takes an Outcome's data."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from kadalu_ssh.model.sizes import format_size

Data = dict[str, Any]


def table(headers: Sequence[str], rows: Iterable[Sequence[object]], indent: str = "") -> str:
    """Columns of equal width. (tabulate takes 50 ms to import: too long for `volume list`.)"""
    cells = [list(headers), *(["" if c is None else str(c) for c in row] for row in rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(headers))]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in cells
    )
    return "\n".join((indent + line).rstrip() for line in lines)


def clusters(data: Data) -> str:
    if not data["clusters"]:
        return "No clusters yet. Make one: kadalu cluster init NAME --nodes=A,B,C"
    return table(
        ["", "Name", "ID", "Nodes", "Volumes"],
        [
            ("*" if c["current"] else "", c["name"], c["id"], c["nodes"], c["volumes"])
            for c in data["clusters"]
        ],
    )


def cluster_status(data: Data) -> str:
    head = f"Cluster Name: {data['name']}\nCluster ID: {data['id']}\n"
    rows = [("*" if n["meta_server"] else " ", n["name"], _state(n)) for n in data["nodes"]]
    width = max([len(name) for _, name, _ in rows] + [len("Node")])
    lines = [f"  {'Node':<{width}}    State"]
    lines += [f"{star} {name:<{width}}    {state}" for star, name, state in rows]
    return "\n".join([head, *lines])


def _state(node: Data) -> str:
    text = f"{node['state']} ({node['reason']})" if node.get("reason") else str(node["state"])
    return f"{text}; behind: {', '.join(node['behind'])}" if node.get("behind") else text


def meta_servers(data: Data) -> str:
    rows = [(m["name"], m["id"]) for m in data["meta_servers"]]
    return (
        table(["Meta server", "ID"], rows) if rows else "No meta servers: the cluster has no nodes."
    )


def nodes(data: Data) -> str:
    if not data["nodes"]:
        return "No nodes yet. Add one: kadalu node add HOST"
    headers = ["", "Node", "Address", "Zone", "GlusterFS", "Units"]
    rows = [
        [
            "*" if n["meta_server"] else "",
            *(n[key] for key in ("name", "address", "zone", "glusterfs", "units")),
        ]
        for n in data["nodes"]
    ]  # fmt: skip
    if "state" not in data["nodes"][0] and any(n["resting"] for n in data["nodes"]):
        data = {"nodes": [{**n, "state": "Resting" if n["resting"] else ""} for n in data["nodes"]]}
    if "state" in data["nodes"][0]:
        headers.append("State")
        for row, node in zip(rows, data["nodes"], strict=True):
            row.append(_state(node))
    return table(headers, rows)


def node_info(data: Data) -> str:
    node = data["node"]
    keys = ("name", "id", "address", "zone", "meta_server", "glusterfs", "resting")
    lines = [f"{key.replace('_', ' ').capitalize()}: {_shown(node[key])}" for key in keys]
    rows = [(u["volume"], u["path"], u["port"]) for u in node["storage_units"]]
    units = table(["Volume", "Path", "Port"], rows) if rows else "No storage units."
    return "\n".join([*lines, "", units])


def _shown(value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else value


def node_check(data: Data) -> str:
    parts = []
    for node in data["nodes"]:
        rows = [(c["state"], c["check"], c["detail"]) for c in node["checks"]]
        parts.append(f"{node['name']}:\n" + table(["State", "Check", ""], rows, "  "))
    return "\n".join(parts)


def volumes(data: Data) -> str:
    listed = data["volumes"]
    if not listed:
        return "No volumes yet. Make one: kadalu volume create --help"
    if "health" in listed[0]:
        return table(
            ["Name", "ID", "State (Health)", "Type", "Utilization", "Inodes"],
            [
                (
                    v["name"], v["id"], f"{v['state']} ({v['health']})", v["type"],
                    f"{_size(v, 'used') or '?'}/{format_size(v['size'])}",
                    f"{'?' if v['inodes_used'] is None else v['inodes_used']}/{v['inodes']}",
                )
                for v in listed
            ],
        )  # fmt: skip
    return table(
        ["Name", "ID", "State", "Type", "Size", "Inodes"],
        [
            (v["name"], v["id"], v["state"], v["type"], format_size(v["size"]), v["inodes"])
            for v in listed
        ],
    )


def volume_info(data: Data) -> str:
    return "\n\n".join(_volume_info(v) for v in data["volumes"]) or "No volumes yet."


def _volume_info(v: Data) -> str:
    lines = [
        f"Volume Name: {v['name']}", f"Type: {v['type']}", f"Volume ID: {v['id']}",
        f"State: {v['state']}", f"Size: {format_size(v['size'])}", f"Inodes: {v['inodes']}",
        f"Number of storage units: {_shape(v['groups'])}",
    ]  # fmt: skip
    for group in v["groups"]:
        leaving = "" if group["state"] == "live" else f" ({group['state']})"
        lines.append(f"Distribute group {group['number']}{leaving}:")
        for number, unit in enumerate(group["units"], 1):
            role = "" if unit["role"] == "data" else f" ({unit['role']})"
            lines.append(f"  Storage unit {number}: {unit['unit']}{role} (port: {unit['port']})")
    lines.append("Options:" if v["options"] else "Options: none")
    lines += [f"  {key}: {value}" for key, value in v["options"].items()]
    return "\n".join(lines)


def _shape(groups: Sequence[Data]) -> str:
    """As gluster writes it: `2 x (2 + 1) = 6`."""
    roles = Counter(unit["role"] for unit in groups[0]["units"])
    shape = " + ".join(str(count) for count in roles.values())
    each = f"({shape})" if len(roles) > 1 else shape
    return f"{len(groups)} x {each} = {sum(len(group['units']) for group in groups)}"


def volume_status(data: Data) -> str:
    return (
        "\n\n".join(_volume_status(v, data["detail"]) for v in data["volumes"]) or "No volumes yet."
    )


def _volume_status(v: Data, detail: bool) -> str:
    lines = [f"Volume {v['name']}: {v['state']}, {v['health']} ({v['type']})", ""]
    headers = ["Group", "Health", "Storage unit", "State", "Port", "PID", "Used", "Size"]
    extra = ["Inodes used", "Inodes", "File system", "Device"]
    rows = []
    for group in v["groups"]:
        for u in group["units"]:
            state = f"{u['state']} ({u['reason']})" if u.get("reason") else u["state"]
            row = [group["number"], group["health"], u["unit"], state, u["port"], u["pid"]]
            if detail:
                row += [_size(u, "used"), _size(u, "size"), u.get("inodes_used"), u.get("inodes")]
                row += [u.get("fs_type"), u.get("device")]
            rows.append(row)
    lines.append(table(headers + extra if detail else headers[:6], rows))
    for d in v["daemons"]:
        lines.append(f"Self-heal daemon on {d['node']}: {d['state']}")
    return "\n".join(lines)


def _size(unit: Data, key: str) -> str | None:
    return format_size(unit[key]) if unit.get(key) is not None else None


def clients(data: Data) -> str:
    rows = [(c["volume"], f"{c['host']}:{c['path']}", "yes" if c["persist"] else "no", c["state"])
            for c in data["clients"]]  # fmt: skip
    return table(["Volume", "Mount", "Persist", "State"], rows) if rows else "No mounts."


def heal_info(data: Data) -> str:
    lines = []
    for unit in data["units"]:
        lines.append(f"Storage unit {unit['unit']}: {unit['status']}")
        for entry in unit.get("entries", []):
            state = f" ({entry['state']})" if entry.get("state") not in (None, "pending") else ""
            lines.append(f"  {entry.get('path') or entry.get('gfid')}{state}")
        count = "unknown" if unit["count"] is None else unit["count"]
        lines.append(f"  entries to heal: {count}, in split-brain: {unit['split_brain'] or 0}")
    return "\n".join([*lines, f"Total entries to heal: {data['total']}"])


def heal_statistics(data: Data) -> str:
    rows = [
        (
            c["unit"], c["type"].lower(), c["began"], "running" if c["running"] else c["ended"],
            c["healed"], c["failed"], c["split_brain"],
        )
        for c in data["crawls"]
    ]  # fmt: skip
    headers = ["Storage unit", "Crawl", "Began", "Ended", "Healed", "Failed", "Split-brain"]
    return table(headers, rows) if rows else "No crawls yet."


def reconcile(data: Data) -> str:
    if "nodes" not in data:
        return ""
    lines = []
    if data["stale"]:
        lines.append("stale: this laptop's copy of the state is old (kadalu state pull)")
    if data["task"]:
        lines.append(f"unfinished task {data['task']}: the next kadalu command settles it")
    for node in data["nodes"]:
        lines.append(f"{node['name']}: {node['state']}{_why(node)}")
        for item in node["items"]:
            lines.append(f"  {item['item']}: {item['change'] or item['status']}{_why(item)}")
            lines += [f"    {line}" for line in item["diff"].splitlines()]
    return "\n".join(lines)


def _why(row: Data) -> str:
    return f" ({row['reason']})" if row.get("reason") else ""


def tasks(data: Data) -> str:
    rows = [
        (t["id"][:8], t["since"], t["who"], t["result"], t["command"] or t["operation"])
        for t in data["tasks"]
    ]
    return table(["ID", "Begun", "By", "Result", "Command"], rows) if rows else "No tasks yet."


def task(data: Data) -> str:
    shown = data["task"]
    keys = ("id", "command", "operation", "who", "since", "ended", "result", "detail", "settled_by")
    lines = [
        f"{key.replace('_', ' ').capitalize()}: {shown[key]}" for key in keys if shown.get(key)
    ]
    return "\n".join([*lines, *(f"  {p['state']}: {p['name']}" for p in shown.get("phases", []))])


def doctor(data: Data) -> str:
    return table(
        ["State", "Check", ""], [(c["state"], c["check"], c["detail"]) for c in data["checks"]]
    )
