"""inventory.yml → hosts: the shape, the places in errors, what is left alone."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kadalu_ssh.inventory import load
from kadalu_ssh.model.errors import Refused

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to_file(text: str, name: str = "inventory.yml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        return path

    return to_file


def refusal(path: Path, host: str | None = None) -> tuple[str, str]:
    """(message with the directory cut off, hint) of loading, or of reaching `host`."""
    with pytest.raises(Refused) as caught:
        inventory = load(path)
        if host:
            inventory.reach(host)
    return caught.value.message.replace(f"{path.parent}/", ""), caught.value.hint or ""


def test_hosts_groups_and_ranges(write: Write) -> None:
    inventory = load(
        write("""
all:
  hosts:
    laptop:
      ansible_connection: local
  children:
    storage:
      hosts:
        server[08:10].example.com:
        "[2001:db8::7]:2222":
      children:
        spare:
          hosts:
            server08.example.com:
            db-[a:c:2]:2200:
    clients:
      hosts: lonely
""")
    )
    assert inventory.names() == [
        "laptop", "server08.example.com", "server09.example.com", "server10.example.com",
        "2001:db8::7", "db-a", "db-c", "lonely",
    ]  # fmt: skip
    assert list(inventory.hosts["server08.example.com"].groups) == ["storage", "spare"]
    assert list(inventory.groups) == ["all", "storage", "spare", "clients"]
    assert list(inventory.groups["spare"].hosts) == ["server08.example.com", "db-a", "db-c"]
    assert inventory.reach("laptop").local
    assert not inventory.reach("lonely").local
    assert inventory.reach("2001:db8::7").port == 2222
    assert inventory.reach("db-c").port == 2200
    assert inventory.local_name() == "laptop"


def test_every_variable_reaches_the_reach(write: Write) -> None:
    path = write("""
all:
  hosts:
    gl1:
      ansible_host: 192.0.2.1
      ansible_user: admin
      ansible_port: 2222
      ansible_ssh_private_key_file: keys/gl
      ansible_become: no
      ansible_become_password: sudo secret
      ansible_password: login secret
      ansible_python_interpreter: /opt/python/bin/python3.12
      kadalu_address: gl1.storage
      kadalu_zone: rack 1
""")
    reach = load(path).reach("gl1")
    assert (reach.name, reach.host, reach.user, reach.port) == ("gl1", "192.0.2.1", "admin", 2222)
    assert reach.key_file == path.parent / "keys" / "gl"
    assert reach.become is False
    assert reach.become_password and reach.become_password.reveal() == "sudo secret"
    assert reach.password and reach.password.reveal() == "login secret"
    assert reach.python == "/opt/python/bin/python3.12"
    assert (reach.address, reach.zone) == ("gl1.storage", "rack 1")
    assert reach.source == f"{path}:4"
    assert "secret" not in repr(load(path))


def test_what_is_not_written_is_left_to_the_defaults(write: Write) -> None:
    reach = load(write("all: {hosts: {gl1: {ansible_user: }}}")).reach("gl1")
    assert (reach.host, reach.user, reach.port, reach.become) == ("gl1", None, None, None)
    assert (reach.key_file, reach.address, reach.python) == (None, None, "python3")


@pytest.mark.parametrize(
    ("written", "python"),
    [
        ("auto", "python3"),
        ("auto_silent", "python3"),
        ("auto_legacy", "python3"),
        ("/usr/bin/env python3.11", "python3.11"),
        ("/usr/libexec/platform-python", "/usr/libexec/platform-python"),
    ],
)
def test_python_interpreters_of_ansible(write: Write, written: str, python: str) -> None:
    path = write(f"all: {{hosts: {{gl1: {{ansible_python_interpreter: {written}}}}}}}")
    assert load(path).reach("gl1").python == python


def test_an_inventory_for_ansible_works_as_it_is(write: Write) -> None:
    """Variables that are not ours may hold anything, and so may ours at hosts we leave alone."""
    inventory = load(
        write("""
