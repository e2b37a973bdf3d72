"""What is written after `volume set`, and what options must be among themselves."""

import pytest

from kadalu_ssh.model.errors import Refused
from kadalu_ssh.model.records import Capabilities, Document, Group, Node, Slot, Unit, Volume
from kadalu_ssh.operations.option_rules import (
    broken_rules,
    loses_files,
    unknown_to,
    without_effect,
)
from kadalu_ssh.operations.option_words import full_key, options_of, without
from kadalu_ssh.volgen.profiles import PROFILES
from kadalu_ssh.volgen.values import why_not


def volume(**more: object) -> Volume:
    slots = tuple(
        Slot(
            position=n, brick_id=n, role="data", client_name=f"v-client-{n}",
            unit=Unit(id=f"u{n}", node=f"n{n}", path="/d/v", port=24010, fs_uuid="", fsid=""),
        )
        for n in range(3)
    )  # fmt: skip
    fields = {
        "id": "v", "name": "v", "xlator_name": "v", "kind": "replicate",
        "groups": (Group(number=0, slots=slots),), "username": "u", "password": "p",
        "next_brick_id": 3, "options": {}, **more,
    }  # fmt: skip
    return Volume(**fields)  # type: ignore[arg-type]


def test_pairs_in_both_ways_and_short_names() -> None:
    assert options_of(["ping-timeout", "20"], False) == {"network.ping-timeout": "20"}
    assert options_of(["network.ping-timeout=20", "auth.allow=*"], False) == {
        "network.ping-timeout": "20", "auth.allow": "*",
    }  # fmt: skip
    assert options_of(["group", "nl-cache"], False) == PROFILES["nl-cache"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["group"], "no such group"), (["group", "x"], "no such group"),
        (["network.ping-timeout"], "has no value"), (["event-threads", "4"], "short for several"),
        (["nfs.disable", "on"], "cannot be set"), (["user.x", "1"], "cannot be set"),
        (["cluster/replicate.x", "1"], "cannot be set"), (["nonsense", "1"], "cannot be set"),
    ],
)  # fmt: skip
def test_what_is_refused(words: list[str], told: str) -> None:
    with pytest.raises(Refused, match=told):
        options_of(words, False)


def test_every_profile_holds_only_what_can_be_set() -> None:
    wrong = [(k, v) for options in PROFILES.values() for k, v in options.items() if why_not(k, v)]
    assert wrong == []


def test_reset_wants_what_can_be_set() -> None:
    assert without({"auth.allow": "a", "x.y": "1"}, ["x.y"]) == {"auth.allow": "a"}
    assert without({"auth.allow": "a"}, ["ping-timeout"]) == {"auth.allow": "a"}
    with pytest.raises(Refused, match="nothing was changed") as told:
        without({}, [full_key("ping-timeoutt")])
    assert told.value.nodes[0].reason == "no such option; did you mean network.ping-timeout?"


@pytest.mark.parametrize(
    ("options", "keys"),
    [
        ({"cluster.quorum-count": "3"}, []),
        ({"cluster.quorum-count": "4"}, ["cluster.quorum-count"]),
        ({"cluster.subvols-per-directory": "2"}, ["cluster.subvols-per-directory"]),
        ({"performance.cache-min-file-size": "2MB", "performance.cache-max-file-size": "1MB"},
         ["performance.cache-min-file-size", "performance.cache-max-file-size"]),
        ({"performance.cache-min-file-size": "2MB"}, []),
    ],
)  # fmt: skip
def test_rules(options: dict[str, str], keys: list[str]) -> None:
    assert [key for key, _ in broken_rules(volume(), options)] == keys


def test_disperse_keeps_enough_for_its_data() -> None:
    dispersed = volume(kind="disperse", redundancy=1)
    assert not list(broken_rules(dispersed, {"disperse.quorum-count": "2"}))
    assert list(broken_rules(dispersed, {"disperse.quorum-count": "1"}))


def test_a_release_that_lacks_an_option_is_named() -> None:
    nodes = tuple(
        Node(id=f"n{n}", name=f"s{n}", address="a", capabilities=Capabilities(glusterfs=release))
        for n, release in enumerate(("11.1", "10.3", "11.1", "10.3"))
    )
    document = Document(cluster_id="c", name="c", nodes=nodes)
    found = list(
        unknown_to(document, volume(), {"cluster.rmdir-optimize": "on", "auth.allow": "*"})
    )
    assert [host for host, _ in found] == ["s1"], "s3 has no unit of the volume"


def test_warnings_and_sharding() -> None:
    assert list(without_effect(volume(), {"disperse.eager-lock": "off", "auth.allow": "*"})) == [
        "disperse.eager-lock has no effect on a replicate volume"
    ]
    assert loses_files({"features.shard": "on"}, {"features.shard": "off"})
    assert loses_files({"features.shard": "yes"}, {})
    assert not loses_files({}, {"features.shard": "on"})


@pytest.mark.parametrize(
    "key",
    ["debug.trace", "delay-gen.enable", "features.signer-threads", "features.cloudsync",
     "config.memory-accounting", "features.s3plugin-keyid", "features.show-snapshot-directory"],
)  # fmt: skip
def test_what_only_glusterd_could_do_is_told_as_such(key: str) -> None:
    with pytest.raises(Refused) as told:
        options_of([key, "on"], False)
    assert "no such option" not in told.value.nodes[0].reason
