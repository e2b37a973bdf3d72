"""reconcile, task …, state …, and the controller itself."""

from kadalu_ssh.cli.commands.base import Command, arg, flag, names

_TASK = arg("task", metavar="ID", help="its id, or the beginning of it")

CONTROLLER = (
    Command(
        "reconcile", "", "make every host match the state; settle what is pending",
        "kadalu reconcile --check", "reconcile:reconcile",
        (
            arg("--limit", type=names, default=[], metavar="A,B,C", help="these hosts only"),
            flag("--check", "change nothing, show what has drifted; exit 3 when something has"),
            arg("--only", choices=("unwanted",), help="stop what should not run, nothing else"),
            flag("--upgrade-files", "write volfiles as this kadalu would for a new volume"),
            flag("--install-timer", "run --only=unwanted every few minutes from this machine"),
        ),
        "reconcile", mutating=True,
    ),
    Command(
        "upgrade", "", "upgrade GlusterFS node by node, while volumes are in use",
        "kadalu upgrade --rolling", "upgrade:upgrade",
        (
            flag("--rolling", "node by node: there is no other way"),
            arg("--command", metavar="CMD", help="run this on each node, by its shell, instead of "
                "upgrading the distribution's packages"),
            arg("--limit", type=names, default=[], metavar="A,B,C", help="these nodes only"),
        ),
        mutating=True,
        notes="Each node is in maintenance meanwhile, and healed before the next. It stops at the "
        "first\nthat fails; given again, it goes on.",
    ),
    Command("task", "list", "list what commands set out to do, and what came of it",
            "kadalu task list", "task:list_tasks", render="tasks"),
    Command("task", "show", "show one task; of an unfinished one, its phases",
            "kadalu task show 5f0c21aa", "task:show", (_TASK,), "task"),
    Command("task", "resume", "finish an interrupted task", "kadalu task resume 5f0c21aa",
            "task:resume", (_TASK,), mutating=True),
    Command("task", "rollback", "undo an interrupted task", "kadalu task rollback 5f0c21aa",
            "task:rollback", (_TASK,), mutating=True),
)  # fmt: skip

STATE = (
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

MACHINE = (
    Command("doctor", "", "check this machine and workspace", "kadalu doctor", "doctor:doctor",
            render="doctor"),
    Command("completion", "", "print the line that enables completion in a shell",
            'eval "$(kadalu completion bash)"', "",
            (arg("shell", choices=("bash", "zsh", "fish"), help="the shell to set up"),)),
)  # fmt: skip
