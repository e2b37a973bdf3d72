"""The RPC that every GlusterFS process answers on its `-S` unix socket ("brick ops")."""

import os
import socket
import struct

from common import ModuleError

TRANSLATOR_OP = 3
STATUS = 4
STATUS_CLIENTS = 2
_PROGRAM, _VERSION = 4867634, 2
_LAST_FRAGMENT = 0x80000000


def call(path, procedure, name, values, limit=20.0):
    """One call to the process behind the socket `path`; returns its answer as {text: text}.

    One that could not do all it was asked, and says which parts, has answered as well.

    `values`: {text: text or int}. Raises OSError when nobody listens, ModuleError (`glusterfs`)
    when the process refuses. `limit` in seconds, for each step.
    """
    body = _opaque(name.encode()) + struct.pack(">i", procedure)
    body += _opaque(pack(values)) + _opaque(b"")
    head = struct.pack(">10I", os.getpid(), 0, 2, _PROGRAM, _VERSION, procedure, 0, 0, 0, 0)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(limit)
        connection.connect(path)
        message = head + body
        connection.sendall(struct.pack(">I", _LAST_FRAGMENT | len(message)) + message)
        return _result(_record(connection), path)
    finally:
        connection.close()


def pack(values):
    """{text: text or int} → GlusterFS's dict on the wire; numbers travel as text."""
    parts = [struct.pack(">I", len(values))]
    for key, value in values.items():
        name, data = key.encode() + b"\0", str(value).encode() + b"\0"
        # The key's length leaves its NUL out, the value's does not.
        parts.append(struct.pack(">II", len(name) - 1, len(data)) + name + data)
    return b"".join(parts)


def unpack(data):
    """The reverse of `pack`, everything as text."""
    if len(data) < 4:
        return {}
    values, offset = {}, 4
    for _ in range(struct.unpack_from(">I", data)[0]):
        key_size, value_size = struct.unpack_from(">II", data, offset)
        start = offset + 8 + key_size + 1
        key, value = data[offset + 8 : start - 1], data[start : start + value_size]
        values[_text(key)] = _text(value.split(b"\0")[0])
        offset = start + value_size
    return values


def _text(data):
    return data.decode("utf-8", "backslashreplace")


def _opaque(data):
    """XDR: length, bytes, padding to four."""
    return struct.pack(">I", len(data)) + data + b"\0" * (-len(data) % 4)


def _record(connection):
    """One record: fragments until the one that says it is the last."""
    data, last = b"", False
    while not last:
        mark = struct.unpack(">I", _exactly(connection, 4))[0]
        last = bool(mark & _LAST_FRAGMENT)
        data += _exactly(connection, mark & ~_LAST_FRAGMENT)
    return data


def _exactly(connection, count):
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise ModuleError("glusterfs", "the process closed its socket in mid-answer")
        data += part
    return data


def _result(data, path):
    """Reply header (xid, REPLY, accepted, verifier, success), then the operation's own answer."""
    verifier = struct.unpack_from(">I", data, 16)[0]
    offset = 20 + verifier + -verifier % 4
    status, returned, number = struct.unpack_from(">Iii", data, offset)
    if status != 0:
        raise ModuleError("glusterfs", "%s: the process does not know this call" % path)
    output, offset = _read_opaque(data, offset + 12)
    message, _ = _read_opaque(data, offset)
    values = unpack(output)
    if returned != 0 and not values:
        reason = _text(message.rstrip(b"\0")) or os.strerror(abs(number) or abs(returned))
        raise ModuleError("glusterfs", "%s: %s" % (path, reason))
    return values


def _read_opaque(data, offset):
    size = struct.unpack_from(">I", data, offset)[0]
    start = offset + 4
    return data[start : start + size], start + size + -size % 4
