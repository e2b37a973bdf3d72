"""Clients that do not know all groups of a volume, and services that wait for a restart."""

from kadalu_ssh.model.channel import Json
from kadalu_ssh.operations.connected import late
from kadalu_ssh.operations.phases import Report


def rows(name: str, *hosts: str) -> list[Json]:
    return [{"host": host, "name": name} for host in hosts]


def test_who_lacks_a_new_unit_is_told() -> None:
    found = {"old": rows("fuse", "c1", "c2"), "new": rows("fuse", "c1")}
    assert late(found, ["old"], ["new"]) == ["c2"]


def test_a_mount_that_changes_its_graph_has_two_connections_for_a_while() -> None:
    found = {"old": rows("fuse", "c1", "c1"), "new": rows("fuse", "c1")}
    assert late(found, ["old"], ["new"]) == []


def test_where_processes_have_no_names_their_number_tells() -> None:
    """GlusterFS 10: the node's daemon knows the new unit, and the mount beside it does not."""
    found = {"old": rows("", "n1", "n1", "n2"), "new": rows("", "n1", "n2")}
    assert late(found, ["old"], ["new"]) == ["n1"]


def test_what_an_earlier_phase_said_of_a_host_is_kept() -> None:
    total = Report(restarts={"n1": ("brick", "shd")})
    total.add(Report(restarts={"n1": ("mount",)}))
    assert total.restarts == {"n1": ("brick", "shd", "mount")}
