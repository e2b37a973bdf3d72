"""One mapping of variables: those that kadalu reads, checked; all others left alone."""

import yaml

from kadalu_ssh.inventory.marked import TAG, Source
from kadalu_ssh.inventory.schema import Key, Unknown, find, known
from kadalu_ssh.inventory.values import Unusable, Value, Wrong, value_of
from kadalu_ssh.model.secret import Secret

Variables = dict[str, Value]


def read_variables(
    source: Source, node: yaml.Node, what: str, port: str | None = None
) -> Variables:
    """The variables of the mapping `node`, by their main name.

    `port` is that of a host written as HOST:PORT. Raises Refused with the place.
    """
    found: Variables = {}
    if port is not None:
        written = yaml.ScalarNode(TAG + "int", port, node.start_mark, node.end_mark)
        found["ansible_port"] = _value(source, known()["ansible_port"], "ansible_port", written)
    for name, (key_node, value) in source.mapping(node, what, odd_keys=True).items():
        key = find(name)
        if isinstance(key, Unknown):
            source.refuse(key_node, f"there is no variable {name}", key.hint)
        if key:
            found[key.name] = _value(source, key, name, value)
    return found


def _value(source: Source, key: Key, name: str, node: yaml.Node) -> Value:
    try:
        value = value_of(key, node)
    except Wrong as wrong:
        source.refuse(node, f"{name} {wrong.what}", wrong.hint)
    if isinstance(value, Unusable):
        return value._replace(place=source.place(node), what=f"{name} {value.what}")
    if isinstance(value, Secret):
        source.holds_secret = True
    return value
