"""volume …"""

from kadalu_ssh.cli.commands.base import ANY_VOLUME, REPLACING, VOLUME, Command, arg, flag

_TYPES = """\
TYPE is one of
  replica 3 | mirror 3                        every unit holds everything
  replica 2 arbiter 1                         two copies, and a unit with names only
  disperse 3 redundancy 1 | data 2 redundancy 1   any one unit of three may be lost
or the keywords stand before their units: replica A:/d B:/d  mirror A:/d B:/d arbiter C:/d
  data A:/d B:/d redundancy C:/d
Without TYPE every unit is a distribute group of its own. More units than one group needs
make more groups. UNIT is HOST:PATH or HOST:PORT:PATH, with [] around an IPv6 address."""

_DEVICES = "for units on devices (not supported yet)"

_NO_RESTART = flag("--no-restart", "GlusterFS 10: leave it for the next start of each service")

_SET = """\
KEY may be short where that is clear: ping-timeout. What can be set: kadalu volume options.
PROFILE is one of virt, distributed-virt, gluster-block, db-workload, metadata-cache, nl-cache,
samba. GlusterFS 11 takes changes at once, mounts too. On 10 storage units are restarted one of a
group at a time, when nothing waits to be healed; mounts have to be made anew."""

_EXPAND = """\
The groups have the shape of those that are there; TYPE may be left out. Mounts see nothing of it:
directories are made on the new units before any client knows them. No file is moved: for that,
kadalu rebalance start. Refused while something waits to be healed."""

_SHRINK = """\
Its files are moved to the other groups by a service on a node; this command waits for that. It
may be interrupted: given again, it goes on. The group goes only when no file is left in its units,
which are then stopped; their directories stay."""

_REPLACE = """\
The new unit is healed from the others of its group while the volume is in use. Refused where OLD
may hold the last good copy of something: it asks, or says what has to be up first."""

VOLUMES = (
    Command(
        "volume", "create", "make a volume and start it",
        "kadalu volume create vol1 replica 3 server1:/data/vol1 server2:/data/vol1 "
        "server3:/data/vol1",
        "volume_create:create",
        (
            arg("name", metavar="[CLUSTER/]NAME", help="name of the volume"),
            arg("words", metavar="[TYPE] UNIT", nargs="+", help="for example: replica 3 HOST:/DIR"),
            flag("--no-start", "do not start it"),
            arg("--brick-fs", choices=("xfs", "ext4", "btrfs", "zfs"), help=_DEVICES),
            arg("--fs-opts", metavar="OPTS", help=_DEVICES),
            flag("--use-lvm", _DEVICES),
            flag("--allow-rootdirs", "permit paths on the root file system"),
            flag("--create-parents", "make missing parent directories"),
            arg("--volume-id", metavar="UUID", help="use the units of this deleted volume again"),
            flag("--assume-order", "with --volume-id: trust the order where a unit has no record"),
            flag("--auto-add-nodes", "add hosts that are not nodes yet"),
            flag("--same-node", "permit two copies on one node"),
            arg("--option", dest="options", metavar="K=V", action="append", default=[],
                help="set a volume option from the start"),
        ),
        mutating=True, notes=_TYPES,
    ),
    Command("volume", "list", "list the volumes", "kadalu volume list --status",
            "volume_view:list_volumes",
            (flag("--status", "ask the nodes for health and utilization"),), "volumes"),
    Command("volume", "info", "show how volumes are made", "kadalu volume info vol1",
            "volume_view:info", (ANY_VOLUME,), "volume_info"),
    Command("volume", "status", "show how volumes are doing", "kadalu volume status vol1",
            "volume_view:status",
            (ANY_VOLUME, flag("--detail", "file systems, devices and inodes too")),
            "volume_status"),
    Command("volume", "start", "start a volume", "kadalu volume start vol1", "volume:start",
            (VOLUME, flag("--force", "start what is down of a started volume")), mutating=True),
    Command("volume", "stop", "stop a volume", "kadalu volume stop vol1", "volume:stop",
            (VOLUME,), mutating=True),
    Command("volume", "delete", "forget a stopped volume", "kadalu volume delete vol1 --wipe",
            "volume:delete", (VOLUME, flag("--wipe", "erase its data")), mutating=True),
    Command(
        "volume", "expand", "give a volume more distribute groups",
        "kadalu volume expand vol1 server4:/data/vol1 server5:/data/vol1 server6:/data/vol1",
        "volume_expand:expand",
        (
            VOLUME,
            arg("words", metavar="[TYPE] UNIT", nargs="+", help="units of the new groups"),
            flag("--no-fix-layout", "leave directories that are there to the old groups"),
            flag("--allow-rootdirs", "permit paths on the root file system"),
            flag("--create-parents", "make missing parent directories"),
            flag("--auto-add-nodes", "add hosts that are not nodes yet"),
            flag("--same-node", "permit two copies on one node"),
        ),
        mutating=True, notes=_EXPAND,
    ),
    Command(
        "volume", "shrink", "empty a distribute group of a volume, and take it out",
        "kadalu volume shrink vol1 --group 2", "volume_shrink:shrink",
        (
            VOLUME,
            arg("--group", type=int, required=True, metavar="N",
                help="its number, as volume info shows it"),
            flag("--cancel", "keep the group after all, and what is still in it"),
        ),
        mutating=True, notes=_SHRINK,
    ),
    Command(
        "volume", "replace-unit", "put another disk or node in the place of a storage unit",
        "kadalu volume replace-unit vol1 server2:/data/vol1 server4:/data/vol1",
        "unit_replace:replace_unit",
        (
            VOLUME,
            arg("old", metavar="OLD", help="the storage unit that goes: HOST:PATH"),
            arg("new", metavar="NEW", help="the one that comes; OLD again, on a new, empty disk"),
            *REPLACING,
        ),
        mutating=True, notes=_REPLACE,
    ),
    Command("volume", "set", "set options of a volume",
            "kadalu volume set vol1 performance.cache-size 256MB network.ping-timeout 20",
            "volume_options:set_options",
            (VOLUME, arg("words", metavar="KEY VALUE", nargs="+", help="or: group PROFILE"),
             _NO_RESTART,
             flag("--force", "permit XLATOR.OPTION, which is in no table and is not checked")),
            mutating=True, notes=_SET),
    Command("volume", "reset", "take options of a volume back to their defaults",
            "kadalu volume reset vol1 performance.cache-size", "volume_options:reset",
            (VOLUME, arg("keys", metavar="KEY", nargs="*", help="options"),
             arg("--all", dest="everything", action="store_true", help="every option"),
             _NO_RESTART), mutating=True),
    Command("volume", "get", "show options of a volume", "kadalu volume get vol1 all",
            "volume_options:get",
            (VOLUME, arg("key", metavar="KEY", nargs="?", help="one option, or: all")),
            "volume_get"),
    Command("volume", "options", "show what can be set", "kadalu volume options 'cluster.*'",
            "volume_options:list_options",
            (arg("pattern", nargs="?", help="part of a name, or a pattern"),), "volume_options"),
    Command("volume", "rename", "give a volume another name", "kadalu volume rename vol1 homes",
            "volume:rename", (VOLUME, arg("new", metavar="NEW", help="its new name")),
            mutating=True),
)  # fmt: skip
