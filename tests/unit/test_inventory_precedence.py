"""Which value of a variable counts, and what ranges stand for: against a model, by hypothesis."""

import itertools
import json
import string
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kadalu_ssh.inventory import Inventory, load
from kadalu_ssh.inventory.inventory import load_source
from kadalu_ssh.inventory.marked import Source
from kadalu_ssh.inventory.ranges import LIMIT, BadRange, expand


def inventory_of(document: object) -> Inventory:
    # JSON is YAML, and json.dumps is a writer that is not the reader's.
    return load_source(Source(Path("/nowhere/inventory.yml"), json.dumps(document)))


# -- precedence ------------------------------------------------------------------------------------


def test_host_over_child_over_parent_over_all() -> None:
    def zone(*said: str) -> str | None:
        def variables(who: str) -> dict[str, str]:
            return {"kadalu_zone": who} if who in said else {}

        child = {"vars": variables("child"), "hosts": {"h": variables("host")}}
        parent = {"vars": variables("parent"), "children": {"child": child}}
        tree = {"all": {"vars": variables("all"), "children": {"parent": parent}}}
        return inventory_of(tree).reach("h").zone

    assert zone("all", "parent", "child", "host") == "host"
    assert zone("all", "parent", "child") == "child"
    assert zone("all", "parent") == "parent"
    assert zone("all") == "all"
    assert zone() is None


def test_siblings_count_by_priority_then_by_name() -> None:
    def zone(**priorities: int) -> str | None:
        groups = {
            name: {
                "hosts": {"h": None},
                "vars": {"kadalu_zone": name, "ansible_group_priority": priority},
            }
            for name, priority in priorities.items()
        }
        return inventory_of(groups).reach("h").zone

    assert zone(a=1, b=1) == "b"
    assert zone(b=1, a=1) == "b"
    assert zone(a=2, b=1) == "a"
    assert zone(a=10, b=9) == "a"
    assert zone(a=0, b=-1) == "a"
    assert zone(a=1, b=0) == "a"


def test_depth_counts_before_priority() -> None:
    deep = {"vars": {"kadalu_zone": "deep"}, "hosts": {"h": None}}
    loud = {
        "vars": {"kadalu_zone": "loud", "ansible_group_priority": 99},
        "hosts": {"h": None},
        "children": {"deep": deep},
    }
    assert inventory_of({"loud": loud}).reach("h").zone == "deep"


def test_a_group_may_say_things_in_several_places() -> None:
    tree = {
        "all": {"children": {"early": {"children": {"g": {"hosts": {"h": None}}}}}},
        "g": {"vars": {"kadalu_zone": "later in the file"}},
        "early": {"vars": {"ansible_user": "later"}},
    }
    reach = inventory_of(tree).reach("h")
    assert (reach.zone, reach.user) == ("later in the file", "later")


def test_what_stands_in_several_places_adds_up_and_the_last_counts() -> None:
    tree = {
        "a": {
            "vars": {"ansible_port": 1},
            "hosts": {"h": {"kadalu_zone": "1", "ansible_host": "x"}},
        },
        "b": {"hosts": {"h": {"kadalu_zone": "2"}, "h2": {"kadalu_zone": "3"}}},
        "all": {"children": {"a": {"vars": {"ansible_user": "u"}}}},
    }
    reach = inventory_of(tree).reach("h")
    assert (reach.zone, reach.host, reach.port, reach.user) == ("2", "x", 1, "u")


def test_an_empty_value_takes_back_an_outer_one() -> None:
    tree = {"all": {"vars": {"ansible_user": "x"}, "hosts": {"h": {"ansible_user": None}}}}
    assert inventory_of(tree).reach("h").user is None


NAMES = "abcdef"


@st.composite
def forests(draw: st.DrawFn) -> tuple[dict[str, set[str]], dict[str, int], set[str], set[str]]:
    """Group → its parents (earlier names only: no loops), priorities, who speaks, who has h."""
    parents = {
        name: set(draw(st.lists(st.sampled_from(NAMES[:i]), max_size=2))) if i else set()
        for i, name in enumerate(NAMES)
    }
    priorities = {name: draw(st.integers(0, 3)) for name in NAMES}
    members = draw(st.sets(st.sampled_from(NAMES)))
    speakers = draw(st.sets(st.sampled_from(["all", *NAMES])))
    return parents, priorities, members, speakers


def expected_zone(
    parents: dict[str, set[str]], priorities: dict[str, int], members: set[str], speakers: set[str]
) -> str | None:
    """The rule as Ansible's manual words it, the slow and plain way."""

    def ways_up(name: str) -> list[list[str]]:
        if not parents[name]:
            return [[name]]
        return [[name, *way] for parent in parents[name] for way in ways_up(parent)]

    reached = {group for name in members for way in ways_up(name) for group in way}
    rank = {g: (max(map(len, ways_up(g))), priorities[g], g) for g in reached & speakers}
    if rank:
        return max(rank, key=lambda group: rank[group])
    return "all" if "all" in speakers else None


