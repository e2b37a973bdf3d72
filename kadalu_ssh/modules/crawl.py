"""`crawl.py CONFIG`: one group's part of a rebalance, as a service beside one of its storage units.

It needs no controller: it writes down how far it is, and goes on from there when it is started
again. A file is moved by a mount of the volume: DHT copies it, and takes the old one away.
"""

import signal
import sys
import threading

import crawl_book
import crawl_work
import private_mount
from common import ModuleError, read_json


def main(path):
    """The service's process; returns its exit status."""
    job = read_json(path)
    book = crawl_book.Book(job["status"], job["kind"] != "layout")
    if book["state"] == "complete":
        return 0
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    book.begin()
    try:
        done = _on_mount(job, book, stopping)
    except (ModuleError, OSError) as error:
        book.end("failed", getattr(error, "reason", None) or str(error))
        return 1
    book.end("complete" if done else "interrupted")
    return 0


def _on_mount(job, book, stopping):
    private_mount.mount(
        private_mount.program, job["glusterfs"], job["volfile"], job["mount"], job["log"]
    )
    try:
        return crawl_work.work(job, book, stopping)
    finally:
        private_mount.unmount(private_mount.program, job["mount"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
