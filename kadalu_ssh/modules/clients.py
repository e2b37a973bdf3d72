"""Who is connected to storage units."""

import rpc
from common import ModuleError


def run(params, ctx):
    """{"sockets": [{"unit_id", "sock", "path", "volname"}]}
    → {"units": [{"unit_id", "reason": text | None, "clients": [{"host", "address", "name",
    "bytes_read", "bytes_written"}]}]}; `reason` says why a unit could not be asked. `name` is the
    kind of process as GlusterFS 11 tells it (`fuse`, `glustershd`, ...), empty on 10.
    """
    return {"units": [_ask(unit, ctx) for unit in params["sockets"]]}


def _ask(unit, ctx):
    ctx.check_cancelled()
    values = {"cmd": rpc.STATUS_CLIENTS, "brick-name": unit["path"], "volname": unit["volname"]}
    answer = {"unit_id": unit["unit_id"], "reason": None, "clients": []}
    try:
        answer["clients"] = _clients(rpc.call(unit["sock"], rpc.STATUS, unit["path"], values))
    except OSError as error:
        answer["reason"] = "it does not run (%s)" % error.strerror
    except ModuleError as error:
        answer["reason"] = error.reason
    return answer


def _clients(values):
    clients = []
    for number in range(int(values.get("clientcount", "0"))):
        found = {
            key: values.get("client%d.%s" % (number, key), "")
            for key in ("hostname", "name", "bytesread", "byteswrite")
        }
        clients.append({
            "host": found["hostname"].rpartition(":")[0], "address": found["hostname"],
            "name": found["name"], "bytes_read": int(found["bytesread"] or 0),
            "bytes_written": int(found["byteswrite"] or 0),
        })  # fmt: skip
    return clients
