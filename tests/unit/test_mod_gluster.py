"""What GlusterFS's own programs and sockets say, and what we make of it."""

import socket
import struct
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.unit.node_modules import FakeContext, load

INFO = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<cliOutput><healInfo><bricks>
  <brick hostUuid="22222222-0000-4000-8000-000000000001"><name>n1:/data1/b1</name>
    <file gfid="00000000-0000-0000-0000-000000000001">/</file>
    <file gfid="07ee342f-06c5-4000-9368-5402c353f1bb">/d/f5</file>
    <file gfid="757db524-f490-4d64-9b6c-15063b58e2b2">&lt;gfid:757db524-f490-4d64-9b6c-15063b58e2b2&gt; - Possibly undergoing heal</file>
    <status>Connected</status><numberOfEntries>3</numberOfEntries></brick>
  <brick hostUuid="-"><name>n2:/data2/b2</name>
    <status>Transport endpoint is not connected</status><numberOfEntries>-</numberOfEntries></brick>
</bricks></healInfo><opRet>0</opRet><opErrno>0</opErrno><opErrstr/></cliOutput>
"""  # noqa: E501
SPLIT_BRAINS = """<cliOutput><healInfo><bricks>
  <brick hostUuid="2"><name>n1:/data1/b1</name>
    <file gfid="07ee342f-06c5-4000-9368-5402c353f1bb">/d/f5</file>
    <status>Connected</status><numberOfEntries>1</numberOfEntries></brick>
</bricks></healInfo></cliOutput>
"""
SUMMARY = """<cliOutput><healInfo><bricks>
  <brick hostUuid="2"><name>n1:/b1</name><status>Connected</status>
    <totalNumberOfEntries>9</totalNumberOfEntries>
    <numberOfEntriesInHealPending>6</numberOfEntriesInHealPending>
    <numberOfEntriesInSplitBrain>2</numberOfEntriesInSplitBrain>
    <numberOfEntriesPossiblyHealing>1</numberOfEntriesPossiblyHealing></brick>
  <brick hostUuid="-"><name>n2:/b2</name>
    <status>Failed to process entries completely. (Transport endpoint is not connected)totalNumberOfEntries0</status></brick>
