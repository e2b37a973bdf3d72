"""What the floor is told to do: the counted run of a command, without kadalu."""

import json
from pathlib import Path

from bench.counted import Count
from tests.cluster.bed import Bed

_NOT_STANDARD = ("__main__", "sitecustomize")


def write_recipe(path: Path, bed: Bed, count: Count) -> Path:
    """The floor's recipe for the nodes that were counted."""
    nodes = [
        {
            "host": bed.ips[name],
            "bytes": sent,
            "modules": _imports(bed, name, count),
            "commands": [c for c in count.commands.get(name, []) if c[0] == "systemctl"],
            "known": f"{bed.ips[name]} {_host_key(bed, name)}\n",
        }
        for name, sent in count.sent.items()
    ]
    path.write_text(json.dumps({"key": str(bed.key), "nodes": nodes}))
    return path


def _imports(bed: Bed, name: str, count: Count) -> list[str]:
    """Those of the worker's modules that a bare Python of that node can import."""
    script = (
        "import sys, json\nfound = []\n"
        f"for name in {count.modules!r}:\n"
        f"    if name in {_NOT_STANDARD!r}: continue\n"
        "    try: __import__(name)\n"
        "    except ImportError: continue\n"
        "    found.append(name)\n"
        "print(json.dumps(sorted({'json', 'subprocess', *found})))"
    )
    found: list[str] = json.loads(
        bed.docker("exec", bed.container(name), "python3", "-I", "-S", "-c", script)
    )
    return found


def _host_key(bed: Bed, name: str) -> str:
    return " ".join(bed.sh(name, "cat /etc/ssh/ssh_host_ed25519_key.pub").split()[:2])
