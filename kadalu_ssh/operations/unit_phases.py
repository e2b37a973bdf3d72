"""Making storage units, and giving them up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kadalu_ssh.model.channel import Json
from kadalu_ssh.operations.context import Change
from kadalu_ssh.operations.phases import Env, Report, sort_answers


@dataclass(frozen=True)
class InitUnits:
    """Make storage units: the directory, the volume id, the marks. Once in a unit's life."""

    units: Mapping[str, Sequence[Json]]
    """Host id → units, as `modules/init_unit.py` takes them."""
    name: str = "make storage units"
    forward_only: bool = False
    tolerant: bool = False

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(self.units)

    async def do(self, env: Env) -> Report:
        if env.check:
            return Report(changes=self._planned(env), done=set(self.units))
        params = {host: {"fence": env.fence, "units": units} for host, units in self.units.items()}
        good, report = sort_answers(env.session, await env.session.call("init_unit", params))
        report.done |= set(good)
        report.changes += [c for c in self._planned(env) if c.node in self._names(env, good)]
        return report

    def _names(self, env: Env, hosts: Mapping[str, Any]) -> set[str]:
        return {env.session.host_name(host) for host in hosts}

    def _planned(self, env: Env) -> list[Change]:
        status = "would_change" if env.check else "changed"
        return [
            Change(env.session.host_name(host), f"unit:{unit['path']}", status, "make storage unit")
            for host, units in self.units.items()
            for unit in units
        ]

    async def undo(self, env: Env) -> Report:
        return await drop_units(env, self.units, undo=True)


@dataclass(frozen=True)
class DropUnits:
    """Give storage units up: with `wipe`, remove what is in them."""

    units: Mapping[str, Sequence[Json]]
    name: str = "wipe storage units"
    forward_only: bool = True
    tolerant: bool = True

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(self.units)

    async def do(self, env: Env) -> Report:
        if env.check:
            return Report(_wipes(env, self.units, "would_remove"), set(self.units))
        return await drop_units(env, self.units, undo=False)

    async def undo(self, env: Env) -> Report:
        return Report()


async def drop_units(env: Env, units: Mapping[str, Sequence[Json]], undo: bool) -> Report:
    """Call `drop_unit` where the hosts are connected; the others are reported as failed."""
    params = {
        host: {
            "fence": env.fence,
            "units": [
                {
                    "path": unit["path"], "unit_id": unit["unit_id"],
                    "volume_id": unit["volume_id"], "wipe": not undo, "undo": undo,
                }
                for unit in listed
            ],
        }
        for host, listed in units.items()
    }  # fmt: skip
    good, report = sort_answers(env.session, await env.session.call("drop_unit", params, 600))
    report.done |= set(good)
    report.wiped |= {(host, unit["unit_id"]) for host in good for unit in units[host]}
    if not undo:
        report.changes += _wipes(env, {host: units[host] for host in good}, "removed")
    return report


def _wipes(env: Env, units: Mapping[str, Sequence[Json]], status: str) -> list[Change]:
    return [
        Change(env.session.host_name(host), f"unit:{unit['path']}", status, "wipe")
        for host, listed in units.items()
        for unit in listed
    ]
