"""docs/inventory.md: its table has every key, its example and its errors are real."""

import re
from pathlib import Path

import pytest

from kadalu_ssh.inventory import load
from kadalu_ssh.inventory.schema import known
from kadalu_ssh.model.errors import Refused

PAGE = (Path(__file__).parents[2] / "docs" / "inventory.md").read_text(encoding="utf-8")


def test_the_table_has_every_name_of_every_key() -> None:
    rows = re.findall(r"^\| (`[^|]*)\|([^|]*)\|", PAGE, re.MULTILINE)
    listed = {name: key for row in rows for key in [row[0].strip(" `")] for name in names(row)}
    assert listed == {name: key.name for name, key in known().items()}


def names(cells: tuple[str, str]) -> list[str]:
    return re.findall(r"`(\w+)`", "".join(cells))


def test_the_small_inventory_is_as_described(tmp_path: Path) -> None:
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert example
    path = tmp_path / "inventory.yml"
    path.write_text(example[1])
    inventory = load(path)
    assert inventory.warnings == []
    assert [inventory.reach(name).user for name in inventory.names()] == [*["admin"] * 4, "root"]
    assert inventory.reach("laptop").local


# What to put at the place that the shown error names, and how that line begins.
FAULTS = {
    "kadalu_adress": "all:\n  hosts:\n    a:\n      kadalu_adress: x\n",
    "ansible_port": "all:\n  hosts:\n    a:\n      ansible_port: 022\n",
    "server2": "storage:\n  hosts:\n    server2:\n    server2:\n",
}


@pytest.mark.parametrize("word", FAULTS)
def test_the_errors_read_as_shown(tmp_path: Path, word: str) -> None:
    path = tmp_path / "inventory.yml"
    path.write_text(FAULTS[word])
    with pytest.raises(Refused) as caught:
        load(path)
    said = re.sub(r"^.*?:\d+:\d+: |line \d+", "", caught.value.message)
    shown = [re.sub(r"^inventory.yml:\d+:\d+: |line \d+", "", line) for line in PAGE.splitlines()]
    assert said in shown
