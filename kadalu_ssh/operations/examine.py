"""The hosts of planned storage units, looked at before anything is changed on any of them."""

from collections.abc import Sequence

from kadalu_ssh.model.channel import Json
from kadalu_ssh.model.errors import NodeError, Refused
from kadalu_ssh.model.grammar import VolumePlan
from kadalu_ssh.model.records import Document
from kadalu_ssh.operations.join import with_new_nodes
from kadalu_ssh.operations.new_volume import copies_on_one_node, units_in_use
from kadalu_ssh.operations.probe import clock_skew, facts_params
from kadalu_ssh.operations.session import Session
from kadalu_ssh.operations.transaction import Transaction
from kadalu_ssh.operations.unit_checks import Allowed, check_paths
from kadalu_ssh.state.document import successor


def nodes_named(document: Document, plan: VolumePlan) -> list[str]:
    """Ids of the hosts of the plan that are nodes already."""
    hosts = {unit.host for unit in plan.units}
    return [node.id for node in document.nodes if node.name in hosts]


async def with_missing_nodes(
    transaction: Transaction, plan: VolumePlan, auto_add: bool
) -> Document:
    """The document in which every host of the plan is a node."""
    known = {node.name for node in transaction.document.nodes}
    missing = [host for host in dict.fromkeys(u.host for u in plan.units) if host not in known]
    if not missing:
        return successor(transaction.document)
    if not auto_add:
        raise Refused(
            f"not in cluster {transaction.document.name}: {', '.join(missing)}",
            hint=f"add them first: kadalu node add {missing[0]}; or give --auto-add-nodes",
        )
    base = await with_new_nodes(transaction.session, missing)
    transaction.session.connect_names_of(base)
    return base


async def examine(
    session: Session, base: Document, plan: VolumePlan, allowed: Allowed, same_node: bool, what: str
) -> dict[str, Json]:
    """Facts of every node, by node name. Raises Refused with all reasons of all nodes.

    `what`: what is not done then, for the error: "volume v is not created".
    """
    ids = {node.name: node.id for node in base.nodes}
    needed = [ids[host] for host in dict.fromkeys(unit.host for unit in plan.units)]
    session.need(needed, what)
    facts = await _facts(session, base, plan, needed)
    used = list(units_in_use(base, plan))
    resting = [node.name for node in base.nodes if node.resting and node.id in needed]
    reasons = [*used, *copies_on_one_node(plan, same_node)]
    reasons += [NodeError(n, f"in maintenance (kadalu node maintenance {n} off)") for n in resting]
    known = {(error.name, error.reason.partition(": ")[0]) for error in used}
    for host, found in facts.items():
        paths = [u.path for u in plan.units if u.host == host and (host, u.path) not in known]
        lines = [*clock_skew(found), *_glusterd(found), *check_paths(found, paths, allowed)]
        reasons += [NodeError(host, line) for line in lines]
    if reasons:
        raise Refused(f"{what}; nothing was changed", nodes=reasons)
    return facts


def _glusterd(facts: Json) -> list[str]:
    return (
        ["glusterd runs here: systemctl disable --now glusterd"]
        if facts["glusterd_running"]
        else []
    )


async def _facts(
    session: Session, base: Document, plan: VolumePlan, needed: Sequence[str]
) -> dict[str, Json]:
    params = {}
    for host_id in needed:
        name = session.host_name(host_id)
        paths = [unit.path for unit in plan.units if unit.host == name]
        ports = [unit.port for unit in plan.units if unit.host == name and unit.port]
        params[host_id] = facts_params(
            base.cluster_id, paths=paths, ports=ports, port_range=list(base.port_range)
        )
    good, bad = session.split(await session.call("facts", params))
    if bad:
        raise Refused("nothing was changed: some nodes could not be probed", nodes=bad)
    return {session.host_name(host_id): found for host_id, found in good.items()}