all:
  vars: &defaults
    ansible_ssh_common_args: '-o ProxyCommand="ssh -W %h:%p {{ bastion }}"'
    ansible_usr: nobody checks this
    kafka_address: other names that end like ours
    availability_zone: fsn1
    ntp: {servers: [a, b], 12: odd}
    3: odd
    secret: !vault |
      $ANSIBLE_VAULT;1.1;AES256
      6162
    motd: "{{ lookup('file', 'motd') }}"
    ansible_become: "yes"
    ansible_ssh_user: admin
    ansible_ssh_port: "2222"
    ansible_sudo_pass: 12345
    ansible_ssh_pass: !unsafe "{{ as it is }}"
  hosts:
    gl1:
  children:
    switches:
      vars:
        <<: *defaults
        ansible_connection: ansible.netcommon.network_cli
        other_user: "{{ switch_user }}"
      hosts:
        sw1:
    ungrouped:
""")
    )
    reach = inventory.reach("gl1")
    assert (reach.user, reach.port, reach.become) == ("admin", 2222, True)
    assert reach.become_password and reach.become_password.reveal() == "12345"
    assert reach.password and reach.password.reveal() == "{{ as it is }}"
    with pytest.raises(Refused, match=r"inventory\.yml:\d+:29: ansible_connection is 'ansible\."):
        inventory.reach("sw1")


@pytest.mark.parametrize(
    ("value", "what", "hint"),
    [
        ('"{{ vault_user }}"', "ansible_user is a template", "does not evaluate templates"),
        ('"{% if x %}a{% endif %}"', "ansible_user is a template", "does not evaluate templates"),
        ("!vault |\n        $ANSIBLE_VAULT;1.1;AES256", "ansible_user is encrypted", "no vault"),
    ],
)
def test_a_value_for_ansible_only_is_an_error_where_it_is_needed(
    write: Write, value: str, what: str, hint: str
) -> None:
    hosts = "  hosts:\n    a: {ansible_user: root}\n    b:\n"
    text = f"all:\n  vars:\n    ansible_user: {value}\n{hosts}"
    assert load(write(text)).reach("a").user == "root"
    message, given = refusal(write(text), "b")
    assert message.startswith(f"inventory.yml:3:19: {what}")
    assert hint in given


def test_a_password_is_not_repeated_in_an_error(write: Write) -> None:
    text = 'all: {vars: {ansible_password: "hunter2\\nx"}}'
    assert "hunter2" not in "".join(refusal(write(text)))


def test_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "inventory.yml"
    path.write_bytes(b"all:\n  hosts:\n    \xff\xfe:\n")
    assert refusal(path)[0] == "inventory.yml:3: the file is not UTF-8 text"


def test_a_key_that_ansible_would_skip_is_a_warning(write: Write) -> None:
    inventory = load(write("all:\n  description: our servers\n  hosts:\n    a:\n"))
    assert inventory.names() == ["a"]
    assert re.search(
        r":2:3: group all has a key 'description', which is skip", inventory.warnings[0]
    )


def test_merged_mappings_count_less_than_what_stands_there(write: Write) -> None:
    inventory = load(
        write("""
all:
  vars:
    one: &one {kadalu_zone: one, ansible_user: one, ansible_host: one}
    two: &two {kadalu_zone: two, ansible_user: two, ansible_port: 2}
  hosts:
    a:
      kadalu_zone: own
      <<: [*one, *two]
