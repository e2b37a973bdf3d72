"""node …"""

from kadalu_ssh.cli.commands.base import HOST, REPLACING, Command, arg, flag, port

_MAINTENANCE = """\
Refused unless every group that has a unit there keeps taking writes, and nothing waits to be
healed. It stays so over reboots. off waits until the units are healed and clients are back."""

NODES = (
    Command(
        "node", "add", "take a host into the cluster", "kadalu node add server4 --install",
        "node:add",
        (
            HOST,
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
            "node:info", (HOST,), "node_info"),
    Command("node", "update", "probe a node again", "kadalu node update server1", "node:update",
            (HOST,), mutating=True),
    Command("node", "remove", "give a node back", "kadalu node remove server4", "node:remove",
            (HOST, flag("--lost", "it will never answer again")), mutating=True),
    Command(
        "node", "check", "check everything that a node needs", "kadalu node check server1 server2",
        "node:check",
        (
            arg("hosts", metavar="HOST", nargs="*", help="inventory names (default: all nodes)"),
            flag("--install", "install the distribution's GlusterFS packages where missing"),
        ),
        "node_check", mutating=True,
    ),
    Command(
        "node", "replace", "put all storage units of a node on another",
        "kadalu node replace server2 server4", "node_replace:replace_node",
        (
            arg("old", metavar="OLD", help="the node that goes, dead or alive"),
            arg("new", metavar="NEW", help="a node of the cluster: it gets the same paths"),
            *REPLACING,
        ),
        mutating=True,
    ),
    Command(
        "node", "maintenance", "stop what serves on a node, so that it can be worked on",
        "kadalu node maintenance server2 on", "maintenance:maintenance",
        (
            HOST,
            arg("state", choices=("on", "off"), metavar="on|off", help="off: let it serve again"),
            flag("--force", "also when a volume cannot do without it"),
            flag("--no-wait", "off: do not wait until everything is healed"),
        ),
        mutating=True, notes=_MAINTENANCE,
    ),
    Command("node", "accept-key", "trust a host key that has changed",
            "kadalu node accept-key server1", "node:accept_key", (HOST,), mutating=True),
)  # fmt: skip
