"""Volfiles beyond glusterd's fixtures: bytes, bad values, states of groups, options."""

import json
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kadalu_ssh.model.errors import Refused
from kadalu_ssh.model.records import Node, Slot, Volume
from kadalu_ssh.volgen import (
    brick_volfile,
    client_volfile,
    default_options,
    rebalance_volfile,
    shd_volfile,
)
from kadalu_ssh.volgen.graph import is_word
from kadalu_ssh.volgen.options import table
from tests.unit.glusterd_fixtures import ROOT, Block, parse, read_info, volumes

GOLDEN = ROOT.parent / "volgen"
STAMP = "/var/lib/kadalu/c/marker.tstamp"


def sample(name: str, release: str = "11.1", **changes: object) -> tuple[Volume, dict[str, Node]]:
    """A fixture's volume with other fields; `options` are added to the volume's own."""
    volume, nodes = read_info(ROOT / release / name)
    options = {**volume.options, **changes.pop("options", {})}  # type: ignore[dict-item]
    return msgspec.structs.replace(volume, options=options, **changes), nodes


def every_volfile(volume: Volume, nodes: dict[str, Node], release: int = 11) -> dict[str, str]:
    texts = {
        f"brick-{slot.brick_id}": brick_volfile(volume, slot, nodes[slot.unit.node], 1, STAMP)
        for slot in volume.slots
    }
    return texts | {
        "client": client_volfile(volume, nodes, release, trusted=False),
        "trusted": client_volfile(volume, nodes, release, trusted=True),
        "shd": shd_volfile(volume, nodes),
        "rebalance": rebalance_volfile(volume, nodes),
    }


def block(text: str, kind: str) -> Block:
    return next(block for block in parse(text) if block.type == kind)


def option(text: str, kind: str, name: str) -> str | None:
    return dict(block(text, kind).options).get(name)


# --- the same input gives the same bytes ---


def test_the_bytes_of_one_volume_stay() -> None:
    """A change here changes the files of every cluster: it needs a new `VOLGEN_REVISION`."""
    texts = every_volfile(*sample("arb"))
    assert texts == {path.stem: path.read_text() for path in GOLDEN.glob("*.vol")}


def test_bytes_do_not_depend_on_the_order_of_options_or_nodes() -> None:
    volume, nodes = sample("opt1")
    other = msgspec.structs.replace(volume, options=dict(reversed(volume.options.items())))
    shuffled = dict(reversed(nodes.items()))
    assert every_volfile(volume, nodes) == every_volfile(other, shuffled)
    assert every_volfile(volume, nodes) == every_volfile(volume, nodes)


# The options of the opt volumes were changed on purpose.
UNCHANGED = [directory for directory in volumes() if not directory.name.startswith("opt")]


@pytest.mark.parametrize("directory", UNCHANGED, ids=lambda d: f"{d.parent.name}/{d.name}")
def test_what_create_stores_is_what_glusterd_stored(directory: Path) -> None:
    volume, _ = read_info(directory)
    stored = {k: v for k, v in volume.options.items() if k != "nfs.disable"}
    assert default_options(volume.kind) == stored


