"""The one Python that a command has on a node: reads calls on stdin, answers on stdout.

It is sent over SSH and run from memory; nothing of it is written to the node. Python 3.6,
standard library only.

A frame is one byte (`J` JSON, `Z` compressed JSON), four bytes of length (big-endian), the payload.
The worker says {"hello"} first. It is sent {"modules": {name: source}} once, then calls {"id",
"module", "params", "limit"}, answered in order by {"id", "result"} or {"id", "error": {"kind",
"reason", "detail"}}, with {"id", "event"} in between. {"heartbeat": 1} goes both ways; {"bye": what
came of the command} is the end. {"again": what came of it} ends a command, too, but the worker
stays for another one, and says {"hello"} anew. Modules import each other by their bare names.
"""

import importlib
import importlib.machinery
import json
import os
import queue
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback
import zlib

MAGIC = b"KADALU-WORKER-1\n"
HEARTBEAT = 5.0
SILENCE = 30.0
COMPRESS_OVER = 4096

# Sources that came with this one; the controller puts them before it.
BOOT = globals().get("BOOT", {})


class Cancelled(Exception):
    """The controller is gone, or the call is over its limit."""


class Context(object):
    """What a module is given besides its parameters."""

    def __init__(self, worker, call_id, limit):
        self._worker = worker
        self._id = call_id
        self.deadline = time.monotonic() + limit
        self.state = worker.state

    def event(self, value):
        """Tell the controller how far the work is."""
        self._worker.send({"id": self._id, "event": value})

    def check_cancelled(self):
        """Raise Cancelled when the result is not wanted any more."""
        if self._worker.stopping.is_set() or time.monotonic() > self.deadline:
            raise Cancelled()

    def command(self, argv, input=None, limit=None, env=None):
        """Run a program, no shell. Returns (exit status, stdout, stderr) as text.

        Raises Cancelled, with the program killed, at the call's limit or when the controller is
        gone; returns status 124 at its own `limit` (seconds).
        """
        self.check_cancelled()
        child = subprocess.Popen(
            argv, stdin=subprocess.PIPE if input is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, start_new_session=True,
        )  # fmt: skip
        self._worker.child = child
        try:
            return self._talk(child, input, limit)
        finally:
            self._worker.child = None

    def _talk(self, child, input, limit):
        end = self.deadline if limit is None else min(self.deadline, time.monotonic() + limit)
        data = input.encode("utf-8") if input is not None else None
        while True:
            try:
                out, err = child.communicate(data, timeout=0.5)
                break
            except subprocess.TimeoutExpired:
                data = None
                if time.monotonic() > end or self._worker.stopping.is_set():
                    kill(child)
                    self.check_cancelled()
                    return 124, "", "%s took longer than its limit" % child.args[0]
        return child.returncode, text(out), text(err)


def text(data):
    """Bytes of a program's output → text, undecodable bytes escaped."""
    return data.decode("utf-8", "backslashreplace")