@given(forests(), st.permutations(NAMES))
def test_precedence_is_that_of_the_manual(
    forest: tuple[dict[str, set[str]], dict[str, int], set[str], set[str]], order: list[str]
) -> None:
    parents, priorities, members, speakers = forest
    tree: dict[str, object] = {"all": {"hosts": {"h": None}}}
    if "all" in speakers:
        tree["all"] = {"hosts": {"h": None}, "vars": {"kadalu_zone": "all"}}
    for name in order:
        said = {"kadalu_zone": name} if name in speakers else {}
        tree[name] = {
            "vars": {**said, "ansible_group_priority": priorities[name]},
            "hosts": {"h": None} if name in members else {},
            "children": {child: None for child in NAMES if name in parents[child]},
        }
    assert inventory_of(tree).reach("h").zone == expected_zone(*forest)


# -- ranges ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("plain.example.com", ["plain.example.com"]),
        ("n[1:3]", ["n1", "n2", "n3"]),
        ("n[:2]", ["n0", "n1", "n2"]),
        ("n[08:11].x", ["n08.x", "n09.x", "n10.x", "n11.x"]),
        ("n[8:11]", ["n8", "n9", "n10", "n11"]),
        ("n[0:2]", ["n0", "n1", "n2"]),
        ("n[1:9:3]", ["n1", "n4", "n7"]),
        ("n[01:09:4]", ["n01", "n05", "n09"]),
        ("db-[a:c]", ["db-a", "db-b", "db-c"]),
        ("db-[y:B]", ["db-y", "db-z", "db-A", "db-B"]),
        ("db-[a:z:10]", ["db-a", "db-k", "db-u"]),
        ("r[1:2]n[a:b]", ["r1na", "r1nb", "r2na", "r2nb"]),
        ("n[5:5]", ["n5"]),
    ],
)
def test_ranges(pattern: str, names: list[str]) -> None:
    assert expand(pattern) == names


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        ("n[3:1]", "ends before it starts"),
        ("n[c:a]", "ends before it starts"),
        ("n[01:100]", "same number of digits"),
        ("n[1:]", "write a range as"),
        ("n[1]", "write a range as"),
        ("n[]", "write a range as"),
        ("n[1:2:3:4]", "write a range as"),
        ("n[a:3]", "write a range as"),
        ("n[aa:cc]", "write a range as"),
        ("n[-1:3]", "write a range as"),
        ("n[٣:٤]", "write a range as"),
        ("n[1:3:0]", "above 0"),
        ("n[1:3:-1]", "above 0"),
        ("n[1:3:]", "above 0"),
        ("n[1:3", "no partner"),
        ("n1:3]", "no partner"),
        ("n[[1:3]]", "no partner"),
        ("n[1:99999999]", "stands for"),
        ("n[1:1000][1:1000]", "stands for 1000000"),
        ("n[1:9999999999999999999999]", "write a range as"),
    ],
)
def test_bad_ranges(pattern: str, what: str) -> None:
    with pytest.raises(BadRange, match=what):
        expand(pattern)


@given(
    st.integers(0, 999), st.integers(0, 200), st.integers(1, 50), st.integers(0, 4), st.booleans()
)
def test_number_ranges_are_python_ranges(
    first: int, length: int, step: int, width: int, stepped: bool
) -> None:
    last = first + length
    low, high = str(first).zfill(width), str(last).zfill(width)
    padded = len(low) > 1 and low.startswith("0")
    step = step if stepped else 1
    pattern = f"n[{low}:{high}:{step}].x" if stepped else f"n[{low}:{high}].x"
    if padded and len(low) != len(high):
        with pytest.raises(BadRange):
            expand(pattern)
        return
    names = expand(pattern)
    assert [int(name[1:-2]) for name in names] == list(range(first, last + 1, step))
    assert all(len(name) == len(low) + 3 for name in names) or not padded
    assert all(name == f"n{int(name[1:-2])}.x" for name in names) or padded


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)).map(sorted), max_size=3))
def test_several_ranges_are_every_combination_in_order(bounds: list[list[int]]) -> None:
    names = expand("-".join(f"[{low}:{high}]" for low, high in bounds))
    choices = [[str(n) for n in range(low, high + 1)] for low, high in bounds]
    assert names == ["-".join(parts) for parts in itertools.product(*choices)]
    assert len(set(names)) == len(names)


@given(st.text(alphabet=string.ascii_letters + string.digits + "[]:-.\n ", max_size=20))
def test_any_pattern_gives_names_or_a_reason(pattern: str) -> None:
    try:
        names = expand(pattern)
    except BadRange as error:
        assert str(error)
    else:
        assert 0 < len(names) <= LIMIT
        assert not any(bracket in name for name in names for bracket in "[]")


# -- whatever is in the file -----------------------------------------------------------------------

WORDS = st.sampled_from(
    ["all", "hosts", "vars", "children", "a", "n[1:2]", "ansible_user", "ansible_port",
     "kadalu_zone", "<<", "no", "012", "{{ x }}", "", "-x"]
)  # fmt: skip
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=15,
)


@given(DOCUMENTS)
def test_any_document_loads_or_is_refused_with_its_place(document: object) -> None:
    from kadalu_ssh.model.errors import Refused

    with TemporaryDirectory() as directory:
        path = Path(directory) / "inventory.yml"
        path.write_text(yaml.safe_dump(document, allow_unicode=True))
        try:
            inventory = load(path)
            for name in inventory.names():
                inventory.reach(name)
        except Refused as error:
            assert error.message.startswith(f"{path}:")
