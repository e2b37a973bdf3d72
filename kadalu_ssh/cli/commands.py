"""Every command: its words, its arguments, the operation it calls. Imports nothing heavy."""

from typing import Any, NamedTuple


class Arg(NamedTuple):
    """An argument: the words and keywords of argparse's add_argument."""

    flags: tuple[str, ...]
    options: dict[str, Any]

    @property
    def is_flag(self) -> bool:
        return self.flags[0].startswith("-")

    @property
    def value(self) -> str:
        """What stands for its value in help; empty for a flag without one."""
        if "action" in self.options and self.options["action"] != "append":
            return ""
        if "choices" in self.options and "metavar" not in self.options:
            return "|".join(self.options["choices"])
        plain = self.flags[-1].lstrip("-").replace("-", "_")
        return str(self.options.get("metavar") or (plain.upper() if self.is_flag else plain))

    @property
    def usage(self) -> str:
        """As it stands in a usage line: `[--port PORT]`, `[HOST...]`."""
        if self.options.get("required"):
            return f"{self.flags[0]} {self.value}"
        if self.is_flag:
            return f"[{' '.join(filter(None, [self.flags[0], self.value]))}]"
        many = {"?": "[{}]", "*": "[{}...]", "+": "{}..."}.get(self.options.get("nargs", ""), "{}")
        return many.format(self.value)


class Command(NamedTuple):
    noun: str
    verb: str
    """Empty for a command of one word: `mount`."""
    help: str
    example: str
    operation: str
    """`module:function` in `kadalu_ssh.operations`."""
    args: tuple[Arg, ...] = ()
    render: str = ""
    """Function of `cli.render`, or of `cli.render_state` for `state`, for the text of a listing;
    empty: the summary line is enough."""
    mutating: bool = False
    notes: str = ""
    """What else --help says; lines as they are to be shown."""

    @property
    def title(self) -> str:
        return f"{self.noun} {self.verb}".strip()

    @property
    def sentence(self) -> str:
        return f"{self.help[0].upper()}{self.help[1:]}."


def arg(*flags: str, **options: Any) -> Arg:
    return Arg(flags, options)


def flag(name: str, text: str) -> Arg:
    return arg(name, action="store_true", help=text)


def names(text: str) -> list[str]:
    """An argparse type: `A,B,C` → names. An empty one, as of an unset variable, is a mistake."""
    found = text.split(",")
    if not all(found):
        raise ValueError(text)
    return found


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
_CLUSTER = arg("name", metavar="NAME", help="cluster name")


def port(text: str) -> int:
    """An argparse type."""
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:6]) <= _LAST_PORT:
        raise ValueError(text)
    return int(text)


_LAST_PORT = 65535
_NODE = arg("node", metavar="NODE", help="a node of the cluster")
_HOST = arg("host", metavar="[CLUSTER/]HOST", help="inventory name of the node")
_VOLUME = arg("volume", metavar="[CLUSTER/]VOLUME", help="volume name")
_ANY_VOLUME = arg("volume", metavar="[CLUSTER/]VOLUME", nargs="?", help="one volume only")

_CLUSTERS = (
    Command(
        "cluster", "init", "make a cluster of the named nodes",
        "kadalu cluster init prod --nodes=server1,server2,server3", "cluster:init",
        (
            _CLUSTER,
            arg("--meta-servers", type=names, default=[], metavar="A,B,C",
                help="nodes that keep the state (default: the first, or the first three)"),
            arg("--nodes", type=names, default=[], metavar="A,B,C", help="nodes to add"),
        ),
        mutating=True,
    ),
    Command("cluster", "create", "make a cluster without nodes", "kadalu cluster create prod",
            "cluster:create", (_CLUSTER,), mutating=True),
    Command("cluster", "list", "list the clusters of this workspace", "kadalu cluster list",
            "cluster:list_clusters", render="clusters"),
    Command("cluster", "use", "choose the cluster of commands that name none",
            "kadalu cluster use prod", "cluster:use", (_CLUSTER,), mutating=True),
    Command(
        "cluster", "rename", "give a cluster another name", "kadalu cluster rename prod prod1",
        "cluster:rename",
        (
            arg("old", metavar="OLD", help="its name until now"),
            arg("new", metavar="NEW", help="its new name"),
        ),
        mutating=True,
    ),
    Command("cluster", "delete", "give all nodes back and forget the cluster",
            "kadalu cluster delete prod", "cluster:delete", (_CLUSTER,), mutating=True),
    Command(
        "cluster", "status", "show which nodes answer", "kadalu cluster status prod",
        "cluster:status",
        (arg("name", metavar="NAME", nargs="?", help="default: the current cluster"),),
        "cluster_status",
    ),
    Command("cluster", "meta list", "list the nodes that keep the state",
            "kadalu cluster meta list", "meta:list_meta", render="meta_servers"),
    Command("cluster", "meta add", "keep the state on one more node",
            "kadalu cluster meta add server4", "meta:add", (_NODE,),
            mutating=True),
    Command("cluster", "meta remove", "keep the state on one node less",
            "kadalu cluster meta remove server4", "meta:remove", (_NODE,),
            mutating=True),
)  # fmt: skip