def kill(child):
    """Kill a program and all that it started, and wait for it."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except OSError:
        pass
    child.communicate()


class Worker(object):
    """Reads frames in a thread, runs calls one at a time in the main thread."""

    def __init__(self, source, out):
        self.source = source
        self.out = out
        self.out_lock = threading.Lock()
        self.stopping = threading.Event()
        self.calls = queue.Queue()
        self.heard = time.monotonic()
        self.sources = dict(BOOT)
        self.state = {}
        self.child = None
        self.bye = None

    # --- frames ---

    def send(self, message):
        """Write one frame; a reader that is gone ends the worker."""
        data = json.dumps(message).encode("utf-8")
        kind = b"J"
        if len(data) > COMPRESS_OVER:
            kind, data = b"Z", zlib.compress(data, 3)
        frame = kind + struct.pack(">I", len(data)) + data
        with self.out_lock:
            try:
                while frame:
                    frame = frame[os.write(self.out, frame) :]
            except OSError:
                self.stop()

    def receive(self):
        """Read one frame; None at the end of the stream."""
        head = self.source.read(5)
        if len(head) < 5:
            return None
        data = self.source.read(struct.unpack(">I", head[1:])[0])
        if head[:1] == b"Z":
            data = zlib.decompress(data)
        return json.loads(data.decode("utf-8"))

    # --- threads ---

    def read_frames(self):
        """Reader thread: everything heard counts as a sign of life."""
        try:
            message = self.receive()
            while message is not None and "bye" not in message:
                self.heard = time.monotonic()
                if "heartbeat" not in message:
                    self.calls.put(message)
                message = self.receive()
            self.bye = (message or {}).get("bye")
        except Exception:  # noqa: S110 - a broken stream is the end, like EOF
            pass
        self.stop()

    def beat(self):
        """Heartbeat thread; also notices silence."""
        while not self.stopping.wait(HEARTBEAT):
            if time.monotonic() - self.heard > SILENCE:
                self.stop()
            else:
                self.send({"heartbeat": 1})

    def stop(self):
        """Run no further call; the one that runs sees it and ends."""
        self.stopping.set()
        self.calls.put(None)

    # --- calls ---

    def serve(self):
        """Until the controller says bye, goes away, or is silent for SILENCE seconds."""
        for target in (self.read_frames, self.beat):
            threading.Thread(target=target, daemon=True).start()
        self.send({"hello": hello()})
        while True:
            message = self.calls.get()
            if message is None or self.stopping.is_set():
                return
            if "modules" in message:
                self.sources.update(message["modules"])
            elif "again" in message:
                self.end_command(message["again"])
                self.send({"hello": hello()})
            else:
                self.send(self.answer(message))

    def end_command(self, result):
        """Say what came of it, and let go of its locks: no call runs, and none has left a child."""
        if "audit" in self.state:
            importlib.import_module("audit").end(self.state, result)
        for handle in self.state.pop("locks", {}).values():
            os.close(handle)
        self.state.clear()

    def answer(self, message):
        """One call → its result or its error."""
        reply = {"id": message["id"]}
        limit = message.get("limit", 60.0)
        try:
            run = importlib.import_module(message["module"]).run
            reply["result"] = run(message["params"], Context(self, message["id"], limit))
        except Cancelled:
            reason = "%s took longer than %g s" % (message["module"], limit)
            reply["error"] = {"kind": "timeout", "reason": reason, "detail": ""}
        except Exception as error:
            reply["error"] = describe(error)
        return reply

    # importlib's finder protocol, so that `from common import X` works
    def find_spec(self, name, path=None, target=None):
        if name not in self.sources:
            return None
        return importlib.machinery.ModuleSpec(name, self)

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        code = compile(self.sources[module.__name__], "<kadalu>/%s.py" % module.__name__, "exec")
        exec(code, module.__dict__)  # noqa: S102 - our own source, over the channel


def describe(error):
    """An exception → what the controller is told."""
    kind = getattr(error, "kind", None)
    if kind is not None:
        return {"kind": kind, "reason": error.reason, "detail": error.detail}
    detail = traceback.format_exc()
    if isinstance(error, OSError) and error.strerror:
        where = ": %s" % error.filename if error.filename else ""
        return {"kind": "os", "reason": error.strerror + where, "detail": detail}
    return {"kind": "bug", "reason": "%s: %s" % (type(error).__name__, error), "detail": detail}


def hello():
    """Who and where this worker is."""
    common = importlib.import_module("common")
    return {
        "python": "%d.%d.%d" % sys.version_info[:3], "uid": os.getuid(),
        "hostname": socket.gethostname(), "boot_id": common.boot_id(), "time": time.time(),
        "clusters": common.memberships(),
    }  # fmt: skip


def main():
    """Serve on the stdin and stdout that SSH gave."""
    out = os.dup(1)
    os.set_inheritable(out, False)
    # Whatever a module prints by mistake must not get between the frames.
    os.dup2(2, 1)
    os.umask(0o077)
    os.environ["LC_ALL"] = "C"
    os.environ["PATH"] = os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin"
    worker = Worker(sys.stdin.buffer, out)
    # `state unlock` ends it so: what it runs is killed before its locks go. In a thread, since the
    # handler may interrupt the main one inside the queue.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=worker.stop).start())
    sys.meta_path.insert(0, worker)
    os.write(out, MAGIC)
    worker.serve()
    child = worker.child
    if child is not None:
        kill(child)
    if "audit" in worker.state:
        importlib.import_module("audit").end(worker.state, worker.bye)
    # Locks are let go by the exit: not before, since a child might still be changing things.
    os._exit(0)


if __name__ == "__main__":
    main()
