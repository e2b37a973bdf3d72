"""volume set | reset | get | options: all or nothing, live where GlusterFS can, one unit at a time
where it cannot.
"""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import msgspec

from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.errors import NodeError, Refused
from kadalu_ssh.model.names import split_volume
from kadalu_ssh.model.records import Document, Volume
from kadalu_ssh.operations.context import Context, Outcome
from kadalu_ssh.operations.option_rules import (
    broken_rules,
    loses_files,
    unknown_to,
    without_effect,
)
from kadalu_ssh.operations.option_words import elsewhere, full_key, options_of, without
from kadalu_ssh.operations.plans import volume_nodes
from kadalu_ssh.operations.probe import facts_params
from kadalu_ssh.operations.restart import restart_changed
from kadalu_ssh.operations.session import Session
from kadalu_ssh.operations.transaction import Hosts, Transaction, open_transaction
from kadalu_ssh.operations.volume import hosts_of, with_changed
from kadalu_ssh.operations.volume_view import chosen, load_document
from kadalu_ssh.volgen import default_options
from kadalu_ssh.volgen.options import value_of
from kadalu_ssh.volgen.values import Kind, kinds, why_not

_OURS = (".glusterfs", ".shard", ".trashcan", "lost+found")
_OURS_TOO = ".glusterfs-anonymous-inode-"
"""Where replicate volumes keep what lost its name while a copy was away (AFR; the volume's id)."""


async def set_options(
    ctx: Context, *, volume: str, words: Sequence[str], no_restart: bool = False,
    force: bool = False,
) -> Outcome:  # fmt: skip
    """Set options of a volume; the files of its nodes and mounts follow at once."""
    cluster, name = split_volume(volume)
    wanted = options_of(words, force)
    async with open_transaction(ctx, cluster, _hosts_of(name)) as transaction:
        found = transaction.session.volume(name)
        return await _change(transaction, found, {**found.options, **wanted}, no_restart)


async def reset(
    ctx: Context, *, volume: str, keys: Sequence[str] = (), everything: bool = False,
    no_restart: bool = False,
) -> Outcome:  # fmt: skip
    """Take options back to what a new volume has; with `everything`, all of them."""
    cluster, name = split_volume(volume)
    if bool(keys) == everything:
        raise Refused("which options?", hint="name keys, or give --all")
    async with open_transaction(ctx, cluster, _hosts_of(name)) as transaction:
        found = transaction.session.volume(name)
        born = default_options(found.kind)
        kept = {} if everything else without(found.options, keys)
        back = {key: value for key, value in born.items() if key not in kept}
        return await _change(transaction, found, {**kept, **back}, no_restart)


def _hosts_of(name: str) -> Hosts:
    """The volume's nodes and the hosts that mount it."""

    def hosts(document: Document) -> list[str]:
        found = [v for v in document.volumes if v.name == name]
        mounts = [c.host for c in document.clients for v in found if c.volume == v.id]
        return [*hosts_of(name)(document), *mounts]

    return hosts


async def _change(
    transaction: Transaction, volume: Volume, options: Mapping[str, str], no_restart: bool
) -> Outcome:
    session, document = transaction.session, transaction.document
    changed = {k: v for k, v in options.items() if volume.options.get(k) != v}
    _check(document, volume, options, changed)
    if loses_files(volume.options, options):
        await _refuse_with_files(session, volume)
    new_volume = msgspec.structs.replace(volume, options=dict(sorted(options.items())))
    new = with_changed(document, new_volume)
    outcome = await transaction.execute("volume.set", new, {"volume": volume.id})
    outcome.warnings += without_effect(volume, changed)
    if not transaction.check:
        await restart_changed(transaction, outcome, no_restart)
    gone = sorted(set(volume.options) - set(options))
    outcome.summary = _summary(volume, changed, gone)
    outcome.data = {"volume": {"name": volume.name, "set": changed, "reset": gone}}
    return outcome


def _check(
    document: Document, volume: Volume, options: Mapping[str, str], changed: Mapping[str, str]
) -> None:
    wrong = [NodeError(key, why) for key, why in broken_rules(volume, options)]
    wrong += [NodeError(host, why) for host, why in unknown_to(document, volume, changed)]
    if wrong:
        raise Refused(f"the options of volume {volume.name} were not changed", nodes=wrong)


async def _refuse_with_files(session: Session, volume: Volume) -> None:
    """Every unit has to be seen: files that are in pieces could be on any of them."""
    nodes = volume_nodes(volume)
    session.need(nodes, "features.shard is not turned off")
    paths = {n: [s.unit.path for s in volume.slots if s.unit.node == n] for n in nodes}
    params = {n: facts_params(session.document.cluster_id, paths=p) for n, p in paths.items()}
    good, bad = session.split(await session.call("facts", params))
    wrong = [*bad]
    for node, found in good.items():
        for path, seen in found["paths"].items():
            files = [e for e in seen["entries"] if e not in _OURS and _OURS_TOO not in e]
            if files:
                wrong.append(session.error(node, f"{path} has {', '.join(files[:3])}"))
    if wrong:
        raise Refused(
            f"volume {volume.name} has files: without features.shard they would be cut off",
            nodes=wrong,
            hint="copy them into a new volume instead",
        )


def _summary(volume: Volume, changed: Mapping[str, str], gone: Sequence[str]) -> str:
    words = [f"{key} is {value}" for key, value in changed.items()]
    words += [f"{key} is as by default" for key in gone]
    return f"Volume {volume.name}: {', '.join(words) or 'nothing had to be changed'}."


# --- looking ---


async def get(ctx: Context, *, volume: str, key: str | None = None) -> Outcome:
    """What a volume has for an option, or for all that are set (`all`: for every one)."""
    cluster, name = split_volume(volume)
    (found,) = chosen(load_document(ctx, cluster), name)
    rows = [_value(found, each) for each in _keys(found, key)]
    return Outcome(data={"volume": found.name, "options": rows})


def _keys(volume: Volume, key: str | None) -> list[str]:
    if key is None:
        return sorted(volume.options)
    if key == "all":
        return sorted({*kinds(), *volume.options})
    key = full_key(key)
    if key not in kinds() and key not in volume.options:
        raise Refused(f"{key}: {elsewhere(key) or why_not(key, 'x')}")
    return [key]


def _value(volume: Volume, key: str) -> Json:
    kind = kinds().get(key)
    default = kind.default if kind else None
    value = value_of(volume.options, key) or default
    return {"key": key, "value": value, "set": key in volume.options, "default": default}


async def list_options(ctx: Context, *, pattern: str | None = None) -> Outcome:
    """What can be set: what each takes, its default, where it works, since which release."""
    wanted = pattern or "*"
    pattern = wanted if any(sign in wanted for sign in "*?[") else f"*{wanted}*"
    found = [kind for key, kind in sorted(kinds().items()) if fnmatchcase(key, pattern)]
    if not found:
        raise Refused(f"no option is called like {wanted}", hint="all: kadalu volume options")
    return Outcome(data={"options": [_kind_row(kind) for kind in found]})


def _kind_row(kind: Kind) -> Json:
    return {
        "key": kind.key, "type": kind.type, "takes": kind.takes, "default": kind.default,
        "min": kind.min, "max": kind.max, "values": list(kind.values),
        "graphs": list(kind.graphs), "releases": list(kind.releases),
    }  # fmt: skip
