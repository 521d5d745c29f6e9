"""Who can be hit: processes of the run's own town, with the beads that they are at work on."""

from dataclasses import dataclass

from sqlmodel import Session

from gastown import assignments, config, sessions
from gastown.chaos import processes
from gastown.chaos.ground import Ground
from gastown.chaos.processes import Process
from gastown.errors import GastownError
from gastown.runtimes import host as keepers
from gastown.town import services
from gastown.town.processes import WORKER_ROLES

GIT = "git"


@dataclass(frozen=True)
class Victim:
    """A process, what it is, and the bead that it works on."""

    process: Process
    what: str
    bead: str = ""


def services_of(ground: Ground) -> dict[str, Process]:
    """The supervised processes of all hosts, by `host/name`."""
    found = {}
    for host in ground.hosts:
        try:
            states = services.list_services(host)
        except GastownError:
            continue
        for state in states:
            process = processes.look_at(state.pid) if state.pid else None
            if process is not None:
                found[f"{host.host_id}/{state.name}"] = process
    return found


def workers(ground: Ground, *roles: str) -> list[Victim]:
    """The workers of these roles; all without any."""
    wanted = roles or WORKER_ROLES
    return [Victim(process, name) for name, process in services_of(ground).items() if name.partition("/")[2] in wanted]


def children(ground: Ground, *roles: str, are_git: bool) -> list[Victim]:
    """What the workers of these roles have started: git, or anything but git."""
    parents = {victim.process.pid: victim for victim in workers(ground, *roles)}
    return [
        Victim(child, f"{parents[child.parent].what}: {child.name}")
        for child in processes.children_of(set(parents))
        if (child.name.startswith(GIT)) is are_git
    ]


def agents(ground: Ground) -> list[Victim]:
    """The agents at work."""
    running = ground.ask(_running)
    found = []
    for number, bead, host in running:
        settings = next((known for known in ground.hosts if known.host_id == host), None)
        process = _agent(settings, number) if settings is not None else None
        if process is not None:
            found.append(Victim(process, f"{host}/agent", bead))
    return found


def _running(session: Session) -> list[tuple[int, str, str | None]]:
    return [(row.id or 0, row.bead_id, row.host) for row in assignments.list_running(session) if row.runs]


def _agent(settings: config.Settings, number: int) -> Process | None:
    folder = sessions.latest_run_dir(settings, number)
    kept = keepers.find(folder) if folder is not None else None
    found = processes.look_at(kept.agent_pid) if kept is not None else None
    return found if found is not None and kept is not None and found.start == kept.agent_start else None
