"""Services of a manifest: one systemctl call per purpose for all of them."""

import logs
import systemd


def apply(job, items):
    """Start, stop, enable, disable; restart only what may be."""
    plans = [plan for plan in (_plan(job, item) for item in items) if plan is not None]
    if job.check:
        for plan in plans:
            job.did(plan.item, plan.words())
    elif plans:
        _carry_out(job, plans)


class Plan(object):
    """What one unit needs."""

    def __init__(self, item, name, state, critical):
        self.item = item
        self.name = name
        self.state = state
        self.running = systemd.is_active(state)
        self.start = item["running"] and not self.running
        self.stop = not item["running"] and self.running
        self.restart = False
        self.enable = item["enabled"] and not systemd.is_enabled(state)
        self.disable = not item["enabled"] and systemd.is_enabled(state)
        self.critical = critical
        self.log_size = logs.size(item.get("log"))

    def words(self):
        verbs = ("enable", "disable", "start", "stop", "restart")
        return ", ".join(verb for verb in verbs if getattr(self, verb))

    def failure(self, state, complaints):
        """Why the unit is not as wanted, with what its log says; None when it is."""
        if systemd.is_active(state) != self.item["running"]:
            verb = "did not start" if self.item["running"] else "did not stop"
            errors = logs.errors(self.item.get("log"), self.log_size)
            if state.get("Result") == "success":
                errors = errors or complaints  # nothing was tried: systemctl itself says why
            text = "%s: %s" % (verb, systemd.failure(state))
            return "%s: %s" % (text, "; ".join(errors)) if errors else text
        if systemd.is_enabled(state) != self.item["enabled"]:
            return "could not be %s" % ("enabled" if self.item["enabled"] else "disabled")
        return None


def _plan(job, item):
    """The plan of an item that needs something; the others are reported at once."""
    name = item["name"]
    plan = Plan(item, name, job.states[name], item.get("critical", False))
    obstacle = job.obstacle(item)
    if obstacle is not None:
        job.report(item, "blocked", reason=obstacle)
        return None
    if plan.stop and plan.critical and name not in job.may_stop:
        job.report(item, "blocked", reason="it runs, and this command does not stop it")
        return None
    if name in job.ledger.pending and plan.running and not plan.stop:
        plan.restart = not plan.critical or name in job.may_restart
    if not plan.words():
        job.report(item, "ok")
        return None
    return plan


def _carry_out(job, plans):
    complaints = _call_systemd(job, plans)
    states = systemd.show(job.ctx, [plan.name for plan in plans])
    for plan in plans:
        reason = plan.failure(states[plan.name], complaints)
        if reason is None:
            if plan.start or plan.stop or plan.restart:
                job.ledger.pending.pop(plan.name, None)
            job.did(plan.item, plan.words())
        else:
            job.report(plan.item, "failed", plan.words(), reason)


def _call_systemd(job, plans):
    """Each verb once. `enable` reloads systemd's unit files by itself, so it comes first."""

    def names(*flags):
        return [p.name for p in plans if all(getattr(p, flag) for flag in flags)]

    failed = [p.name for p in plans if p.start and p.state.get("ActiveState") != "inactive"]
    calls = [("reset-failed", failed, ())]
    together = set(names("enable", "start"))
    calls.append(("enable", sorted(together), ("--now",)))
    calls.append(("enable", [n for n in names("enable") if n not in together], ()))
    calls.append(("start", [n for n in names("start") if n not in together], ()))
    ending = set(names("disable", "stop"))
    calls.append(("disable", sorted(ending), ("--now",)))
    calls.append(("disable", [n for n in names("disable") if n not in ending], ()))
    calls.append(("stop", [n for n in names("stop") if n not in ending], ()))
    calls.append(("restart", names("restart"), ()))
    if not together:
        reload_if_needed(job)
    job.reload_needed = False
    done = [systemd.do(job.ctx, verb, units, options) for verb, units, options in calls]
    return [complaint for complaint in done if complaint]


def reload_if_needed(job):
    """Have systemd read its unit files again, if we changed any since it last did."""
    if job.reload_needed and not job.check:
        systemd.do(job.ctx, "daemon-reload", ())
    job.reload_needed = False
