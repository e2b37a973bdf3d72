"""heal …, mount, umount, client …"""

from kadalu_ssh.cli.commands.base import ANY_VOLUME, VOLUME, Command, arg, flag

_HEAL_ARGS = (VOLUME, flag("--summary", "counts only"),
              flag("--watch", "wait until nothing is left to heal"))  # fmt: skip
_RESOLVE_ARGS = (
    VOLUME, arg("file", metavar="FILE", help="its path in the volume: /dir/file"),
    arg("--policy", required=True, metavar="POLICY",
        help="bigger-file, latest-mtime, or source-unit=HOST:PATH"),
)  # fmt: skip
_START_ARGS = (VOLUME, flag("--full", "go through the whole volume, not the index only"))
CLIENTS = (
    Command("volume", "heal-info", "show what waits to be healed", "kadalu volume heal-info vol1",
            "heal:info", _HEAL_ARGS, "heal_info"),
    Command("heal", "info", "show what waits to be healed", "kadalu heal info vol1 --summary",
            "heal:info", _HEAL_ARGS, "heal_info"),
    Command("volume", "heal-start", "have the self-heal daemons look for work now",
            "kadalu volume heal-start vol1", "heal:start", _START_ARGS, mutating=True),
    Command("heal", "start", "have the self-heal daemons look for work now",
            "kadalu heal start vol1 --full", "heal:start", _START_ARGS, mutating=True),
    Command("volume", "heal-statistics", "show what the self-heal daemons have done",
            "kadalu volume heal-statistics vol1", "heal_more:statistics", (VOLUME,),
            "heal_statistics"),
    Command("heal", "statistics", "show what the self-heal daemons have done",
            "kadalu heal statistics vol1", "heal_more:statistics", (VOLUME,), "heal_statistics"),
    Command("volume", "heal-resolve", "end a split-brain of a file",
            "kadalu volume heal-resolve vol1 /dir/file --policy latest-mtime",
            "heal_more:resolve", _RESOLVE_ARGS, mutating=True),
    Command("heal", "resolve", "end a split-brain of a file",
            "kadalu heal resolve vol1 /dir/file --policy source-unit=server1:/data/vol1",
            "heal_more:resolve", _RESOLVE_ARGS, mutating=True),
    Command(
        "mount", "", "mount a volume on a host of the inventory",
        "kadalu mount vol1 client1:/mnt/vol1 --persist", "client:mount",
        (
            VOLUME,
            arg("target", metavar="[HOST:]DIR", help="where; without HOST: on this machine"),
            arg("-o", dest="options", metavar="OPTS", action="append", default=[],
                help="mount options, separated by commas"),
            flag("--persist", "mount it again after a reboot"),
        ),
        mutating=True,
    ),
    Command("umount", "", "unmount a volume", "kadalu umount client1:/mnt/vol1", "client:umount",
            (arg("target", metavar="[HOST:]DIR", help="where it is mounted"),), mutating=True),
    Command("client", "list", "list the mounts that kadalu made", "kadalu client list vol1",
            "client:list_clients", (ANY_VOLUME,), "clients"),
)  # fmt: skip
