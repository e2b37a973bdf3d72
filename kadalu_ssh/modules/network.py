"""What this host sees of the network: its own ports, other hosts' names, and the hosts."""

import socket
import threading
import time

_LIMIT = 5.0
_NO_ANSWER = "no answer within %g s" % _LIMIT


def listening_ports():
    """TCP ports that something listens on, IPv4 and IPv6."""
    ports = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table) as file:
                rows = [line.split() for line in file.readlines()[1:]]
        except OSError:
            continue  # a kernel without IPv6
        ports.update(int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == "0A")
    return ports


def _all_at_once(work, arguments):
    """Run `work` in a thread each, for at most _LIMIT seconds in all."""
    threads = [threading.Thread(target=work, args=each, daemon=True) for each in arguments]
    for thread in threads:
        thread.start()
    end = time.monotonic() + _LIMIT + 0.2
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))


def resolve(names):
    """{name: [addresses] | None}, all at once; a resolver that does not answer counts as None."""
    found = dict.fromkeys(names)
    _all_at_once(_look_up, [(name, found) for name in found])
    return dict(found)


def _look_up(name, found):
    try:
        infos = socket.getaddrinfo(name, None, 0, socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return
    found[name] = sorted({info[4][0] for info in infos})


def reach(targets):
    """[[name, port]] → {name: None, or why no packet comes back from it}.

    A port where nobody listens is as good as one where somebody does: a refusal is an answer. A
    firewall between the hosts shows as silence.
    """
    found = dict.fromkeys([name for name, _ in targets], _NO_ANSWER)
    _all_at_once(_knock, [(name, port, found) for name, port in targets])
    return dict(found)


def _knock(name, port, found):
    try:
        socket.create_connection((name, port), _LIMIT).close()
        found[name] = None
    except ConnectionRefusedError:
        found[name] = None
    except socket.timeout:
        found[name] = _NO_ANSWER
    except (OSError, UnicodeError) as error:
        found[name] = getattr(error, "strerror", None) or str(error)