def test_jinja2_is_not_loaded_for_what_is_stored() -> None:
    code = (
        "import json, sys; from kadalu_ssh.volgen import default_options as d;"
        "print(json.dumps([d('arbiter'), sorted(sys.modules)]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    options, modules = json.loads(done.stdout)
    assert options["cluster.granular-entry-heal"] == "on"
    assert "jinja2" not in modules


# --- values ---


def lexed(text: str) -> list[str]:
    """The words of a line as GlusterFS's lexer finds them; a `#` begins a comment."""
    found = re.findall(r"#.*|[^ \t\r\n\"\\]+|[\"\\]", text)
    return [word for word in found if not word.startswith("#")]


@given(st.text(max_size=30))
@example("#x")
@example("option")
@example("a#b")
@example("\u2028")
def test_a_word_is_read_back_as_it_is_or_refused(value: str) -> None:
    if not is_word(value):
        return
    assert lexed(f"    option key {value}\n") == ["option", "key", value]
    assert "`" not in value
    assert value not in ("volume", "type", "option", "subvolumes", "end-volume")
    assert value.splitlines() == [value]


BAD = [
    "a`id`", 'a"b', "a b", "a\nb", "a'b", "a\\b", "", "#a", "a\tb", "a\0b", "\x7f", "volume",
    "end-volume", "a\u00a0b", "a\u2028b",
]  # fmt: skip


@pytest.mark.parametrize("value", BAD)
def test_values_that_a_volfile_cannot_hold_are_refused(value: str) -> None:
    volume, nodes = sample("rep3", options={"auth.allow": value})
    with pytest.raises(Refused, match=r"auth.addr./bricks/rep3-b1.allow.* cannot be"):
        brick_volfile(volume, volume.slots[0], nodes["n1"], 1, STAMP)
    volume, nodes = sample("rep3", options={"client.event-threads": value})
    with pytest.raises(Refused, match=r"event-threads.* of protocol/client cannot be"):
        client_volfile(volume, nodes, 11, trusted=False)


@pytest.mark.parametrize("value", [value for value in BAD if value])
def test_names_paths_and_addresses_that_a_volfile_cannot_hold_are_refused(value: str) -> None:
    volume, nodes = sample("rep3")
    with pytest.raises(Refused):
        client_volfile(msgspec.structs.replace(volume, xlator_name=value), nodes, 11, trusted=False)
    elsewhere = {**nodes, "n1": msgspec.structs.replace(nodes["n1"], address=value)}
    with pytest.raises(Refused):
        shd_volfile(volume, elsewhere)
    first = volume.slots[0]
    unit = msgspec.structs.replace(first.unit, path=value)
    with pytest.raises(Refused):
        brick_volfile(volume, msgspec.structs.replace(first, unit=unit), nodes["n1"], 1, STAMP)


def test_secrets_are_only_where_they_are_needed() -> None:
    volume, nodes = sample("rep3")
    texts = every_volfile(volume, nodes)
    assert volume.password not in texts.pop("client")
    assert all(volume.password in text for text in texts.values())


# --- groups that come and go ---


@pytest.mark.parametrize(
    ("name", "below"),
    [("rep2x3", "rep2x3-replicate-1"), ("ec2x3", "ec2x3-disperse-1"), ("dist3", "dist3-client-1")],
)
def test_a_leaving_group_is_decommissioned(name: str, below: str) -> None:
    volume, nodes = sample(name)
    groups = list(volume.groups)
    groups[1] = msgspec.structs.replace(groups[1], state="leaving")
    volume = msgspec.structs.replace(volume, groups=tuple(groups))
    texts = every_volfile(volume, nodes)
    for graph in ("client", "trusted", "rebalance"):
        assert option(texts[graph], "cluster/distribute", "decommissioned-bricks") == below
        assert below in block(texts[graph], "cluster/distribute").children


def test_an_added_group_is_only_in_the_private_mount_and_its_own_bricks() -> None:
    plain, nodes = sample("rep2x3")
    groups = (plain.groups[0], msgspec.structs.replace(plain.groups[1], state="adding"))
    volume = msgspec.structs.replace(plain, groups=groups)
    texts = every_volfile(volume, nodes)
    for graph in ("client", "trusted", "rebalance", "shd"):
        assert "rep2x3-replicate-0" in texts[graph]
        assert "replicate-1" not in texts[graph] and "client-3" not in texts[graph]
    private = client_volfile(volume, nodes, 11, trusted=True, with_adding=True)
    assert private == client_volfile(plain, nodes, 11, trusted=True)


def test_an_arbiter_is_told_by_its_slot() -> None:
    volume, nodes = sample("arb")
    for slot in volume.slots:
        text = brick_volfile(volume, slot, nodes[slot.unit.node], 1, STAMP)
        types = [block.type for block in parse(text)]
        assert (types[1] == "features/arbiter") == (slot.role == "arbiter")
    assert option(shd_volfile(volume, nodes), "cluster/replicate", "arbiter-count") == "1"


def test_a_renamed_volume_keeps_its_files() -> None:
    volume, nodes = sample("rep3")
    renamed = msgspec.structs.replace(volume, name="other")
    assert every_volfile(renamed, nodes) == every_volfile(volume, nodes)


def test_shared_brick_count_and_time_stamp_are_given() -> None:
    volume, nodes = sample("dist3")
    text = brick_volfile(volume, volume.slots[0], nodes["n1"], 7, "/x/y.tstamp")
    assert option(text, "storage/posix", "shared-brick-count") == "7"
    assert option(text, "features/marker", "timestamp-file") == "/x/y.tstamp"


# --- options ---


def first_brick(volume: Volume, nodes: dict[str, Node]) -> str:
    slot: Slot = volume.slots[0]
    return brick_volfile(volume, slot, nodes[slot.unit.node], 1, STAMP)


def test_address_family_is_that_of_the_volume_or_inet() -> None:
    for options, family in (({}, "inet"), ({"transport.address-family": "inet6"}, "inet6")):
        volume, nodes = sample("rep3")
        volume = msgspec.structs.replace(volume, options=options)
        name = "transport.address-family"
        assert option(first_brick(volume, nodes), "protocol/server", name) == family
        assert option(shd_volfile(volume, nodes), "protocol/client", name) == family


@pytest.mark.parametrize(
    ("release", "manage", "expected"),
    [(10, "off", "true"), (11, "off", None), (10, "on", "false"), (11, "on", "false")],
)
def test_send_gids(release: int, manage: str, expected: str | None) -> None:
    volume, nodes = sample("rep3", options={"server.manage-gids": manage})
    text = client_volfile(volume, nodes, release, trusted=False)
    assert option(text, "protocol/client", "send-gids") == expected


def test_simple_quota_is_there_when_the_node_has_it_and_never_for_others() -> None:
    volume, nodes = sample("rep3")
    with_it, without = nodes["n1"], sample("rep3", "10.3")[1]["n1"]
    slot = volume.slots[0]
    assert "features/simple-quota" in brick_volfile(volume, slot, with_it, 1, STAMP)
    assert "features/simple-quota" not in brick_volfile(volume, slot, without, 1, STAMP)


def test_brick_and_client_options_of_one_xlator_type_do_not_mix() -> None:
    options = {
        "diagnostics.brick-log-format": "no-msg-id", "diagnostics.client-log-buf-size": "7",
        "config.brick-threads": "3",
    }  # fmt: skip
    texts = every_volfile(*sample("rep3", options=options))
    brick = dict(block(texts["brick-0"], "debug/io-stats").options)
    assert brick["log-format"] == "no-msg-id" and brick["threads"] == "3"
    assert "log-buf-size" not in brick
    for graph in ("client", "shd", "rebalance"):
        found = dict(block(texts[graph], "debug/io-stats").options)
        assert found["log-buf-size"] == "7" and found["threads"] == "16"
        assert "log-format" not in found


@pytest.mark.parametrize(
    ("name", "kind", "key"),
    [
        ("rep3", "cluster/replicate", "cluster.self-heal-daemon"),
        ("ec3", "cluster/disperse", "cluster.disperse-self-heal-daemon"),
    ],
)
def test_self_heal_daemon_options_reach_only_the_daemon(name: str, kind: str, key: str) -> None:
    options = {key: "disable", "cluster.heal-timeout": "30", "cluster.data-self-heal": "off"}
    texts = every_volfile(*sample(name, options=options))
    assert option(texts["shd"], kind, "self-heal-daemon") == "disable"
    assert option(texts["shd"], kind, "heal-timeout") == "30"
    assert option(texts["client"], kind, "heal-timeout") is None
    if kind == "cluster/replicate":
        # Without these it crawls and heals nothing.
        assert option(texts["shd"], kind, "data-self-heal") == "on"
        assert option(texts["client"], kind, "data-self-heal") == "off"


def test_client_xlators_come_and_go_with_their_options() -> None:
    options = {
        "performance.write-behind": "off", "performance.nl-cache": "on", "features.shard": "enable",
        "features.ctime": "0",
    }  # fmt: skip
    text = client_volfile(*sample("rep3", options=options), 11, trusted=False)
    types = [block.type for block in parse(text)]
    assert types[4:] == [
        "cluster/distribute", "features/shard", "performance/open-behind",
        "performance/quick-read", "performance/nl-cache", "performance/md-cache", "debug/io-stats",
    ]  # fmt: skip


def test_access_control_can_be_left_out() -> None:
    text = first_brick(*sample("rep3", options={"features.acl": "off"}))
    assert "features/access-control" not in text


def test_parallel_readdir_shares_the_cache_among_the_groups_of_a_mount() -> None:
    options = {"performance.parallel-readdir": "on", "performance.rda-cache-limit": "20MB"}
    volume, nodes = sample("rep2x3", options=options)
    for groups, limit in ((volume.groups, "10485760B"), (volume.groups[:1], "20971520B")):
        text = client_volfile(
            msgspec.structs.replace(volume, groups=groups), nodes, 11, trusted=False
        )
        assert option(text, "performance/readdir-ahead", "rda-cache-limit") == limit


def test_a_leaving_group_is_named_as_dht_sees_it() -> None:
    volume, nodes = sample("rep2x3", options={"performance.parallel-readdir": "on"})
    leaving = msgspec.structs.replace(volume.groups[0], state="leaving")
    volume = msgspec.structs.replace(volume, groups=(leaving, volume.groups[1]))
    text = client_volfile(volume, nodes, 11, trusted=False)
    assert option(text, "cluster/distribute", "decommissioned-bricks") == "rep2x3-readdir-ahead-0"


# What has to be on for the options of xlators that are not there by default.
SWITCHES = (
    {},
    {
        "network.compression": "on", "features.tag-namespaces": "on", "features.shard": "on",
        "performance.nl-cache": "on", "performance.readdir-ahead": "on", "cluster.nufa": "on",
        "performance.read-ahead": "on", "performance.io-cache": "on",
    },
    {"cluster.switch": "on"},
)  # fmt: skip


def test_no_option_is_taken_and_forgotten() -> None:
    """Every key of the table changes a file of some volume."""
    idle = {row.key for row in table()}
    for name, switches in [(n, s) for s in SWITCHES for n in ("rep2", "ec3", "dist1")]:
        before = every_volfile(*sample(name, options=switches))
        for key in sorted(idle):
            changes = ({**switches, key: value} for value in ("on", "off"))
            if any(every_volfile(*sample(name, options=new)) != before for new in changes):
                idle.discard(key)
    assert idle == set()
