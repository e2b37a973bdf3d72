"""append_host: a host more, everything else as it was."""

import os
from pathlib import Path

import pytest

from kadalu_ssh.inventory import append_host, load
from kadalu_ssh.model.errors import Refused


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "inventory.yml"


def test_a_first_host_creates_the_file(path: Path) -> None:
    values = {"ansible_user": "admin", "ansible_port": 2222, "kadalu_address": None}
    append_host(path, "gl1", values)
    append_host(path, "gl2", {})
    inventory = load(path)
    assert inventory.names() == ["gl1", "gl2"]
    reach = inventory.reach("gl1")
    assert (reach.user, reach.port, reach.address) == ("admin", 2222, None)
    assert path.read_text().startswith("# ")
    assert path.stat().st_mode & 0o777 == 0o600


# Text with a line "+" where the new host belongs.
PLACES = [
    "+\n",
    "# nothing yet\n+\n",
    "all:\n+\n",
    "all: # everything\n  hosts: # all of them\n+\n",
    "all:\n  hosts:\n    a:\n+\n    # later: b\n\n  children:\n    g:\n      hosts:\n        b:\n",
    "all:\n+\n  children:\n    g: {}\n",
    "g:\n  hosts:\n    b:\n+\n# the end\n",
    "all:\n    hosts:\n        a:\n            motd: |\n              # x\n              y\n+\n",
    "all:\n  hosts:\n    a: {ansible_port: 2}\n    b: # last\n+\n# tail\nz:\n  hosts: {c: }\n",
    "---\nall:\n  hosts:\n    a:\n+\n...\n",
    "all:\n  hosts:\n    a: &x\n      ansible_user: u\n    b: *x\n+\n  vars:\n    k: v\n",
    "all:\n  vars:\n    k: v\n  hosts:\n    a:\n      k: [1,\n        2]\n+\n",
    "all:\n  hosts:\n    a:\n      k: 'x\n\n        y'\n+\n",
]


@pytest.mark.parametrize("marked", PLACES)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_lines_are_inserted_and_none_is_changed(path: Path, marked: str, newline: str) -> None:
    if marked == "+\n":
        newline = "\n"  # an empty file has none to go by
    before = marked.replace("+\n", "").replace("\n", newline)
    path.write_bytes(before.encode())
    append_host(path, "new1", {"ansible_user": "admin"})
    after = path.read_bytes().decode()
    head, tail = marked.replace("\n", newline).split(f"+{newline}")
    assert after.startswith(head) and after.endswith(tail)
    added = after[len(head) : len(after) - len(tail)]
    assert added.replace(" ", "").endswith(f"new1:{newline}ansible_user:admin{newline}")
    assert load(path).reach("new1").user == "admin"
    if newline == "\r\n":
        assert after.count("\n") == after.count("\r\n")


def test_a_file_without_a_last_newline(path: Path) -> None:
    path.write_text("all:\n  hosts:\n    a:")
    append_host(path, "b", {})
    assert path.read_text() == "all:\n  hosts:\n    a:\n    b:\n"


UNFIT = [
    "all: {}\n",
    "all: {hosts: {a: }}\n",
    "all:\n  hosts: {}\n",
    "all:\n  hosts: {a: }\n",
    "all:\n  hosts: a\n",
    "all:\n  hosts: null\n",
    "x:\n  hosts: &h\n    a:\nall:\n  hosts: *h\n",
    "all:\n  hosts: &h\n    a:\nx:\n  hosts: *h\n",
    "all:\n  hosts:\n    a:\n    a:\n",
    "all: [\n",
]


@pytest.mark.parametrize("text", UNFIT)
def test_what_cannot_be_edited_safely_is_refused_and_left(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(Refused) as caught:
        append_host(path, "new1", {"ansible_user": "admin"})
    assert str(path) in caught.value.message
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("name", "values", "what"),
    [
        ("a", {}, "a is in .* already .*:3"),
        ("-x", {}, "'-x' cannot name a host"),
        ("n[1:3]", {}, "cannot name a host"),
        ("b\n    evil:", {}, "cannot name a host"),
        ("b", {"ansible_port": 0}, "ansible_port has to be a port"),
        ("b", {"ansible_user": "x\n  y"}, "ansible_user cannot be"),
        ("b", {"ansible_user": "{{ x }}"}, "ansible_user is a template"),
        ("b", {"kadalu_adress": "x"}, "there is no inventory variable"),
    ],
)
def test_bad_input_changes_nothing(
    path: Path, name: str, values: dict[str, object], what: str
) -> None:
    text = "all:\n  hosts:\n    a:\n"
    path.write_text(text)
    with pytest.raises(Refused, match=what):
        append_host(path, name, values)
    assert path.read_text() == text


@pytest.mark.parametrize("user", ["no", "123", "012", "null", "a:b", "a #b", "#a", "*a", "&a"])
def test_values_come_back_as_they_were_given(path: Path, user: str) -> None:
    append_host(path, "a", {"kadalu_zone": user})
    assert load(path).reach("a").zone == user


@pytest.mark.parametrize("name", ["10", "no", "1.5", "fe80::1", "0x1f"])
def test_names_that_yaml_would_misread_are_quoted(path: Path, name: str) -> None:
    append_host(path, name, {})
    assert load(path).names() == [name]


def test_a_relative_key_is_meant_from_here(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = path.parent / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    append_host(path, "a", {"ansible_ssh_private_key_file": "key"})
    append_host(path, "b", {"ansible_ssh_private_key_file": Path("~/key")})
    assert load(path).reach("a").key_file == elsewhere / "key"
    assert load(path).reach("b").key_file == Path.home() / "key"


def test_mode_owner_and_symbolic_link_stay(path: Path, tmp_path: Path) -> None:
    real = tmp_path / "real.yml"
    real.write_text("all:\n  hosts:\n    a:\n")
    real.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(real, 4711, 4712)
    owner = (real.stat().st_uid, real.stat().st_gid)
    path.symlink_to(real)
    append_host(path, "b", {})
    assert path.is_symlink()
    assert load(path).names() == ["a", "b"]
    assert real.stat().st_mode & 0o7777 == 0o640
    assert (real.stat().st_uid, real.stat().st_gid) == owner
