"""Health of groups, and what a volume holds."""

import pytest

from kadalu_ssh.model.records import Group, Slot, SlotRole, Unit, Volume, VolumeKind
from kadalu_ssh.operations.health import capacity, group_health, type_name, volume_health


def volume(kind: VolumeKind, roles: list[SlotRole], groups: int = 1, spare: int = 0) -> Volume:
    made = []
    for number in range(groups):
        slots = [
            Slot(
                position=at, brick_id=at, client_name=f"c{at}", role=role,
                unit=Unit(id=f"{number}.{at}", node=f"n{at}", path="/d", port=1, fs_uuid="",
                          fsid=f"{number}.{at}"),
            )
            for at, role in enumerate(roles)
        ]  # fmt: skip
        made.append(Group(number=number, slots=tuple(slots)))
    return Volume(
        id="v", name="v", xlator_name="v", kind=kind, groups=tuple(made), redundancy=spare,
        username="u", password="p", next_brick_id=9,
    )  # fmt: skip


D: SlotRole = "data"
A: SlotRole = "arbiter"
R: SlotRole = "redundancy"


@pytest.mark.parametrize(
    ("kind", "roles", "spare", "up", "health"),
    [
        ("replicate", [D, D, D], 0, [0, 1, 2], "Up"),
        ("replicate", [D, D, D], 0, [0, 1], "Partial"),
        ("replicate", [D, D, D], 0, [2], "Degraded"),
        ("replicate", [D, D, D], 0, [], "Down"),
        ("replicate", [D, D], 0, [1], "Partial"),
        ("arbiter", [D, D, A], 0, [0, 2], "Partial"),
        ("arbiter", [D, D, A], 0, [2], "Down"),
        ("disperse", [D, D, R], 1, [1, 2], "Partial"),
        ("disperse", [D, D, R], 1, [1], "Down"),
        ("distribute", [D], 0, [], "Down"),
    ],
)
def test_group_health(
    kind: VolumeKind, roles: list[SlotRole], spare: int, up: list[int], health: str
) -> None:
    made = volume(kind, roles, spare=spare)
    alive = {f"0.{at}": True for at in up}
    assert group_health(made, made.groups[0], alive) == health


def test_a_volume_is_as_healthy_as_its_worst_group() -> None:
    assert volume_health(["Up", "Partial", "Up"]) == "Partial"
    assert volume_health(["Degraded", "Down"]) == "Down"


def test_type_names() -> None:
    assert type_name(volume("mirror", [D, D])) == "Mirror"
    assert type_name(volume("replicate", [D, D, D], 2)) == "Distributed Replicate"
    assert type_name(volume("distribute", [D], 3)) == "Distribute"


def test_capacity() -> None:
    sizes = {f"{g}.{at}": 100 for g in range(2) for at in range(3)}
    assert capacity(volume("replicate", [D, D, D], 2), sizes) == 200
    assert capacity(volume("disperse", [D, D, R], 2, spare=1), sizes) == 400
    assert capacity(volume("arbiter", [D, D, A]), {**sizes, "0.2": 1}) == 100
