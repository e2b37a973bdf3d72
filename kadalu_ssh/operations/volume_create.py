"""volume create: everything is checked on every node before anything is changed on any."""

import uuid
from collections.abc import Sequence

from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.errors import Refused
from kadalu_ssh.model.grammar import VolumePlan, parse_volume
from kadalu_ssh.model.names import shown, split_volume
from kadalu_ssh.model.records import Document, Node, Volume
from kadalu_ssh.operations.context import Context, Outcome
from kadalu_ssh.operations.examine import examine, nodes_named, with_missing_nodes
from kadalu_ssh.operations.new_volume import (
    new_volume,
    option_pairs,
    ports_for,
    same_units_again,
    with_volume,
)
from kadalu_ssh.operations.transaction import open_transaction
from kadalu_ssh.operations.unit_checks import Allowed


async def create(
    ctx: Context, *, name: str, words: Sequence[str], no_start: bool = False,
    brick_fs: str | None = None, fs_opts: str | None = None, use_lvm: bool = False,
    allow_rootdirs: bool = False, create_parents: bool = False, volume_id: str | None = None,
    auto_add_nodes: bool = False, same_node: bool = False, assume_order: bool = False,
    options: Sequence[str] = (),
) -> Outcome:  # fmt: skip
    """Make the storage units and the volume's files, and start it unless `no_start`."""
    cluster, name = split_volume(name)
    plan = parse_volume(words)
    if brick_fs or fs_opts or use_lvm:
        raise Refused("--brick-fs, --fs-opts and --use-lvm are for storage units on devices")
    allowed = Allowed(allow_rootdirs, create_parents, _volume_id(volume_id), assume_order)
    chosen = option_pairs(options)
    _confirm_two_copies(ctx, plan)
    async with open_transaction(ctx, cluster, lambda d: nodes_named(d, plan)) as transaction:
        _refuse_taken(transaction.document, name)
        base = await with_missing_nodes(transaction, plan, auto_add_nodes)
        what = f"volume {name} is not created"
        facts = await examine(transaction.session, base, plan, allowed, same_node, what)
        new, volume = _document(base, plan, name, facts, allowed, chosen, not no_start)
        params = {
            "volume": volume.id, "create_parents": create_parents, "adopt": bool(volume_id),
        }  # fmt: skip
        outcome = await transaction.execute("volume.create", new, params)
    state = "created" if no_start else "created and started"
    outcome.summary = f"Volume {base.name}/{name} was {state}."
    outcome.data = {"volume": {"name": name, "id": volume.id, "state": volume.state}}
    return outcome


def _refuse_taken(document: Document, name: str) -> None:
    if any(volume.name == name for volume in document.volumes):
        raise Refused(
            f"there is a volume {name} in cluster {document.name} already",
            hint=f"look at it: kadalu volume info {name}",
        )


def _volume_id(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise Refused(f"{shown(text)} is not a volume id", hint="it is a UUID") from None


def _confirm_two_copies(ctx: Context, plan: VolumePlan) -> None:
    if plan.kind in ("replicate", "mirror") and len(plan.groups[0]) == 2:
        ctx.confirm(
            "Two copies without an arbiter cannot tell which one is right after a network split "
            "(split-brain). Create the volume all the same?"
        )


def _document(
    base: Document, plan: VolumePlan, name: str, facts: dict[str, Json], allowed: Allowed,
    chosen: dict[str, str], start: bool,
) -> tuple[Document, Volume]:  # fmt: skip
    nodes: dict[str, Node] = {node.name: node for node in base.nodes}
    listening = {host: set(found["listening"]) for host, found in facts.items()}
    ports = ports_for(plan, nodes, listening, base.port_range)
    records = {
        (host, path): found["record"]
        for host, fact in facts.items()
        for path, found in fact["paths"].items()
    }
    if allowed.volume_id:
        same_units_again(plan, records, allowed)
    volume = new_volume(base, plan, name, nodes, facts, ports, allowed.volume_id, chosen, start)
    return with_volume(base, volume), volume
