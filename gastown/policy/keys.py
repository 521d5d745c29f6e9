"""The settings a town has: name, default, range, meaning."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from gastown.errors import Invalid

Value = int | float | str | bool


class UnknownKey(Invalid):
    """No setting has this name."""


class BadValue(Invalid):
    """The setting does not take this value."""


@dataclass(frozen=True)
class Key:
    """One setting."""

    default: Value
    meaning: str
    least: float = 0
    most: float = 1e9
    choices: tuple[str, ...] = ()
    """Of a text; empty: any."""


KEYS: dict[str, Key] = {
    "default_agent": Key("claude", "preset used when neither the sling nor the rig names one"),
    "lease.ttl_s": Key(60, "seconds after its last heartbeat until an attempt's lease may be taken", 5, 3600),
    "lease.heartbeat_s": Key(10, "seconds between heartbeats; at most a third of the TTL", 1, 600),
    "lease.grace_s": Key(600, "seconds a session may run with no worker holding it", 10, 86400),
    "session.timeout_s": Key(14400, "seconds an agent may run in one go", 10, 604800),
    "session.output_limit_mb": Key(256, "megabytes of output after which a session is stopped", 1, 10240),
    "session.memory_mb": Key(0, "megabytes of address space for each process of an agent; 0: no limit", 0, 10_000_000),
    "session.processes": Key(
        0, "processes that the town's user may have when an agent forks; 0: no limit", 0, 1_000_000
    ),
    "session.file_mb": Key(0, "megabytes that each file an agent writes may have; 0: no limit", 0, 10_000_000),
    "session.scratch_s": Key(
        86400, "seconds after its end for which a session's scratch folder is kept", 0, 31_536_000
    ),
    "session.nudges": Key(1, "times an agent that ended without `gt done` is asked again in the same attempt", 0, 5),
    "cap.agent_failures": Key(3, "failed attempts of agents after which a bead is escalated", 1, 20),
    "cap.infrastructure": Key(5, "attempts lost to dead workers and hosts after which a bead is escalated", 1, 50),
    "cap.reworks": Key(5, "returns from the merge queue after which a bead is escalated", 1, 50),
    "cap.handoffs": Key(20, "handoffs after which a bead is escalated", 1, 200),
    "cooldown_s": Key(300, "seconds before a fresh attempt, from an agent's second failure on", 0, 86400),
    "affinity_s": Key(600, "seconds for which rework waits for the polecat that knows the change", 0, 86400),
    "rig.max_polecats": Key(10, "agents at once in one rig", 1, 1000),
    "refinery.mode": Key("fast", "what a train saves: gate runs (thrifty) or time (fast)", choices=("thrifty", "fast")),
    "refinery.runners": Key(0, "gate runs at once that a rig's train counts on; 0: as many as its host makes", 0, 1000),
    "refinery.max_train": Key(128, "requests that a train takes aboard at once", 1, 1000),
    "refinery.max_infrastructure_retries": Key(3, "gate runs without a verdict before a rig's queue stops", 1, 50),
    "gate.timeout_s": Key(900, "seconds a gate may run unless it says otherwise", 1, 86400),
    "done.max_behind": Key(200, "commits behind the target from which `gt done` is refused", 1, 100000),
    "doorbell.again_s": Key(30, "seconds after which offered work that nobody claimed is rung again", 1, 3600),
    "dispatch.paused": Key(0, "1: nothing new is claimed (set by `gt shutdown`, cleared by `gt up`)", 0, 1),
    "scheduler.paused": Key(0, "1: slung work waits until `gt scheduler resume`; what runs goes on", 0, 1),
    "estop": Key("", "why nothing is dispatched, started or pushed; empty: all goes on (`gt estop`, `gt thaw`)"),
    "save_s": Key(600, "seconds between two saves of a running agent's work to its branch", 10, 86400),
    "cap.adoptions": Key(
        20, "deaths of workers that hold one session after which it is taken for their cause", 3, 1000
    ),
    "witness.spawn_grace_s": Key(300, "seconds after its start in which a session is not judged", 0, 86400),
    "witness.silent_s": Key(1800, "seconds without a sign of life after which a session is restarted", 30, 604800),
    "witness.progress_s": Key(
        3600, "seconds of output without changed work after which a session is restarted", 60, 604800
    ),
    "witness.restarts": Key(2, "restarts of one attempt by the witness before it counts as failed", 0, 20),
    "witness.hooked_s": Key(1800, "seconds a ready bead may hang on a hook while room is free", 30, 604800),
    "witness.idle_s": Key(900, "seconds a free slot may wait beside work that is ready", 30, 604800),
    "deacon.mass_deaths": Key(3, "sessions that die within deacon.mass_death_s and are one alarm", 2, 1000),
    "deacon.mass_death_s": Key(30, "seconds within which deaths of sessions count together", 1, 3600),
    "deacon.crash_restarts": Key(5, "starts of one worker within deacon.crash_window_s that make a crash loop", 2, 100),
    "deacon.crash_window_s": Key(900, "seconds within which a worker's starts count together", 10, 86400),
    "deacon.stale_escalation_s": Key(
        14400, "seconds after which an escalation that nobody took up is raised again", 60, 2592000
    ),
    "deacon.mend_pause_s": Key(30, "seconds before a patrol tries again what did not help; doubles", 1, 3600),
    "deacon.mend_pause_most_s": Key(600, "the longest such pause", 1, 86400),
    "boot.deacon_late_s": Key(300, "seconds without a patrol after which boot runs one itself", 60, 86400),
    "patrols.disabled": Key("", "checks that the patrols leave out, separated by commas; `gt doctor` runs them all"),
    "disk.floor_mb": Key(500, "free megabytes under which no new work is claimed", 0, 10_000_000),
    "polecat.names": Key(
        "mad-max",
        "theme of polecat names: mad-max, minerals or wasteland",
        choices=("mad-max", "minerals", "wasteland"),
    ),
}


def get_key(name: str) -> Key:
    """What is known of a setting; refuses a name that none has, naming the nearest one."""
    key = KEYS.get(name)
    if key is None:
        close = difflib.get_close_matches(name, KEYS, n=1)
        hint = f"Did you mean {close[0]!r}?" if close else "`gt config list` shows them all."
        raise UnknownKey(f"no setting is called {name[:60]!r}", hint=hint)
    return key


def parse(name: str, text: str) -> Value:
    """Read `text` as the setting's type; refuse unknown names, other types and what is out of range."""
    key = get_key(name)
    if isinstance(key.default, str):
        if not text or len(text) > 200 or not text.isprintable():
            raise BadValue(f"{name} takes a short text", hint=f"The default is {key.default!r}.")
        if key.choices and text not in key.choices:
            raise BadValue(f"{name} does not take {text[:60]!r}", hint=f"Give one of {', '.join(key.choices)}.")
        return text
    try:
        number = float(text)
    except ValueError:
        raise BadValue(f"{name} takes a number, not {text[:60]!r}", hint=f"The default is {key.default}.") from None
    if not key.least <= number <= key.most:
        raise BadValue(f"{name} is out of range: {text[:60]}", hint=f"Give {key.least:g} to {key.most:g}.")
    return int(number) if isinstance(key.default, int) else number


def check_together(values: Mapping[str, Value]) -> None:
    """Refuse values that make no sense beside each other."""
    heartbeat, ttl = float(values["lease.heartbeat_s"]), float(values["lease.ttl_s"])
    if 3 * heartbeat > ttl:
        raise BadValue(
            f"a heartbeat every {heartbeat:g} s cannot keep a lease of {ttl:g} s",
            hint="lease.heartbeat_s may be a third of lease.ttl_s at most.",
        )
