"""`state …` as text. Each function takes an Outcome's data."""

import json

from kadalu_ssh.cli.render import Data, table


def state_show(data: Data) -> str:
    return json.dumps(data["state"], indent=2, ensure_ascii=False)


def state_verify(data: Data) -> str:
    headers = ["Place", "State", "Serial", "Digest", ""]
    rows = [(p["place"], p["state"], _label(p), p["digest"], p["detail"]) for p in data["places"]]
    return table(headers, rows)


def _label(row: Data) -> str:
    return "-" if row["serial"] is None else f"{row['epoch']}-{row['serial']}"


def state_history(data: Data) -> str:
    if not data["history"]:
        return "The history is empty."
    headers = ["", "Serial", "Saved", "Digest"]
    rows = [
        ("*" if e["current"] else "", _label(e), e["when"], e["digest"]) for e in data["history"]
    ]
    return table(headers, rows)


def state_diff(data: Data) -> str:
    found = data["diff"]
    return "\n".join(found["lines"]) or f"{found['from']} and {found['to']} are the same."