_NODES = (
    Command(
        "node", "add", "take a host into the cluster", "kadalu node add server4 --install",
        "node:add",
        (
            _HOST,
            arg("--address", metavar="NAME",
                help="its name in volfiles, when it is not its inventory name"),
            arg("--user", metavar="NAME",
                help="login user, when the inventory does not know the host yet"),
            arg("--port", type=port, metavar="N", help="SSH port"),
            arg("--key", metavar="FILE", help="private key"),
            flag("--meta-server", "let it keep the state too"),
            flag("--install", "install the distribution's GlusterFS packages first"),
        ),
        mutating=True,
    ),
    Command("node", "list", "list the nodes", "kadalu node list --status", "node:list_nodes",
            (flag("--status", "ask every node whether it answers"),), "nodes"),
    Command("node", "info", "show what is known of a node", "kadalu node info server1",
            "node:info", (_HOST,), "node_info"),
    Command("node", "update", "probe a node again", "kadalu node update server1", "node:update",
            (_HOST,), mutating=True),
    Command("node", "remove", "give a node back", "kadalu node remove server4", "node:remove",
            (_HOST, flag("--lost", "it will never answer again")), mutating=True),
    Command(
        "node", "check", "check everything that a node needs", "kadalu node check server1 server2",
        "node:check",
        (
            arg("hosts", metavar="HOST", nargs="*", help="inventory names (default: all nodes)"),
            flag("--install", "install the distribution's GlusterFS packages where missing"),
        ),
        "node_check", mutating=True,
    ),
    Command("node", "accept-key", "trust a host key that has changed",
            "kadalu node accept-key server1", "node:accept_key", (_HOST,), mutating=True),
)  # fmt: skip

_VOLUMES = (
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
            "volume_view:info", (_ANY_VOLUME,), "volume_info"),
    Command("volume", "status", "show how volumes are doing", "kadalu volume status vol1",
            "volume_view:status",
            (_ANY_VOLUME, flag("--detail", "file systems, devices and inodes too")),
            "volume_status"),
    Command("volume", "start", "start a volume", "kadalu volume start vol1", "volume:start",
            (_VOLUME, flag("--force", "start what is down of a started volume")), mutating=True),
    Command("volume", "stop", "stop a volume", "kadalu volume stop vol1", "volume:stop",
            (_VOLUME,), mutating=True),
    Command("volume", "delete", "forget a stopped volume", "kadalu volume delete vol1 --wipe",
            "volume:delete", (_VOLUME, flag("--wipe", "erase its data")), mutating=True),
    Command("volume", "rename", "give a volume another name", "kadalu volume rename vol1 homes",
            "volume:rename", (_VOLUME, arg("new", metavar="NEW", help="its new name")),
            mutating=True),
)  # fmt: skip

_HEAL_ARGS = (_VOLUME, flag("--summary", "counts only"))
_START_ARGS = (_VOLUME, flag("--full", "go through the whole volume, not the index only"))
_OTHERS = (
    Command("volume", "heal-info", "show what waits to be healed", "kadalu volume heal-info vol1",
            "heal:info", _HEAL_ARGS, "heal_info"),
    Command("heal", "info", "show what waits to be healed", "kadalu heal info vol1 --summary",
            "heal:info", _HEAL_ARGS, "heal_info"),
    Command("volume", "heal-start", "have the self-heal daemons look for work now",
            "kadalu volume heal-start vol1", "heal:start", _START_ARGS, mutating=True),
    Command("heal", "start", "have the self-heal daemons look for work now",
            "kadalu heal start vol1 --full", "heal:start", _START_ARGS, mutating=True),
    Command(
        "mount", "", "mount a volume on a host of the inventory",
        "kadalu mount vol1 client1:/mnt/vol1 --persist", "client:mount",
        (
            _VOLUME,
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
            "client:list_clients", (_ANY_VOLUME,), "clients"),
)  # fmt: skip

_STATE = (
    Command("state", "show", "show this machine's copy of the state, secrets masked",
            "kadalu state show", "state_view:show", render="state_show"),
    Command(
        "state", "verify", "compare this machine's copy, its history and the meta servers",
        "kadalu state verify", "state_verify:verify", render="state_verify",
        notes="Exit status 3 when they do not agree, 4 when no meta server answers.",
    ),
    Command("state", "history", "list what was saved on this machine", "kadalu state history",
            "state_view:history", render="state_history"),
    Command("state", "diff", "show what changed since a serial of the history",
            "kadalu state diff 12", "state_view:diff",
            (arg("serial", metavar="SERIAL", help="SERIAL or EPOCH-SERIAL of the history"),),
            "state_diff"),
    Command("state", "pull", "fetch the current state from the meta servers", "kadalu state pull",
            "state:pull", mutating=True),
    Command(
        "state", "push", "write this machine's copy to the meta servers that lack it",
        "kadalu state push --dry-run", "state_push:push", mutating=True,
        notes="Only when it follows what each of them holds; no node is changed otherwise.",
    ),
    Command(
        "state", "recover", "get the state back on a machine that lost it",
        "kadalu state recover --from server1", "state_recover:recover",
        (
            arg("--from", dest="source", metavar="NODE", required=True,
                help="inventory name of a meta server"),
            flag("--accept-stale", "take the newest that can be read, if no majority holds one"),
        ),
        mutating=True,
        notes="Needs only inventory.yml. Changes no node; a damaged state.json is kept beside.",
    ),
    Command(
        "state", "unlock", "cut off a command that does not let the cluster's lock go",
        "kadalu state unlock", "state_unlock:unlock", mutating=True,
        notes="Its worker on each meta server is ended, and nothing else; says who holds it first.",
    ),
)  # fmt: skip

_MACHINE = (
    Command("doctor", "", "check this machine and workspace", "kadalu doctor", "doctor:doctor",
            render="doctor"),
    Command("completion", "", "print the line that enables completion in a shell",
            'eval "$(kadalu completion bash)"', "",
            (arg("shell", choices=("bash", "zsh", "fish"), help="the shell to set up"),)),
)  # fmt: skip

COMMANDS = (*_CLUSTERS, *_NODES, *_VOLUMES, *_OTHERS, *_STATE, *_MACHINE)
ALIASES = {"pool": "cluster"}
