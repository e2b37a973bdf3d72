"""rebalance …, and the same as volume rebalance-…"""

from pathlib import Path

from kadalu_ssh.cli.commands.base import VOLUME, Command, arg, flag, minutes

_START = (
    VOLUME,
    flag("--fix-layout", "only have directories use all groups; move no files"),
    flag("--force", "move files also to where less space is left"),
    arg("--throttle", choices=("lazy", "normal", "aggressive"), default="normal",
        help="how many files at a time (normal)"),
)  # fmt: skip
_STATUS = (VOLUME, flag("--detail", "files that could not be moved"),
           flag("--watch", "wait until it is over, with a bar for each group"))  # fmt: skip
_START_HELP = "move files to where they belong, on all groups"
_STATUS_HELP = "show how far a rebalance is"
_NOTES = """\
It runs as a service on one node of each group, survives reboots, and needs this machine no more.
lazy moves one file at a time, normal one for every two cores, aggressive one for each core."""
_CODES = """\
Exit status 3 when a group failed, cannot be asked, or has files that could not be moved; 0 when it
was stopped. --watch ends with 3 when for a minute only groups are left whose node is off."""

REBALANCES = (
    Command("rebalance", "start", _START_HELP, "kadalu rebalance start vol1", "rebalance:start",
            _START, mutating=True, notes=_NOTES),
    Command("rebalance", "stop", "stop a rebalance", "kadalu rebalance stop vol1",
            "rebalance:stop", (VOLUME,), mutating=True),
    Command("rebalance", "status", _STATUS_HELP, "kadalu rebalance status vol1 --watch",
            "rebalance_view:status", _STATUS, "rebalance_status", notes=_CODES),
    Command(
        "rebalance", "cron", "print a crontab line and a timer that watch a rebalance",
        "kadalu rebalance cron vol1 --mail root", "rebalance_cron:cron",
        (
            VOLUME,
            arg("--file", type=Path, metavar="FILE", help="for the status, as JSON"),
            arg("--minutes", type=minutes, default=10, metavar="N", help="how often (10)"),
            arg("--mail", metavar="ADDRESS", help="tell of a failure by mail(1)"),
            arg("--exec", dest="execute", metavar="COMMAND", help="run this on a failure"),
        ),
        "rebalance_cron",
    ),
    Command("volume", "rebalance-start", _START_HELP, "kadalu volume rebalance-start vol1",
            "rebalance:start", _START, mutating=True, notes=_NOTES),
    Command("volume", "rebalance-stop", "stop a rebalance", "kadalu volume rebalance-stop vol1",
            "rebalance:stop", (VOLUME,), mutating=True),
    Command("volume", "rebalance-status", _STATUS_HELP, "kadalu volume rebalance-status vol1",
            "rebalance_view:status", _STATUS, "rebalance_status", notes=_CODES),
)  # fmt: skip
