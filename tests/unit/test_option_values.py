"""Which values an option takes, type by type."""

import pytest

from kadalu_ssh.model.errors import Refused
from kadalu_ssh.operations.new_volume import option_pairs
from kadalu_ssh.volgen.options import table
from kadalu_ssh.volgen.values import kinds, why_not

GOOD = [
    ("cluster.lookup-optimize", "Yes"), ("cluster.lookup-optimize", "0"),
    ("cluster.read-hash-mode", "5"), ("cluster.read-hash-mode", "0x2"),
    ("storage.owner-uid", "-1"), ("performance.cache-size", "64MB"),
    ("performance.cache-size", "4194304"), ("network.ping-timeout", "42"),
    ("network.frame-timeout", "10min"), ("cluster.min-free-disk", "10%"),
    ("cluster.min-free-disk", "20GB"), ("cluster.min-free-inodes", "5.5%"),
    ("cluster.quorum-type", "auto"), ("auth.allow", "10.0.0.*,client1.example.com"),
    ("server.statedump-path", "/var/run/gluster"), ("performance.cache-priority", "*.txt:3"),
    ("storage.create-mask", "0755"),
]  # fmt: skip
BAD = [
    ("performance.cache-size", "banana"), ("performance.cache-size", "1KB"),
    ("performance.cache-size", "1.5MB"), ("performance.cache-size", "64M"),
    ("cluster.lookup-optimize", "maybe"), ("cluster.read-hash-mode", "6"),
    ("cluster.read-hash-mode", "two"), ("network.ping-timeout", "1014"),
    ("network.ping-timeout", "-1"), ("cluster.min-free-inodes", "101%"),
    ("cluster.quorum-type", "some"), ("auth.allow", "a b"), ("auth.allow", "a,,b"),
    ("server.statedump-path", "run/gluster"), ("server.statedump-path", "/a/../b"),
    ("performance.cache-priority", "*.txt"), ("cluster.quorum-type", ""),
    ("cluster.rsync-hash-regex", "a\nend-volume"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value"), GOOD)
def test_good_values(key: str, value: str) -> None:
    assert why_not(key, value) is None


@pytest.mark.parametrize(("key", "value"), BAD)
def test_bad_values(key: str, value: str) -> None:
    reason = why_not(key, value)
    assert reason and "it takes" in reason


def test_what_it_takes_is_said() -> None:
    assert "from 4.0 MiB" in str(why_not("performance.cache-size", "1"))
    assert "none, auto, fixed" in str(why_not("cluster.quorum-type", "x"))
    assert "did you mean performance.cache-size?" in str(why_not("performance.cachesize", "1MB"))


def test_every_option_of_the_graphs_has_a_kind_that_takes_its_own_default() -> None:
    assert set(kinds()) == {row.key for row in table()}
    wrong = {
        k: kind.default for k, kind in kinds().items() if kind.default and why_not(k, kind.default)
    }
    assert wrong == {}


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(Refused) as caught:
        option_pairs(["performance.cache-size=banana", "no.such=1", "auth.allow=*", "novalue"])
    assert [error.name for error in caught.value.nodes] == [
        "'performance.cache-size'", "'no.such'", "'novalue'",
    ]  # fmt: skip
