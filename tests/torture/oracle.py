"""What is on the nodes, asked of the nodes, against what the committed document says."""

import json
from collections import Counter
from typing import Any

from tests.cluster.bed import CLIENT, Bed

Json = dict[str, Any]
UNITS = "systemctl list-unit{} --plain --no-legend {} 'kadalu-*' | sort"
LOOK = {
    "services": UNITS.format("-files", "") + " | awk '{print $1\":\"$2}'",
    "active": UNITS.format("s", "--state=active") + " | awk '{print $1}'",
    "ports": "ss -Hltn | grep -oE ':24[0-9]{3} ' | tr -d ': ' | sort -u",
    "files": "cd /var/lib/kadalu/*/volfiles 2>/dev/null && ls",
    "identity": "ls /var/lib/kadalu/*/identity.json 2>/dev/null | wc -l",
    "intents": "ls /var/lib/kadalu/*/meta/intent.json 2>/dev/null | wc -l",
    "unmarked": "for d in /data1/* /data2/*; do [ -d $d ] && "
    "! getfattr -n trusted.glusterfs.volume-id $d >/dev/null 2>&1 && echo $d; done",
    "temporary": "find /var/lib/kadalu /etc/systemd/system -name '*.kadalu-new' | wc -l",
    "workers": "pgrep -fc '[z]lib.decompress'",
    "private": "findmnt -rno TARGET -t fuse.glusterfs | grep -c '^/run/kadalu/.*/walk-'",
}


def seen(bed: Bed, node: str) -> dict[str, list[str]]:
    """What a node has: kind → names."""
    script = "\n".join(f"echo {kind} $({look})" for kind, look in LOOK.items())
    lines = bed.sh(node, script, check=False).splitlines()
    return {line.split()[0]: line.split()[1:] for line in lines}


def committed(bed: Bed, nodes: list[str]) -> tuple[Json, list[str]]:
    """(the document that most meta servers hold, what is wrong with that)."""
    texts = [
        bed.sh(n, "cat /var/lib/kadalu/*/meta/document.json 2>/dev/null", False) for n in nodes
    ]
    # One that is no meta server (any more) must hold none: then the counts do not fit.
    counts = Counter(text for text in texts if text)
    text, held = counts.most_common(1)[0]
    document: Json = json.loads(text)
    members = len(document["meta_servers"])
    wrong = [] if held == members else [f"{held} hold the document, not the {members} members"]
    if len(counts) > 1:
        wrong.append("there are different documents")
    return document, wrong


def judge(bed: Bed, nodes: list[str]) -> list[str]:
    """Everything that is not as the committed document says; empty when all is well."""
    document, wrong = committed(bed, nodes)
    names = {node["name"]: node["id"] for node in document["nodes"]}
    for node in nodes:
        found = seen(bed, node)
        wanted = expected(document, names.get(node))
        for kind, value in wanted.items():
            if sorted(found.get(kind, [])) != sorted(value):
                wrong.append(f"{node}: {kind}: {found.get(kind)} instead of {value}")
    return wrong + mounts(bed, document)


def expected(document: Json, node_id: str | None) -> dict[str, list[str]]:
    """Services, ports, files of one node, from the document, by rules of this file's own."""
    services, active, ports, files = [], [], [], []
    rests = any(node["resting"] for node in document["nodes"] if node["id"] == node_id)
    for volume in document["volumes"]:
        runs = volume["state"] == "started" and not rests
        mine = [
            slot["unit"]
            for group in volume["groups"]
            for slot in group["slots"]
            if slot["unit"]["node"] == node_id
        ]
        names = [f"kadalu-brick-{unit['id']}.service" for unit in mine]
        files += [f"brick-{unit['id']}.vol" for unit in mine]
        if mine:
            files.append(f"trusted-{volume['id']}.vol")
            if volume["kind"] != "distribute":
                names.append(f"kadalu-shd-{volume['id']}.service")
                files.append(f"shd-{volume['id']}.vol")
        services += [f"{name}:{'enabled' if runs else 'disabled'}" for name in names]
        active += names if runs else []
        crawls = crawls_of(volume, {unit["id"] for unit in mine})
        files += [f"crawl-{volume['id']}.vol"] if crawls else []
        works = runs and bool(crawls) and volume["rebalance"]["state"] == "running"
        services += [f"{name}:{'enabled' if works else 'disabled'}" for name in crawls]
        active += crawls if works else []
        ports += [str(unit["port"]) for unit in mine] if runs else []
    return {
        "services": services, "active": active, "ports": ports, "files": files,
        "identity": ["1" if node_id else "0"], "intents": ["0"], "temporary": ["0"],
        "workers": ["0"], "private": ["0"], "unmarked": [],
    }  # fmt: skip


def crawls_of(volume: Json, units: set[str]) -> list[str]:
    """Services of the volume's last rebalance that are beside one of these units."""
    run = volume.get("rebalance") or {"crawls": []}
    mine = [crawl["group"] for crawl in run["crawls"] if crawl["unit"] in units]
    return [f"kadalu-crawl-{volume['id']}-{group}.service" for group in mine]


def mounts(bed: Bed, document: Json) -> list[str]:
    """The client's mounts, and that each of them serves."""
    here = {host["id"] for host in document["hosts"] if host["name"] == CLIENT}
    wanted = {c["path"] for c in document["clients"] if c["host"] in here}
    found = set(bed.sh(CLIENT, "findmnt -rno TARGET -t fuse.glusterfs", False).split())
    wrong = [] if wanted == found else [f"{CLIENT} mounts {found} instead of {wanted}"]
    for path in wanted & found:
        if not bed.ok(CLIENT, f"timeout 20 sh -c 'echo x > {path}/probe && rm {path}/probe'"):
            wrong.append(f"{CLIENT}: {path} takes no writes")
    return wrong
