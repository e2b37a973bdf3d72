"""Volume options as text."""

from typing import Any

from kadalu_ssh.cli.render import table

Data = dict[str, Any]


def volume_get(data: Data) -> str:
    rows = [
        (o["key"], "-" if o["value"] is None else o["value"], "" if o["set"] else "(default)")
        for o in data["options"]
    ]
    return table(["Option", "Value", ""], rows) if rows else "No options are set."


def volume_options(data: Data) -> str:
    rows = [
        (
            o["key"], o["takes"], "-" if o["default"] is None else o["default"],
            ", ".join(o["graphs"]), ", ".join(map(str, o["releases"])),
        )
        for o in data["options"]
    ]  # fmt: skip
    return table(["Option", "Takes", "Default", "Works in", "GlusterFS"], rows)
