"""The floor, a process of its own: `floor.py RECIPE`. Imports nothing of kadalu.

Connects to the recipe's nodes, runs one exec on each that reads as many bytes as kadalu sends,
imports the same modules of the standard library, runs the same systemctl calls; closes.
"""

import asyncio
import json
import shlex
import sys
from pathlib import Path
from typing import Any

import asyncssh

_ON_NODE = """
import sys
data = sys.stdin.buffer.read(%d)
import %s
for argv in json.loads(%r):
    subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
print(len(data))
"""


async def _one(node: dict[str, Any], key: asyncssh.SSHKey) -> None:
    program = _ON_NODE % (node["bytes"], ", ".join(node["modules"]), json.dumps(node["commands"]))
    async with asyncssh.connect(
        node["host"], 22, username="root", client_keys=[key], config=None, agent_path=None,
        known_hosts=asyncssh.import_known_hosts(node["known"]), preferred_auth="publickey",
    ) as conn:  # fmt: skip
        line = shlex.join(["/usr/bin/python3", "-I", "-S", "-c", program])
        done = await conn.run(line, input=bytes(node["bytes"]), encoding=None, check=True)
        assert int(done.stdout or 0) == node["bytes"]


async def main(path: str) -> None:
    recipe = json.loads(Path(path).read_text())  # noqa: ASYNC240 - nothing else runs yet
    key = asyncssh.read_private_key(recipe["key"])
    await asyncio.gather(*(_one(node, key) for node in recipe["nodes"]))


asyncio.run(main(sys.argv[1]))
