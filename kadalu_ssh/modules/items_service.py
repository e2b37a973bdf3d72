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
        self.reload = False
        self.enable = item["enabled"] and not systemd.is_enabled(state)
        self.disable = not item["enabled"] and systemd.is_enabled(state)
        self.critical = critical
        self.log_size = logs.size(item.get("log"))

    def words(self):
        verbs = ("enable", "disable", "start", "stop", "restart", "reload")
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
        changed = job.ledger.pending[name]["files"]
        plan.reload = set(changed) <= set(item.get("reload", []))
        plan.restart = not plan.reload and (not plan.critical or name in job.may_restart)
    if not plan.words():
        job.report(item, "ok")
        return None
    return plan


def _carry_out(job, plans):
    complaints = _call_systemd(job, plans)
    deaf = systemd.signal_all(job.ctx, "HUP", [plan.state for plan in plans if plan.reload])
    # What reads its files again is as it was before: there is nothing to look at.
    states = systemd.show(job.ctx, [plan.name for plan in plans if plan.words() != "reload"])
    for plan in plans:
        reason = plan.failure(states.get(plan.name, plan.state), complaints) or deaf.get(plan.name)
        if reason is None:
            if plan.start or plan.stop or plan.restart or plan.reload:
                job.ledger.pending.pop(plan.name, None)
            job.did(plan.item, plan.words())
        else:
            job.report(plan.item, "failed", plan.words(), reason)


def _call_systemd(job, plans):
    """Each verb once; returns what systemctl complained about."""
    # A unit that failed too often is not started again before that is forgotten.
    failed = [p.name for p in plans if p.start and p.state.get("ActiveState") != "inactive"]
    systemd.do(job.ctx, "reset-failed", failed)
    calls = list(_calls(plans))
    # `enable` has systemd read its unit files again by itself, and comes first.
    if "enable" not in [verb for verb, units, _ in calls if units]:
        reload_if_needed(job)
    job.reload_needed = False
    done = [systemd.do(job.ctx, verb, units, options) for verb, units, options in calls]
    return [complaint for complaint in done if complaint]


def _calls(plans):
    """(verb, units, options) for all plans, as few as possible."""
    for change, act in (("enable", "start"), ("disable", "stop")):
        changed = [p.name for p in plans if getattr(p, change)]
        acted = [p.name for p in plans if getattr(p, act)]
        yield change, [name for name in changed if name in acted], ("--now",)
        yield change, [name for name in changed if name not in acted], ()
        yield act, [name for name in acted if name not in changed], ()
    yield "restart", [p.name for p in plans if p.restart], ()


def reload_if_needed(job):
    """Have systemd read its unit files again, if we changed any since it last did."""
    if job.reload_needed and not job.check:
        systemd.do(job.ctx, "daemon-reload", ())
    job.reload_needed = False
