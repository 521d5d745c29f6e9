"""The agents in use can be started here and are logged in."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from gastown import assignments, config, policy, rigs, runtimes
from gastown.errors import GastownError
from gastown.patrols.commands import absence, missing_program
from gastown.patrols.findings import Category, Check, Fault, Here, error, warning


def look(here: Here) -> Iterable[Fault]:
    """Each preset that the town, a rig or an open attempt names, seen from this process's environment."""
    with here.read() as session:
        default = policy.load(session).text("default_agent")
        known = policy.presets(session)
        found = list(rigs.list_all(session))
        attempts = assignments.list_open(session)
    used: dict[str, str] = {row.preset: row.bead_id for row in attempts}
    if not found or any(not rig.agent for rig in found):
        used[default] = "the town's default"
    used |= {rig.agent: f"rig {rig.name}" for rig in found if rig.agent}
    for name, user in used.items():
        try:
            yield from faults_of(runtimes.catalog.get(name, known), config.environment())
        except GastownError as failure:
            yield error(user, failure.message, failure.hint or "")


def faults_of(preset: runtimes.Preset, environ: Mapping[str, str]) -> Iterable[Fault]:
    """What keeps agents of this preset from working here: no program, no login, no shell command."""
    try:
        runtimes.find_command(preset, environ.get("PATH", ""))
        runtimes.launch(preset, prompt="", session_id="0")
    except GastownError as failure:
        yield error(preset.name, failure.message, failure.hint or "")
        return
    missing = missing_program(preset.shell, environ.get("PATH", ""))
    if missing is not None:
        hint = f"Install it here, or change it: gt config set agents.{preset.name}.shell COMMAND"
        yield error(preset.name, f"agent {preset.name} starts {missing!r}, which is {absence(missing)}", hint)
        return
    login = runtimes.missing_login(preset, environ, Path(environ.get("HOME") or Path.home()))
    if login is not None:
        yield warning(
            preset.name, login, "The worker's environment counts: set it before `gt up`, or in the unit file."
        )


CHECK = Check("agents", look, "the agents in use can be started, and are logged in", category=Category.AGENTS)
