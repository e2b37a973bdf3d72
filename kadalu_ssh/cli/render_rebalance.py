"""`rebalance …` as text. Each function takes an Outcome's data."""

from kadalu_ssh.cli.render import Data, table
from kadalu_ssh.model.sizes import format_size

_KINDS = {"layout": "layout only", "migrate": "layout and files", "shrink": "emptying a group"}


def rebalance_status(data: Data) -> str:
    if data["run"] is None:
        return f"Volume {data['volume']} was not rebalanced yet."
    total = data["total"]
    head = f"Volume {data['volume']} ({_KINDS[data['kind']]}): {_state(total)}"
    headers = ["Group", "Node", "State", "Done", "Files", "Moved", "Skipped", "Failed"]
    rows = [_row(row) for row in data["groups"]]
    last = ["Total", "", total["state"], f"{total['percent']} %", *_counts(total)]
    lines = [head, "", table(headers, [*rows, last])]
    for row in data["groups"]:
        lines += [f"Group {row['group']}: {row['reason']}"] if row["reason"] else []
        lines += _failures(row) if data["detail"] else []
    return "\n".join(lines)


def _state(total: Data) -> str:
    words = f"{total['state']}, {total['percent']} %"
    if total["state"] != "running":
        return words
    left = "" if total["left"] is None else f", about {_duration(total['left'])} left"
    return f"{words}, {format_size(total['rate'])}/s{left}"


def _duration(seconds: int) -> str:
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else f"{seconds} s"


def _row(row: Data) -> list[object]:
    phase = {"layout": "fixes the layout", "waiting": "waits for it", "counting": "counts files"}
    state = f"{row['state']} ({phase[row['phase']]})" if row["phase"] in phase else row["state"]
    return [row["group"], row["node"] or "-", state, f"{row['percent']} %", *_counts(row)]


def _counts(row: Data) -> list[object]:
    why = ", ".join(f"{count} {why}" for why, count in row["skipped"].items())
    return [
        row["files_scanned"], f"{row['files_moved']} ({format_size(row['bytes_moved'])})",
        f"{row['files_skipped']} ({why})" if why else 0, row["files_failed"],
    ]  # fmt: skip


def _failures(row: Data) -> list[str]:
    return [f"  {failure['path']}: {failure['reason']}" for failure in row["failures"]]


def rebalance_cron(data: Data) -> str:
    lines = ["# crontab(5):", data["crontab"], ""]
    for name, unit in data["units"].items():
        lines += [f"# /etc/systemd/system/{name}:", *unit, ""]
    return "\n".join(lines).rstrip()