""")
    )
    a = inventory.reach("a")
    assert (a.zone, a.user, a.host, a.port) == ("own", "one", "one", 2)


def test_a_file_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "inventory.yml"
    path.write_bytes("\ufeffall:\n  hosts:\n    a:\n      kadalu_zon: x\n".encode())
    assert refusal(path)[0].startswith("inventory.yml:4:7: there is no variable kadalu_zon")


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n", "all:\n", "all:\n  hosts:\n"])
def test_empty_inventories(write: Write, text: str) -> None:
    assert load(write(text)).names() == []


def test_no_file_and_no_such_host(write: Write, tmp_path: Path) -> None:
    message, hint = refusal(tmp_path / "inventory.yml")
    assert message == "there is no inventory inventory.yml" and "kadalu node add" in hint
    path = write("all: {hosts: {server01: }}")
    message, hint = refusal(path, "server1")
    assert message == "server1 is not in the inventory inventory.yml"
    assert hint == "did you mean server01?"
    assert refusal(path, "\x1b[31m$(reboot)")[0].startswith("'\\x1b[31m$(reboot)' is not in")


def test_localhost_is_this_machine_unless_it_says_otherwise(write: Write) -> None:
    assert load(write("all:\n")).reach("localhost").local
    assert load(write("all:\n")).local_name() == "localhost"
    # As for Ansible, a localhost that is listed is reached as it says: by SSH.
    assert not load(write("all: {hosts: {localhost: }}")).reach("localhost").local


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, True), (0o604, True)])
def test_a_readable_password_is_warned_of(write: Write, mode: int, warned: bool) -> None:
    path = write("all: {hosts: {a: {ansible_become_password: x}}}")
    path.chmod(mode)
    assert bool(load(path).warnings) is warned
    plain = write("all: {hosts: {a: {ansible_user: x}}}")
    plain.chmod(0o644)
    assert load(plain).warnings == []


def test_a_thousand_hosts_load_within_150_ms_of_cpu(write: Write) -> None:
    hosts = "".join(
        f"    n{i}.example.com:\n      ansible_host: 10.0.{i // 250}.{i % 250}\n"
        f"      kadalu_zone: rack{i % 7}\n      tags: [a, b]\n"
        for i in range(1000)
    )
    path = write(f"all:\n  vars: {{ansible_user: admin}}\n  hosts:\n{hosts}")
    spent = []
    for _ in range(5):
        start = time.process_time()
        inventory = load(path)
        spent.append(time.process_time() - start)
    assert len(inventory.names()) == 1000
    assert min(spent) < 0.150
    assert inventory.reach("n999.example.com").zone == "rack5"


def test_group_vars_and_host_vars_beside_the_inventory(tmp_path: Path) -> None:
    files = {
        "inventory.yml": "all: {hosts: {a: {kadalu_zone: own}, b: }, children: {g: {vars: "
        "{ansible_user: inline}, hosts: {a: , b: , c.x: }}}}",
        "group_vars/all.yml": "ansible_user: everyone\nansible_port: 1\n",
        "group_vars/g/10-first.yaml": "ansible_port: 2\nansible_host: first\n",
        "group_vars/g/20-second.yml": "ansible_host: second\n",
        "group_vars/g/vault.yml": "$ANSIBLE_VAULT;1.1;AES256\n6162\n",
        "group_vars/g/.hidden.yml": "kadalu_typo: not read\n",
        "group_vars/g/backup.yml~": "kadalu_typo: not read\n",
        "group_vars/g.yml": "kadalu_typo: not read, the directory is first\n",
        "host_vars/a.yml": "kadalu_typo: not read, the name without a suffix is first\n",
        "group_vars/g/notes.txt": "kadalu_typo: not read\n",
        "group_vars/other.yml": "kadalu_typo: not read\n",
        "host_vars/a": "kadalu_zone: from host_vars\n",
        "host_vars/c.x.json": '{"ansible_port": 3}',
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    inventory = load(tmp_path / "inventory.yml")
    a, c = inventory.reach("a"), inventory.reach("c.x")
    # Any file of group_vars/ counts more than any vars of the inventory, as for Ansible.
    assert (a.user, a.port, a.host, a.zone) == ("everyone", 2, "second", "from host_vars")
    assert (c.port, c.zone) == (3, None)
    (tmp_path / "host_vars" / "b.yml").write_text("x: 1\nkadalu_zon: a\n")
    message, hint = refusal(tmp_path / "inventory.yml")
    assert message == "host_vars/b.yml:2:1: there is no variable kadalu_zon"
    assert hint == "did you mean kadalu_zone?"
