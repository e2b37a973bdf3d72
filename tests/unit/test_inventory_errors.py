"""What is wrong with an inventory is said with its place, and with a way out."""

from pathlib import Path

import pytest

from kadalu_ssh.inventory import load
from kadalu_ssh.model.errors import Refused

# Name → (text, the message from the line number on, a part of the hint).
ERRORS = {
    "misspelt": (
        "all:\n  hosts:\n    gl1:\n      kadalu_adress: x\n",
        "4:7: there is no variable kadalu_adress", "did you mean kadalu_address?",
    ),
    "misspelt prefix": (
        "all: {vars: {kadula_zone: x}}", "1:14: there is no variable kadula_zone",
        "did you mean kadalu_zone?",
    ),
    "wrong case": (
        "all: {vars: {Kadalu-Zone: x}}", "1:14: there is no variable Kadalu-Zone",
        "did you mean kadalu_zone?",
    ),
    "unlike any": (
        "all: {vars: {kadalu_raid_level: x}}", "1:14: there is no variable kadalu_raid_level",
        "there are kadalu_address, kadalu_zone",
    ),
    "duplicate variable": (
        "all:\n  vars:\n    kadalu_zone: a\n    kadalu_zone: b\n",
        "4:5: 'kadalu_zone' stands twice in the vars of all (first: line 3)", "",
    ),
    "duplicate host": (
        "all:\n  hosts:\n    a:\n    b:\n    a:\n", "5:5: 'a' stands twice in the hosts of all", "",
    ),
    "duplicate group": ("all:\nall:\n", "2:1: 'all' stands twice in the inventory", ""),
    "range": ("all:\n  hosts:\n    n[1-3]:\n", "3:5: 'n[1-3]': range [1-3]", "",),
    "range padding": ("all: {hosts: {'n[01:100]': }}", "1:15: 'n[01:100]': range", ""),
    "host": ("all: {hosts: {'-oProxy=x': }}", "1:15: '-oProxy=x' cannot name a host", "letters"),
    "host 2": ('all: {hosts: {"a;b": }}', "1:15: 'a;b' cannot name a host", "letters"),
    "host 3": ('all: {hosts: {"a\\nb": }}', "1:15: 'a\\nb' cannot name a host", "letters"),
    "host 4": ("all: {hosts: {größe: }}", "1:15: 'gr\\xf6\\xdfe' cannot name a host", "letters"),
    "host 5": ("all: {hosts: {..: }}", "1:15: '..' cannot name a host", "letters"),
    "host 6": (f"all: {{hosts: {{{'a' * 300}: }}}}", "1:15: 'aaa", "letters"),
    "host 7": ("all: {hosts: {'fe80::1%$(id)': }}", "1:15: 'fe80::1%$(id)' cannot name", "letters"),
    "host is a number": (
        "all:\n  hosts:\n    10:\n", "3:5: YAML reads the key '10' of the hosts of all as a number",
        "put it in quotes",
    ),
    "host is no": ("all: {hosts: {no: }}", "1:15: YAML reads the key 'no'", "put it in quotes"),
    "host port": ("all: {hosts: {'a:70000': }}", "1:26: ansible_port has to be a port", ""),
    "hosts is a list": (
        "all:\n  hosts:\n    - a\n", "3:5: the hosts of all is a list", "not as `- NAME`",
    ),
    "host is text": ("all: {hosts: {a: 192.0.2.1}}", "1:18: host a is not a mapping", "NAME:"),
    "port octal": (
        "all: {vars: {ansible_port: 012}}", "1:28: ansible_port has to be a port", "octal",
    ),
    "port 0": ("all: {vars: {ansible_port: 0}}", "1:28: ansible_port has to be a port", ""),
    "port 65536": ("all: {vars: {ansible_port: 65536}}", "1:28: ansible_port has to be a port", ""),
    "port text": ("all: {vars: {ansible_port: ssh}}", "1:28: ansible_port has to be a port", ""),
    "port sexagesimal": ("all: {vars: {ansible_port: 22:22}}", "1:28: ansible_port has to", ""),
    "port list": ("all: {vars: {ansible_port: [22]}}", "1:28: ansible_port has to be a single", ""),
    "user is no": (
        "all: {vars: {ansible_user: no}}",
        "1:28: ansible_user has to be text, and YAML reads no as false", "put it in quotes",
    ),
    "user dash": ("all: {vars: {ansible_user: -x}}", "1:28: ansible_user cannot be '-x'", ""),
    "user spaces": ("all: {vars: {ansible_user: ' x'}}", "1:28: ansible_user cannot be ' x'", ""),
    "zone spaces": ("all: {vars: {kadalu_zone: 'x '}}", "1:27: kadalu_zone cannot be 'x '", ""),
    "key dash": (
        "all: {vars: {ansible_private_key_file: -x}}", "1:40: ansible_private_key_file cannot", "",
    ),
    "user line": ('all: {vars: {ansible_user: "a\\nb"}}', "1:28: ansible_user cannot be", ""),
    "user empty": ('all: {vars: {ansible_user: ""}}', "1:28: ansible_user is empty", ""),
    "zone octal": ("all: {vars: {kadalu_zone: 012}}", "1:27: kadalu_zone has to be text", "quotes"),
    "zone date": ("all: {vars: {kadalu_zone: 2024-01-01}}", "1:27: kadalu_zone has to", "quotes"),
    "address": ("all: {vars: {kadalu_address: 'a b'}}", "1:30: kadalu_address cannot be", "name"),
    "address port": ("all: {vars: {kadalu_address: 'a:22'}}", "1:30: kadalu_address", "port"),
    "become": ("all: {vars: {ansible_become: sudo}}", "1:30: ansible_become has to be true or", ""),
    "python": ("all: {vars: {ansible_python_interpreter: 'p; rm'}}", "1:42: ansible_python_in", ""),
    "priority": ("all: {vars: {ansible_group_priority: high}}", "1:38: ansible_group_priority", ""),
    "part": (
        "all:\n  childen:\n    g:\n", "2:3: group all has a key 'childen'",
        "did you mean children?",
    ),
    "variable outside vars": (
        "all: {children: {g: {kadalu_zone: a}}}", "1:22: group g has a key 'kadalu_zone'",
        "`vars:`",
    ),
    "no all": ("hosts:\n  a:\n", "1:1: `hosts:` has to stand under `all:`", ""),
    "group loop": (
        "all: {children: {a: {children: {b: {children: {a: }}}}}}",
        "1:48: group 'a' would be inside itself", "",
    ),
    "group loop to all": (
        "all: {children: {a: {children: {all: }}}}", "1:33: group 'all' would be inside itself", "",
    ),
    "group loop to all 2": ("a: {children: {all: }}", "1:16: group 'all' would be inside", ""),
    "group loop apart": (
        "a:\n  children:\n    b:\nb:\n  children:\n    c:\nc:\n  children:\n    a:\n",
        "9:5: group 'a' would be inside itself", "",
    ),
    "group loop by alias": ("x: &x {children: {y: *x}}", "1:19: group 'y' would be inside", ""),
    "merge loop": ("all: {vars: &v {<<: *v}}", "it is nested too deeply", ""),
    "plugin": ("plugin: amazon.aws.aws_ec2\n", "1:1: this configures an inventory pl", "--yaml"),
    "ini": ("[all]\ngl1 ansible_user=root\n", "2:1: ", ""),
    "ini 2": ("[all]\n", "1:1: this is no YAML inventory", "ansible-inventory"),
    "text": ("gl1\n", "1:1: this is no YAML inventory", "ansible-inventory"),
    "yaml": ("all:\n  hosts:\n   a:\n  b: [\n", "5:1: ", ""),
    "tab": ("all:\n\thosts:\n", "2:1: found character that cannot start any token", ""),
    "alias": ("all: *x\n", "1:6: found undefined alias", ""),
    "control": ("all: \x07\n", "it has a character that YAML does not allow", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_errors_name_the_place_and_a_way_out(tmp_path: Path, name: str) -> None:
    text, expected, hint = ERRORS[name]
    path = tmp_path / "inventory.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Refused) as caught:
        load(path)
    assert caught.value.message.startswith((f"{path}:{expected}", f"{path}: {expected}"))
    assert hint in (caught.value.hint or "")
