"""How crawls are: their services, and what they wrote down."""

import systemd
from common import ModuleError, read_json


def run(params, ctx):
    """{"crawls": [{"group", "service", "status": path}]} → {"crawls": [{"group", "active": bool,
    "state": systemd's, "why": text, "book": what crawl_book.py keeps, or None}]}.
    """
    states = systemd.show(ctx, [crawl["service"] for crawl in params["crawls"]])
    return {"crawls": [_crawl(crawl, states[crawl["service"]]) for crawl in params["crawls"]]}


def _crawl(crawl, state):
    return {
        "group": crawl["group"], "active": systemd.is_active(state), "state": state["SubState"],
        "why": systemd.failure(state), "book": _book(crawl["status"]),
    }  # fmt: skip


def _book(path):
    try:
        book = read_json(path)
    except ModuleError:
        return None  # damaged: as if it had not begun
    if book:
        book.pop("left", None)  # many names, for nobody but the crawl
    return book
