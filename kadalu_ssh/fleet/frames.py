"""The frames of the worker protocol (see modules/worker.py), on the controller's side."""

import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any, Protocol

from kadalu_ssh.fleet.payload import MAGIC, PROGRAM
from kadalu_ssh.model.channel import Json

_COMPRESS_OVER = 4096
_HEAD = struct.Struct(">cI")


class Source(Protocol):
    """Where frames come from: a process on a node, or the keeper's socket."""

    async def read(self, count: int) -> bytes: ...


def packed(message: Mapping[str, Any]) -> bytes:
    """A message as a frame."""
    data, kind = json.dumps(message).encode(), b"J"
    if len(data) > _COMPRESS_OVER:
        kind, data = b"Z", zlib.compress(data, 3)
    return _HEAD.pack(kind, len(data)) + data


def unpacked(frame: bytes) -> Json:
    """The message of a frame."""
    data = frame[_HEAD.size :]
    message: Json = json.loads(zlib.decompress(data) if frame[:1] == b"Z" else data)
    return message


class FrameReader:
    """Cuts what is read into frames. Raises EOFError at the end of the stream."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._buffer = b""

    async def skip_noise(self) -> None:
        """What a login shell prints comes before the worker's first line."""
        while MAGIC not in self._buffer:
            self._buffer += await self._more()
        self._buffer = self._buffer.partition(MAGIC)[2]

    async def frame(self) -> bytes:
        """The next frame, whole."""
        head = await self._exactly(_HEAD.size)
        return head + await self._exactly(_HEAD.unpack(head)[1])

    async def message(self) -> Json:
        return unpacked(await self.frame())

    async def _exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._buffer += await self._more()
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    async def _more(self) -> bytes:
        data = await self._source.read(65536)
        if not data:
            raise EOFError(PROGRAM)
        return data
