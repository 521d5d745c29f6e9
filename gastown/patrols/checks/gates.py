"""The gates' commands exist on this host."""

from collections.abc import Iterable

from gastown import config, rigs
from gastown.patrols.commands import absence, missing_program
from gastown.patrols.findings import Category, Check, Fault, Here, error, warning


def look(here: Here) -> Iterable[Fault]:
    """The first word of each gate and set-up command against the PATH of whoever asks."""
    path = config.environment().get("PATH", "")
    with here.read() as session:
        found = [(rig, list(rigs.list_gates(session, rig.name))) for rig in rigs.list_all(session)]
    for rig, gates in found:
        if rig.no_gates:
            yield warning(rig.name, "has no gates: whatever merges cleanly lands")
        commands = [(f"gate {gate.name}", gate.command) for gate in gates]
        for what, command in [*commands, ("set-up command", rig.setup_command)]:
            missing = missing_program(command, path)
            if missing is not None:
                hint = f"Install it here, or change it: gt rig set {rig.name} --help"
                yield error(rig.name, f"{what} starts with {missing!r}, which is {absence(missing)}", hint)


CHECK = Check("gates", look, "every gate's command is on the PATH", category=Category.RIG)
