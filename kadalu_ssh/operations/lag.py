"""What hosts missed: written down when a command goes on without them, gone once they have it.

Pure. `behind` are changes of something that exists; tombstones are what should be gone.
"""

from collections.abc import Collection, Iterable, Iterator

import msgspec

from kadalu_ssh.manifest import brick_service, owner_of, shd_service
from kadalu_ssh.model.records import Behind, Document, Tombstone, Volume
from kadalu_ssh.operations.converge_phase import Converge, StopUnwanted
from kadalu_ssh.operations.phases import Phase, Report


def settled(document: Document, phases: Iterable[Phase], report: Report) -> Document:
    """The document with what hosts confirmed taken out, and what they missed written down."""
    there = set(_places(document))
    known = {(b.host, b.owner): b for b in document.behind}
    for place in _expected(phases) - report.reached:
        host, owner = place
        known.setdefault(place, Behind(host=host, owner=owner, serial=document.serial))
    left = (b for b in known.values() if (b.host, b.owner) in there)
    behind = tuple(
        sorted(
            (b for b in left if (b.host, b.owner) not in report.reached),
            key=lambda b: (b.host, b.owner),
        )
    )
    tombs = tuple(t for t in document.tombstones if not _confirmed(t, report))
    return msgspec.structs.replace(document, behind=behind, tombstones=tombs)


def _expected(phases: Iterable[Phase]) -> set[tuple[str, str]]:
    """(host, owner) that phases which go on without hosts were to reach."""
    return {
        (host, owner)
        for phase in phases
        if isinstance(phase, Converge) and phase.tolerant
        for host in phase.targets
        for owner in phase.owners
    }


def _places(document: Document) -> Iterator[tuple[str, str]]:
    """(host, owner) of everything that there is."""
    for volume in document.volumes:
        yield from ((slot.unit.node, owner_of(volume)) for slot in volume.slots)
    for client in document.clients:
        yield client.host, owner_of(client)


def is_gone(tomb: Tombstone, report: Report) -> bool:
    """Whether its host has nothing of it any more, as it said itself."""
    return not report.reached.isdisjoint(
        {(tomb.host, tomb.owner), (tomb.host, f"unit:{tomb.unit}")}
    )


def _confirmed(tomb: Tombstone, report: Report) -> bool:
    gone = is_gone(tomb, report)
    ends = tomb.wipe or tomb.undo
    return gone and (not ends or (tomb.host, tomb.unit) in report.wiped)


# --- hosts that are given up themselves ---


def host_owner(host: str) -> str:
    """The owner in the tombstone of a host that is no longer wanted."""
    return f"host:{host}"


def giving_up(host: str, name: str) -> Tombstone:
    return Tombstone(owner=host_owner(host), host=host, name=name)


def given_up(document: Document) -> dict[str, str]:
    """Host id → inventory name, of hosts that left the document and have not confirmed it."""
    return {t.host: t.name for t in document.tombstones if t.name is not None}


# --- what may be stopped on a host that comes back ---


def services_of(volume: Volume) -> tuple[str, ...]:
    """Names of its storage unit and self-heal services, on whichever node they are."""
    bricks = tuple(brick_service(slot.unit.id) for slot in volume.slots)
    return (*bricks, shd_service(volume.id)) if volume.heals else bricks


def _buried_services(tombs: Iterable[Tombstone]) -> Iterator[str]:
    for tomb in tombs:
        if tomb.unit:
            yield brick_service(tomb.unit)
        if tomb.volume:
            yield shd_service(tomb.volume)


def unwanted(document: Document) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(owners, services) of everything that the document says must not run."""
    resting = {node.id for node in document.nodes if node.resting}
    idle = [
        volume
        for volume in document.volumes
        if volume.state != "started" or resting.intersection(s.unit.node for s in volume.slots)
    ]
    owners = [*(owner_of(volume) for volume in idle), *buried_owners(document)]
    services = [name for volume in idle for name in services_of(volume)]
    services += _buried_services(document.tombstones)
    return tuple(dict.fromkeys(owners)), tuple(dict.fromkeys(services))


def buried_owners(document: Document) -> tuple[str, ...]:
    """Owners of items that are gone on purpose. (A host that is given up owns none.)"""
    return tuple(dict.fromkeys(t.owner for t in document.tombstones if t.name is None))


def buried(document: Document) -> tuple[str, ...]:
    """What converge may drop: owners that are gone, and single units of those that are not."""
    there = {owner_of(volume) for volume in document.volumes}
    tombs = [tomb for tomb in document.tombstones if tomb.name is None]
    return tuple(
        dict.fromkeys(f"unit:{t.unit}" if t.owner in there and t.unit else t.owner for t in tombs)
    )


def catching_up(
    old: Document, new: Document, hosts: Collection[str], own: Collection[str]
) -> list[Phase]:
    """What comes before an operation's own phases: hosts that missed a stop stop now.

    `own`: the owners that the operation itself converges. A function of the two documents, so that
    a task can be settled from them.
    """
    owners, services = unwanted(new)
    missed = [(b.host, b.owner) for b in old.behind] + [(t.host, t.owner) for t in old.tombstones]
    mine = [(h, o) for h, o in missed if h in hosts and o in owners and o not in own]
    if not mine:
        return []
    targets = tuple(dict.fromkeys(host for host, _ in mine))
    late = {owner for _, owner in mine}
    return [StopUnwanted(targets, tuple(sorted(late)), services, buried(new))]


# --- in words ---


def behind_by(document: Document, host: str) -> list[str]:
    """What a host has not got yet, a few words each."""
    names = {owner_of(v): f"volume {v.name} ({v.state})" for v in document.volumes}
    names |= {owner_of(c): f"mount {c.path}" for c in document.clients}
    late = [names.get(b.owner, b.owner) for b in document.behind if b.host == host]
    gone = [
        f"removed {t.path or t.owner.partition(':')[0]}"
        for t in document.tombstones
        if t.host == host
    ]
    return list(dict.fromkeys([*late, *gone]))
