"""One operation, run in this process and counted: what it sends, and what its nodes run."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kadalu_ssh.fleet import Fleet, FleetStats, channel, payload
from kadalu_ssh.operations import session
from kadalu_ssh.operations.context import Context, Outcome, Settings
from tests.cluster.bed import Bed

LOG = "/run/kadalu-bench.log"
_SPIES = (
    (
        "        self.check_cancelled()\n        child = subprocess.Popen(",
        f"        open({LOG!r}, 'a').write(json.dumps(argv) + chr(10))\n"
        "        self.check_cancelled()\n        child = subprocess.Popen(",
    ),
    (
        "    os._exit(0)",
        f"    open({LOG!r}, 'a').write(json.dumps(dict(modules=sorted(sys.modules))) + chr(10))\n"
        "    os._exit(0)",
    ),
)


@dataclass
class Count:
    """What a command needed. `commands` and `modules` are those of one node."""

    stats: FleetStats = field(default_factory=FleetStats)
    sent: dict[str, int] = field(default_factory=dict)
    """Bytes on stdin of the one process, by node name."""
    calls: dict[str, list[str]] = field(default_factory=dict)
    """Modules called, by node name, `meta` with its operation."""
    commands: dict[str, list[list[str]]] = field(default_factory=dict)
    modules: list[str] = field(default_factory=list)


class _Silent:
    def progress(self, node: str, text: str) -> None: ...
    def warn(self, text: str) -> None: ...
    def confirm(self, question: str) -> None: ...
    def confirm_name(self, question: str, name: str) -> None: ...


def context(workspace: Path) -> Context:
    """As the command line makes it."""
    return Context(Settings(workspace=workspace, inventory=workspace / "inventory.yml"), _Silent())


async def count(bed: Bed, nodes: list[str], operation: Callable[[], Awaitable[Outcome]]) -> Count:
    """Run `operation` with every channel and every worker telling what it does."""
    found = Count()
    made: list[Fleet] = []
    patched: Any = channel.FleetChannel
    any_channel: Any = channel
    any_session: Any = session
    restore = (any_session.Fleet, any_channel.boot_message, patched.call, patched.start)

    class Recorded(Fleet):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            made.append(self)

    async def call(self: Any, module: str, params: Any, **more: Any) -> Any:
        name = f"{module}:{params['op']}" if module == "meta" else module
        found.calls.setdefault(self.name, []).append(name)
        return await restore[2](self, module, params, **more)

    async def start(self: Any, limit: float, modules: bool = True) -> None:
        write = self.pipe.write
        found.sent[self.name] = 0

        def counted(data: bytes) -> None:
            found.sent[self.name] += len(data)
            write(data)

        self.pipe.write = counted
        await restore[3](self, limit, modules)

    any_session.Fleet, any_channel.boot_message = Recorded, _spying_worker
    patched.call, patched.start = call, start
    try:
        bed.on_all(nodes, f"rm -f {LOG}")
        await operation()
    finally:
        any_session.Fleet, any_channel.boot_message, patched.call, patched.start = restore
    found.stats = made[0].stats
    for node in nodes:
        lines = [json.loads(line) for line in bed.sh(node, f"cat {LOG}").splitlines()]
        found.commands[node] = [line for line in lines if isinstance(line, list)]
        found.modules = next(line["modules"] for line in lines if isinstance(line, dict))
    return found


def _spying_worker() -> bytes:
    """The worker, which also logs the commands it runs and the modules it has loaded."""
    import zlib

    boot = payload.boot_message()
    source = zlib.decompress(boot.partition(b"\n")[2]).decode()
    for plain, spying in _SPIES:
        assert source.count(plain) == 1, plain
        source = source.replace(plain, spying)
    data = zlib.compress(source.encode(), 9)
    return b"%d\n%s" % (len(data), data)
