"""Every check, in the order in which a person wants to read them."""

from collections.abc import Sequence

from gastown.patrols.checks import (
    agents,
    clocks,
    crash_loops,
    database,
    dirty,
    disk,
    escalated,
    gates,
    git,
    halts,
    hooked,
    identity,
    idle,
    integrity,
    landings,
    leases,
    looping,
    mass_death,
    offers,
    orphans,
    outbox,
    permissions,
    prefixes,
    queues,
    redis,
    redis_settings,
    refineries,
    remotes,
    replays,
    repositories,
    sessions,
    settings,
    silent,
    soundness,
    stalled,
    storms,
    stranded,
    strays,
    targets,
    ticks,
    unreadable,
    unwanted,
    waits,
    walks,
    workers,
    worktrees,
    zombies,
)
from gastown.patrols.findings import Check, Finding, Here
from gastown.patrols.looking import look_at
from gastown.patrols.models import Level

ALL: tuple[Check, ...] = (
    database.CHECK,
    permissions.CHECK,
    settings.CHECK,
    integrity.CHECK,
    soundness.CHECK,
    replays.CHECK,
    unreadable.CHECK,
    redis.CHECK,
    redis_settings.CHECK,
    git.CHECK,
    disk.CHECK,
    workers.CHECK,
    ticks.CHECK,
    walks.CHECK,
    identity.CHECK,
    queues.CHECK,
    crash_loops.CHECK,
    clocks.CHECK,
    agents.CHECK,
    gates.CHECK,
    remotes.CHECK,
    repositories.CHECK,
    prefixes.CHECK,
    targets.CHECK,
    landings.CHECK,
    leases.CHECK,
    worktrees.CHECK,
    sessions.CHECK,
    stalled.CHECK,
    silent.CHECK,
    looping.CHECK,
    unwanted.CHECK,
    zombies.CHECK,
    dirty.CHECK,
    strays.CHECK,
    mass_death.CHECK,
    halts.CHECK,
    refineries.CHECK,
    offers.CHECK,
    hooked.CHECK,
    idle.CHECK,
    orphans.CHECK,
    storms.CHECK,
    outbox.CHECK,
    stranded.CHECK,
    waits.CHECK,
    escalated.CHECK,
)
"""`gt doctor` runs them all; a patrol runs those that are its own."""


def run(here: Here, checks: Sequence[Check] = ALL) -> list[Finding]:
    """Look at everything in `checks`; one finding at least for each. Without a database, the checks that need it are
    left out after the first that says so.
    """
    found: list[Finding] = []
    has_sql = True
    for check in checks:
        if check.needs_sql and not has_sql:
            continue
        faults = look_at(check, here).faults
        if check.is_first:
            has_sql = not any(fault.level is Level.ERROR for fault in faults)
        found += [Finding(fault.level, check.name, fault.subject, fault.message, fault.hint) for fault in faults]
        if not faults:
            found.append(Finding(Level.OK, check.name, "", check.all_well))
    return found
