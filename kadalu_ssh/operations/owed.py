"""A task that is undone while a host is away: what the host takes back when it answers again. Pure.

Without this a host that dies for good in the middle of a command would block its cluster for ever.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence

import msgspec

from kadalu_ssh.manifest import owner_of
from kadalu_ssh.model.records import Behind, Document, Tombstone
from kadalu_ssh.operations.converge_phase import Converge
from kadalu_ssh.operations.host_phases import Claim
from kadalu_ssh.operations.lag import giving_up
from kadalu_ssh.operations.phases import Phase
from kadalu_ssh.operations.unit_phases import InitUnits


def owed(document: Document, entered: Sequence[Phase], absent: Collection[str]) -> Document:
    """The document as it was before the task, with what `absent` hosts have yet to undo."""
    known = {owner_of(v) for v in document.volumes} | {owner_of(c) for c in document.clients}
    there = {(host, owner) for host, owner in _written(entered, absent)}
    late = [Behind(host=h, owner=o, serial=document.serial) for h, o in there if o in known]
    tombs = [*_hosts(entered, absent), *_units(entered, absent)]
    buried = {(tomb.host, tomb.owner) for tomb in tombs}
    tombs += [Tombstone(owner=o, host=h) for h, o in there - buried if o not in known]
    behind = {(b.host, b.owner): b for b in (*late, *document.behind)}
    return msgspec.structs.replace(
        document,
        behind=tuple(behind[place] for place in sorted(behind)),
        tombstones=(*document.tombstones, *sorted(tombs, key=lambda t: (t.host, t.owner))),
    )


def _of(phase: Phase, absent: Collection[str]) -> Iterable[str]:
    return (host for host in phase.hosts if host in absent)


def _written(entered: Sequence[Phase], absent: Collection[str]) -> Iterator[tuple[str, str]]:
    for phase in entered:
        if isinstance(phase, Converge):
            yield from ((host, owner) for host in _of(phase, absent) for owner in phase.owners)


def _hosts(entered: Sequence[Phase], absent: Collection[str]) -> Iterator[Tombstone]:
    for phase in entered:
        if isinstance(phase, Claim):
            yield from (giving_up(host, phase.names[host]) for host in _of(phase, absent))


def _units(entered: Sequence[Phase], absent: Collection[str]) -> Iterator[Tombstone]:
    for phase in entered:
        if isinstance(phase, InitUnits):
            for host in _of(phase, absent):
                for unit in phase.units[host]:
                    yield Tombstone(
                        owner=f"volume:{unit['volume_id']}", host=host, unit=unit["unit_id"],
                        path=unit["path"], volume=unit["volume_id"], undo=True,
                    )  # fmt: skip
