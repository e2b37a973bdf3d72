"""node replace: another node takes the place of one, with all of its storage units."""

import dataclasses
from collections.abc import Sequence

from kadalu_ssh.model.errors import Failed, KadaluError, NodeError, Refused
from kadalu_ssh.model.names import check_host
from kadalu_ssh.model.records import Document
from kadalu_ssh.operations.context import Context, Outcome
from kadalu_ssh.operations.unit_replace import replace_unit
from kadalu_ssh.operations.volume_view import load_document


async def replace_node(
    ctx: Context, *, old: str, new: str, allow_rootdirs: bool = False,
    create_parents: bool = False, same_node: bool = False, wait: bool = False,
) -> Outcome:  # fmt: skip
    """Every unit of a node goes to another, to the same paths. All are checked before any goes."""
    check_host(old)
    check_host(new)
    jobs = _jobs(load_document(ctx, None), old, new)
    flags = {
        "allow_rootdirs": allow_rootdirs, "create_parents": create_parents, "same_node": same_node,
    }  # fmt: skip
    rehearsal = Context(dataclasses.replace(ctx.settings, dry_run=True), ctx.reporter)
    outcome = Outcome(dry_run=ctx.settings.dry_run)
    for volume, path in jobs:
        done = await replace_unit(
            rehearsal, volume=volume, old=f"{old}:{path}", new=f"{new}:{path}", **flags
        )
        if ctx.settings.dry_run:
            outcome.take(done)
    if not ctx.settings.dry_run:
        await _replace_all(ctx, outcome, jobs, old, new, {**flags, "wait": wait})
    names = ", ".join(dict.fromkeys(volume for volume, _ in jobs))
    outcome.summary = (
        f"All units of {old} are on {new} now (volumes: {names}). If {old} will not come back: "
        f"kadalu node remove {old} --lost"
    )
    outcome.data = {"units": [{"volume": volume, "path": path} for volume, path in jobs]}
    return outcome


async def _replace_all(
    ctx: Context, outcome: Outcome, jobs: Sequence[tuple[str, str]], old: str, new: str,
    flags: dict[str, bool],
) -> None:  # fmt: skip
    for number, (volume, path) in enumerate(jobs):
        ctx.reporter.progress("", f"{volume}: {old}:{path} → {new}:{path}")
        # The next one of a volume is refused while the one before is being healed.
        more = any(later == volume for later, _ in jobs[number + 1 :])
        flags_now = {**flags, "wait": flags["wait"] or more}
        try:
            done = await replace_unit(
                ctx, volume=volume, old=f"{old}:{path}", new=f"{new}:{path}", **flags_now
            )
        except KadaluError as error:
            if not number:
                raise
            gone = [NodeError(f"{old}:{p}", f"replaced, in volume {v}") for v, p in jobs[:number]]
            raise Failed(
                f"{number} of {len(jobs)} units of {old} were replaced; then: {error.message}",
                nodes=[*gone, *error.nodes],
                hint=f"mend the cause; the same command goes on with the rest. {error.hint or ''}",
            ) from error
        outcome.take(done)


def _jobs(document: Document, old: str, new: str) -> list[tuple[str, str]]:
    """(volume name, path) of the units of `old`."""
    nodes = {node.name: node.id for node in document.nodes}
    for name in (old, new):
        if name not in nodes:
            raise Refused(
                f"{name} is not a node of cluster {document.name}",
                hint=f"its nodes: {', '.join(sorted(nodes))}; to add one: kadalu node add {name}",
            )
    if old == new:
        raise Refused(f"{old} cannot replace itself", hint="one disk: kadalu volume replace-unit")
    jobs = [
        (volume.name, slot.unit.path)
        for volume in document.volumes
        for slot in volume.slots
        if slot.unit.node == nodes[old]
    ]
    if not jobs:
        raise Refused(f"node {old} has no storage units", hint=f"kadalu node remove {old}")
    return jobs
