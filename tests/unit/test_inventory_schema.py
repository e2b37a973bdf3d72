"""The documented example is the schema: it cannot say one thing and the program do another."""

import dataclasses
import itertools
import re
from pathlib import Path

import yaml

from kadalu_ssh.inventory import load
from kadalu_ssh.inventory.schema import EXAMPLE, known
from kadalu_ssh.inventory.values import TYPES
from kadalu_ssh.model.reach import Reach
from kadalu_ssh.model.secret import Secret

# Of each type: two values that differ.
SAMPLES = {
    "text": ("one", "two"),
    "user": ("one", "two"),
    "host": ("one", "two"),
    "path": ("/one", "/two"),
    "command": ("one", "two"),
    "port": ("1", "2"),
    "yes or no": ("yes", "no"),
    "secret": ("one", "two"),
}


def written_keys() -> list[str]:
    """Keys in the example, found without the schema's reader."""
    text = EXAMPLE.read_text(encoding="utf-8")
    return re.findall(r"^ *((?:ansible|kadalu)_[a-z_]+):", text, re.MULTILINE)


def test_the_example_at_the_top_is_the_packaged_one() -> None:
    top = Path(__file__).parents[2] / "inventory.example.yml"
    assert top.read_bytes() == EXAMPLE.read_bytes()


def test_every_key_stands_once_with_a_type_that_exists() -> None:
    written = written_keys()
    assert len(written) == len(set(written)) > 10
    assert {key.name for key in known().values()} == set(written)
    for key in known().values():
        assert key.choices or key.type in TYPES, key
    assert {key.type for key in known().values()} - {"choice"} == set(TYPES)


def test_every_key_has_a_comment_above_it() -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    for before, line in itertools.pairwise(lines):
        if re.match(r" *(ansible|kadalu)_", line):
            assert before.lstrip().startswith("#"), line


def test_the_example_is_an_inventory_without_fault(tmp_path: Path) -> None:
    path = tmp_path / "inventory.yml"
    path.write_text(EXAMPLE.read_text(encoding="utf-8"))
    path.chmod(0o600)
    inventory = load(path)
    assert inventory.warnings == []
    assert len(inventory.names()) == 15
    assert inventory.reach("laptop").local
    yaml.safe_load(path.read_text())


def test_every_key_and_every_other_name_of_it_has_an_effect(tmp_path: Path) -> None:
    path = tmp_path / "inventory.yml"

    def reached(name: str, value: str) -> Reach:
        path.write_text(f"all: {{hosts: {{a: {{{name}: {value}}}}}}}")
        return load(path).reach("a")

    for name, key in known().items():
        if key.type == "number":
            continue  # ansible_group_priority, seen in the tests of precedence
        one, two = key.choices[:2] if key.choices else SAMPLES[key.type]
        assert reached(name, one) != reached(name, two), name


def test_every_field_of_a_reach_comes_from_some_key(tmp_path: Path) -> None:
    path = tmp_path / "inventory.yml"
    values = {
        key.name: key.choices[1] if key.choices else SAMPLES[key.type][1]
        for key in known().values()
        if key.type != "number"
    }
    path.write_text(yaml.safe_dump({"all": {"hosts": {"a": values}}}))
    reach, bare = load(path).reach("a"), Reach(name="b", host="b")
    for field in dataclasses.fields(Reach):
        assert getattr(reach, field.name) != getattr(bare, field.name), field.name
    assert isinstance(reach.password, Secret)
