"""Who is connected to the storage units of a volume, as the units say."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from kadalu_ssh.manifest import Paths
from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.records import Volume
from kadalu_ssh.operations.session import Session

OWN_DAEMONS = ("glustershd", "self-heal", "kadalu-crawl")
"""Names of clients that are the volume's own. (GlusterFS 10 does not tell them apart.)"""


def clients_of(rows: Iterable[Json]) -> set[str]:
    """Addresses of the hosts that use a unit, its volume's own daemons left out."""
    return {str(row["host"]) for row in rows if row["name"] not in OWN_DAEMONS}


def late(found: Mapping[str, list[Json]], old: Collection[str], new: Collection[str]) -> list[str]:
    """Hosts that are connected to `old` units, and not, or with fewer processes, to a `new` one."""
    seen = {unit: _connections(rows) for unit, rows in found.items()}
    most: Counter[str] = Counter()
    for unit in old:
        most |= seen.get(unit, Counter())
    return sorted({h for u in new if u in seen for h in most if seen[u][h] < most[h]})


def _connections(rows: Iterable[Json]) -> Counter[str]:
    """Host → how many processes of it are connected.

    Where they tell what they are, one: a mount has two connections while it changes its graph.
    Where they do not, as on GlusterFS 10, a mount that lacks a unit is only told by their number.
    """
    rows = list(rows)
    unnamed = Counter(str(row["host"]) for row in rows if not row["name"])
    return unnamed + Counter(clients_of(row for row in rows if row["name"]))


async def connected(session: Session, volume: Volume) -> dict[str, list[Json]]:
    """Unit id → its clients, of the units that answer; rows as `modules/clients.py` has them."""
    paths = Paths(session.document.cluster_id)
    sockets: dict[str, list[Json]] = {}
    for slot in volume.slots:
        unit = slot.unit
        sockets.setdefault(unit.node, []).append(
            {
                "unit_id": unit.id, "sock": paths.socket("b", unit.id), "path": unit.path,
                "volname": volume.xlator_name,
            }
        )  # fmt: skip
    params = {node: {"sockets": listed} for node, listed in sockets.items()}
    good, _ = session.split(await session.call("clients", params))
    rows = [row for answer in good.values() for row in answer["units"] if not row["reason"]]
    return {row["unit_id"]: row["clients"] for row in rows}
