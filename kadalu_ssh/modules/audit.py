"""Lines in this host's journal: who changed it, from where, with which command, what came of it."""

import syslog

_FIELDS = ("task", "who", "command")


def begin(ctx, fence):
    """The first change of this worker. Said once, and ended by `end`."""
    if "audit" not in ctx.state and fence.get("who"):
        ctx.state["audit"] = {key: fence.get(key, "") for key in _FIELDS}
        _say(ctx.state["audit"], "begins")


def end(state, result):
    """`result`: what the controller said in the end, None when it went away without a word."""
    if "audit" in state:
        _say(state["audit"], result or "connection lost")


def _say(line, what):
    words = ["%s=%s" % (key, ascii(line[key])) for key in _FIELDS]
    try:
        syslog.openlog("kadalu", 0, syslog.LOG_AUTHPRIV)
        syslog.syslog(syslog.LOG_NOTICE, "%s %s" % (" ".join(words), what))
    except OSError:
        pass  # a host without a journal is no reason to stop
