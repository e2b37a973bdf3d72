"""The grammar of `volume create`, as cli.md promises it."""

import pytest

from kadalu_ssh.model.errors import Refused
from kadalu_ssh.model.grammar import parse_unit, parse_volume

A, B, C, D, E, F = (f"n{i}:/data/b" for i in range(1, 7))


@pytest.mark.parametrize(
    ("words", "kind", "redundancy", "roles", "groups"),
    [
        ([A], "distribute", 0, "d", 1),
        ([A, B, C], "distribute", 0, "d", 3),
        (["replica", "3", A, B, C], "replicate", 0, "ddd", 1),
        (["replica", "3", A, B, C, D, E, F], "replicate", 0, "ddd", 2),
        (["replica", "3", f"{A},{B},{C}"], "replicate", 0, "ddd", 1),
        (["mirror", "2", A, B], "mirror", 0, "dd", 1),
        (["replica", "2", "arbiter", "1", A, B, C], "arbiter", 0, "dda", 1),
        (["replica", "3", "arbiter", "1", A, B, C], "arbiter", 0, "dda", 1),
        (["disperse", "3", "redundancy", "1", A, B, C], "disperse", 1, "ddr", 1),
        (["disperse", "3", "data", "2", A, B, C], "disperse", 1, "ddr", 1),
        (["data", "2", "redundancy", "1", A, B, C, D, E, F], "disperse", 1, "ddr", 2),
        (["replica", A, B, C, "replica", D, E, F], "replicate", 0, "ddd", 2),
        (["mirror", A, B, "arbiter", C], "arbiter", 0, "dda", 1),
        (["data", A, B, "redundancy", C], "disperse", 1, "ddr", 1),
        (["disperse", f"{A},{B}", "redundancy", C], "disperse", 1, "ddr", 1),
    ],
)
def test_forms(words: list[str], kind: str, redundancy: int, roles: str, groups: int) -> None:
    plan = parse_volume(words)
    assert (plan.kind, plan.redundancy, len(plan.groups)) == (kind, redundancy, groups)
    assert ["".join(slot.role[0] for slot in group) for group in plan.groups] == [roles] * groups
    assert [unit.host for unit in plan.units] == [f"n{i + 1}" for i in range(len(plan.units))]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "no storage units"),
        (["replica", "3"], "no storage units"),
        (["replica", "3", A, B], "groups of 3"),
        (["replica", "1", A], "at least two"),
        (["replica", "4", "arbiter", "1", A, B, C, D], "two copies and one arbiter"),
        (["replica", "2", "arbiter", "2", A, B, C, D], "two copies and one arbiter"),
        (["disperse", "4", "redundancy", "2", A, B, C, D], "below half"),
        (["disperse", "3", "redundancy", "0", A, B, C], "above 0"),
        (["disperse", "3", A, B, C], "needs a redundancy"),
        (["disperse", "5", "data", "2", "redundancy", "1", A, B, C], "add up"),
        (["replica", A, B, "replica", C, D, E], "another shape"),
        (["replica", "2", "redundancy", "1", A, B, C], "cannot be combined"),
        (["mirror", A, B, "redundancy", C], "no redundancy units"),
        (["replica", "2", A, "arbiter", B], "stands among"),
        ([A, "replica", B], "after storage units"),
        ([A, A], "given twice"),
        ([A, A + "/"], "given twice"),
        (["arbiter", A], "needs a type"),
        (["replica", "x"], "not a storage unit"),
    ],
)
def test_refusals_name_the_word(words: list[str], told: str) -> None:
    with pytest.raises(Refused, match=told):
        parse_volume(words)


def test_ports_and_ipv6() -> None:
    assert parse_unit("n1:24100:/b") == ("n1", "/b", 24100)
    assert parse_unit("[fd00::1]:/b") == ("fd00::1", "/b", None)
    assert str(parse_unit("[fd00::1]:24100:/b//c/")) == "[fd00::1]:/b/c"


HOSTILE = [
    "n1:/a b", "n1:/a`id`", "n1:/$(id)", "n1:/a'b", 'n1:/a"b', "n1:/a\nb", "n1:/a/../b", "n1:/ü",
    "n1:/" + "a" * 300, "n1:relative", "-o:/a", "n 1:/a", "n1;id:/a", "n1:0:/a", "n1:99999:/a",
    "n1:/", "n1:/dev/sdb", "n1:/a\\b", "n1:/a#b", "n1:/a%b", "n1", ":/a", "n1::/a", "[fd00::1:/a",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_units_are_refused(text: str) -> None:
    with pytest.raises(Refused):
        parse_unit(text)
