"""cluster …"""

from kadalu_ssh.cli.commands.base import Command, arg, names

_CLUSTER = arg("name", metavar="NAME", help="cluster name")
_NODE = arg("node", metavar="NODE", help="a node of the cluster")

CLUSTERS = (
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
