"""systemctl, one call per purpose for all units together."""

import os
import signal

import common

_PROPERTIES = (
    "Id", "LoadState", "ActiveState", "SubState", "UnitFileState", "MainPID", "Result",
    "FragmentPath", "InvocationID", "ExecMainStatus",
    "ExecMainCode", "ActiveEnterTimestampMonotonic", "NRestarts", "ControlGroup",
)  # fmt: skip
_ABSENT = {"LoadState": "not-found", "ActiveState": "inactive", "SubState": "dead"}


def version():
    """systemd's version as text, read off the name of its library; None where it does not run."""
    if not os.path.isdir("/run/systemd/system"):
        return None
    for folder in _library_folders():
        for name in _names_in(folder):
            if name.startswith("libsystemd-shared-") and name.endswith(".so"):
                digits = name[len("libsystemd-shared-") : -len(".so")]
                return digits.split(".")[0].split("-")[0].split("~")[0]
    return None


def _library_folders():
    multiarch = [os.path.join("/usr/lib", n, "systemd") for n in _names_in("/usr/lib") if "-" in n]
    return multiarch + ["/usr/lib64/systemd", "/usr/lib/systemd", "/lib/systemd"]


def _names_in(folder):
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def show(ctx, names):
    """{name: {property: text}} of all `names`; an unknown unit has LoadState not-found."""
    names = list(dict.fromkeys(names))
    if not names:
        return {}
    argv = ["systemctl", "show", "--property", ",".join(_PROPERTIES), "--"] + names
    status, out, err = ctx.command(argv, limit=30)
    blocks = [dict(_pair(line) for line in b.splitlines()) for b in out.strip().split("\n\n")]
    if status != 0 or len(blocks) != len(names):
        reason = (err.strip() or "no answer").splitlines()[-1]
        raise common.ModuleError("systemd", "systemctl show: %s" % reason, err)
    return {name: dict(_ABSENT, **block) for name, block in zip(names, blocks)}


def _pair(line):
    key, _, value = line.partition("=")
    return key, value


def is_active(state):
    """True when it runs, or is being started for the first time."""
    return state.get("ActiveState") in ("active", "reloading") or (
        state.get("ActiveState") == "activating" and state.get("SubState") != "auto-restart"
    )


def is_enabled(state):
    return state.get("UnitFileState") in ("enabled", "enabled-runtime")


def do(ctx, verb, names, options=()):
    """One systemctl call for all `names`; returns the line it complained with, or nothing.

    Which unit failed is learnt from `show`: systemctl goes on with the others.
    """
    if not names and verb != "daemon-reload":
        return ""
    argv = ["systemctl"] + list(options) + [verb, "--"] + list(names)
    status, out, err = ctx.command(argv)
    said = (err or out or "systemctl %s failed" % verb).strip()
    return "" if status == 0 else said.splitlines()[0]


_HIERARCHIES = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd")


def signal_all(ctx, name, states):
    """Send a signal to all processes of units, as `systemctl kill` does, which is asked where we
    cannot see them ourselves: it takes ten times as long. Returns its complaints, by unit.
    """
    failed = {}
    for state in states:
        if not _signalled(_processes(state.get("ControlGroup")), getattr(signal, "SIG" + name)):
            failed[state["Id"]] = do(ctx, "kill", [state["Id"]], ("--signal=" + name,))
    return {unit: complaint for unit, complaint in failed.items() if complaint}


def _signalled(processes, number):
    """Whether one at least was there to be told."""
    told = 0
    for process in processes:
        try:
            os.kill(process, number)
            told += 1
        except ProcessLookupError:
            pass  # it ends just now
    return told > 0


def _processes(group):
    """Process ids in a control group, wherever its hierarchy is mounted; none when it is not."""
    for top in _HIERARCHIES if group else ():
        try:
            with open("%s%s/cgroup.procs" % (top, group)) as file:
                # One of another namespace shows as 0.
                return [int(line) for line in file if int(line) > 0]
        except OSError:
            continue
    return []


def failure(state):
    """A line on why a unit is not as it should be."""
    result, status = state.get("Result", ""), state.get("ExecMainStatus", "0")
    if state.get("LoadState") == "not-found":
        return "systemd does not know it"
    if status not in ("0", ""):
        return "exit status %s" % status
    if result in ("", "success"):
        return "%s (%s)" % (state.get("ActiveState"), state.get("SubState"))
    return _RESULTS.get(result, result)


_RESULTS = {
    "exit-code": "it exited with an error",
    "timeout": "it took too long",
    "start-limit-hit": "it failed too often",
    "signal": "it was killed",
    "oom-kill": "it ran out of memory",
}
