"""Nodes without SSH: the real node modules, one directory per node, in this process."""

import json
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any, Self

import pytest

from kadalu_ssh.fleet.settings import NodeFailure
from kadalu_ssh.model.channel import CallFailed, ChannelLost
from kadalu_ssh.model.records import Capabilities, Document, Node
from kadalu_ssh.operations import session
from kadalu_ssh.operations.context import Context, Settings
from kadalu_ssh.state.document import encode
from tests.unit.node_modules import FakeContext, Json, load

CLUSTER = "c0ffee00-0000-4000-8000-000000000001"


class FakeNodes:
    """What the hosts of an inventory hold, and which of them are down."""

    def __init__(self, root: Path, names: Iterable[str]) -> None:
        self.root = root
        self.modules = {name: load(root / name) for name in names}
        for name in self.modules:
            self.home(name)
        self.down: set[str] = set()
        self.channels: list[FakeChannel] = []
        self.calls: list[tuple[str, str, Json]] = []
        lines = ["all:", "  hosts:", *(f"    {name}:" for name in self.modules)]
        (root / "inventory.yml").write_text("\n".join(lines) + "\n")

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(session, "Fleet", lambda settings: FakeFleet(self, settings))

    def home(self, name: str, cluster_id: str = CLUSTER) -> Path:
        path = self.root / name / "lib" / cluster_id / "meta"
        if not path.exists():
            path.mkdir(parents=True)
            identity = {"cluster_id": cluster_id, "node_id": node_id(name), "name": name}
            (path.parent / "identity.json").write_text(json.dumps(identity))
        return path

    def give(self, name: str, document: Document | str) -> None:
        """A replica, as if a command had written it."""
        if isinstance(document, str):
            (self.home(name) / "document.json").write_text(document)
        else:
            home = self.home(name, document.cluster_id)
            (home / "document.json").write_text(encode(document))

    def replica(self, name: str) -> str | None:
        path = self.home(name) / "document.json"
        return path.read_text() if path.exists() else None

    def cut(self, name: str) -> None:
        """The connections to a host are lost; new ones can be made, unless it is `down`."""
        for channel in self.channels:
            channel.lost |= channel.name == name

    def ops(self) -> set[str]:
        """Of the module meta: what was asked."""
        return {params["op"] for _, module, params in self.calls if module == "meta"}


class FakeFleet:
    def __init__(self, nodes: FakeNodes, settings: Any) -> None:
        self.nodes = nodes
        self.settings = settings
        self.channels: list[FakeChannel] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        for channel in self.channels:
            channel.context.state.clear()  # The handles go, and the locks with them.

    async def open(self, reaches: Iterable[Any], on_ready: Any = None, modules: bool = True) -> Any:
        opened = SimpleNamespace(channels={}, failures={})
        for reach in reaches:
            if reach.name in self.nodes.down:
                opened.failures[reach.name] = NodeFailure("timeout", "connect timed out")
            else:
                channel = FakeChannel(self.nodes, reach.name)
                opened.channels[reach.name] = channel
                self.channels.append(channel)
                self.nodes.channels.append(channel)
        return opened


class FakeChannel:
    def __init__(self, nodes: FakeNodes, name: str) -> None:
        self.lost = False
        self.nodes = nodes
        self.name = name
        self.context = FakeContext()
        self.hello: Json = {"clusters": nodes.modules[name]["common"].memberships()}

    async def call(self, module: str, params: Any, **_: Any) -> Json:
        if self.lost:
            raise ChannelLost("connection lost")
        self.nodes.calls.append((self.name, module, dict(params)))
        try:
            result: Json = self.nodes.modules[self.name][module].run(params, self.context)
            return result
        except Exception as error:
            kind = getattr(error, "kind", "bug")
            raise CallFailed(kind, getattr(error, "reason", str(error))) from error


class Answers:
    """A Reporter that agrees, or does not; keeps what it was asked."""

    def __init__(self, agrees: bool = True) -> None:
        self.agrees = agrees
        self.asked: list[str] = []
        self.warned: list[str] = []

    def progress(self, node: str, text: str) -> None:
        pass

    def warn(self, text: str) -> None:
        self.warned.append(text)

    def confirm(self, question: str) -> None:
        from kadalu_ssh.model.errors import Refused

        self.asked.append(question)
        if not self.agrees:
            raise Refused("not confirmed; nothing was changed")

    def confirm_name(self, question: str, name: str) -> None:
        self.confirm(question)


def context(root: Path, reporter: Answers | None = None, **more: Any) -> Context:
    settings = Settings(
        workspace=root, inventory=root / "inventory.yml", lock_timeout=0.0, command="test", **more
    )
    return Context(settings, reporter or Answers())


def node_id(name: str) -> str:
    return f"id-{name}"


def document_of(*names: str, serial: int = 1, **more: Any) -> Document:
    """A document with those nodes, all meta servers."""
    nodes = tuple(
        Node(id=node_id(n), name=n, address=n, capabilities=Capabilities(glusterfs="11.1"))
        for n in names
    )
    meta = tuple(node.id for node in nodes)
    fields: dict[str, Any] = {"cluster_id": CLUSTER, "name": "prod", "serial": serial, **more}
    return Document(nodes=nodes, meta_servers=meta, **fields)