</bricks></healInfo></cliOutput>
"""  # noqa: E501


@pytest.fixture
def modules(tmp_path: Path) -> Any:
    loaded = load(tmp_path)
    loaded["heal"]._LOGS = str(tmp_path / "glusterfs")
    return loaded


class Glfsheal(FakeContext):
    """Answers as glfsheal would, and keeps how it was called."""

    def __init__(self, out: str, status: int = 0) -> None:
        super().__init__()
        self.answer = (status, out, "")
        self.argv: list[str] = []

    def command(self, argv: list[str], **options: Any) -> tuple[int, str, str]:
        if "split-brain-info" in argv:  # in XML, only this list tells
            return 0, SPLIT_BRAINS, ""
        self.argv = argv
        return self.answer


def ask(modules: Any, op: str, out: str) -> tuple[list[Any], list[str]]:
    context = Glfsheal(out)
    params = {
        "op": op, "volume": "gv", "volfile": "/v.vol", "glfsheal": "/x/glfsheal", "copies": True,
    }  # fmt: skip
    return modules["heal"].run(params, context)["bricks"], context.argv


def test_heal_info(modules: Any) -> None:
    (up, down), argv = ask(modules, "info", INFO)
    assert argv == ["/x/glfsheal", "gv", "--xml", "volfile-path", "/v.vol"]
    assert (up["name"], up["count"], up["split_brain"]) == ("n1:/data1/b1", 3, 1)
    assert [(entry["path"], entry["state"]) for entry in up["entries"]] == [
        ("/", "pending"), ("/d/f5", "split-brain"), (None, "healing"),
    ]  # fmt: skip
    assert up["entries"][2]["gfid"].startswith("757db524")
    assert (down["status"], down["count"], down["entries"]) == ("disconnected", None, [])
    assert down["reason"] == "Transport endpoint is not connected"


def test_heal_summary(modules: Any) -> None:
    (up, down), argv = ask(modules, "summary", SUMMARY)
    assert argv[2:4] == ["info-summary", "--xml"]
    assert (up["count"], up["split_brain"], up["possibly_healing"]) == (9, 2, 1)
    assert (down["status"], down["count"], down["split_brain"]) == ("disconnected", None, None)
    assert down["reason"] == "Transport endpoint is not connected"


@pytest.mark.parametrize("out", ["", "gv: Not able to fetch volfile", "<cliOutput/>"])
def test_heal_that_cannot_answer_is_no_empty_answer(modules: Any, out: str) -> None:
    with pytest.raises(Exception, match="glfsheal"):
        ask(modules, "info", out)


class Process:
    """A GlusterFS process behind its socket, answering calls with prepared results."""

    def __init__(self, path: Path, *results: tuple[int, bytes, bytes]) -> None:
        self.path, self.results = str(path), list(results)
        self.requests: list[bytes] = []
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(self.path)
        self.server.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        for returned, output, message in self.results:
            connection, _ = self.server.accept()
            with connection:
                size = struct.unpack(">I", connection.recv(4))[0] & 0x7FFFFFFF
                self.requests.append(connection.recv(size, socket.MSG_WAITALL))
                body = struct.pack(">6I", 7, 1, 0, 0, 0, 0) + struct.pack(">ii", returned, 1)
                body += xdr(output) + xdr(message)
                # In two fragments: nobody promises one.
                connection.sendall(struct.pack(">I", 10) + body[:10])
                connection.sendall(struct.pack(">I", 0x80000000 | len(body) - 10) + body[10:])


def xdr(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data + b"\0" * (-len(data) % 4)


def wire(**values: str) -> bytes:
    parts = [struct.pack(">I", len(values))]
    for key, value in values.items():
        name = key.replace("__", ".").encode()
        data = value.encode() + b"\0"
        parts.append(struct.pack(">II", len(name), len(data)) + name + b"\0" + data)
    return b"".join(parts)


def test_clients_of_a_unit(modules: Any, tmp_path: Path) -> None:
    answer = wire(
        clientcount="1", client0__hostname="[fe80::1]:1023", client0__name="fuse",
        client0__bytesread="10", client0__byteswrite="20",
    )  # fmt: skip
    process = Process(tmp_path / "s", (0, answer, b""))
    unit = {"unit_id": "u", "sock": process.path, "path": "/b1", "volname": "gv"}
    gone = dict(unit, unit_id="v", sock=str(tmp_path / "none"))
    up, down = modules["clients"].run({"sockets": [unit, gone]}, FakeContext())["units"]
    assert up["clients"] == [
        {
            "host": "[fe80::1]", "address": "[fe80::1]:1023", "name": "fuse",
            "bytes_read": 10, "bytes_written": 20,
        }
    ]  # fmt: skip
    assert "does not run" in down["reason"]
    request = process.requests[0]
    assert struct.unpack_from(">6I", request)[3:] == (4867634, 2, 4)
    assert b"brick-name\0/b1\0" in request
    assert b"cmd\x002\0" in request


def test_heal_start_waits_for_a_daemon_that_is_coming_up(modules: Any, tmp_path: Path) -> None:
    done = wire(**{"0-0-status": "Started self-heal", "gv-replicate-0": "0"})
    process = Process(tmp_path / "s", (-1, b"", b""), (0, done, b""))
    daemons = [
        {"sock": process.path, "xlators": ["gv-replicate-0"]},
        {"sock": str(tmp_path / "none"), "xlators": []},
    ]
    up, down = modules["heal"].run({"op": "full", "sockets": daemons}, FakeContext())["daemons"]
    assert up["status"] == {"0-0-status": "Started self-heal"}
    assert b"xl-op\x002\0" in process.requests[0]
    assert "does not run" in down["reason"]


def test_rpc_dict_goes_there_and_back(modules: Any) -> None:
    values = {"cmd": "2", "brick-name": "/b ä", "empty": ""}
    assert modules["rpc"].unpack(modules["rpc"].pack(values)) == values
