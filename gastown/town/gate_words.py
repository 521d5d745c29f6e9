"""What a person may give as a rig's gates and set-up command; what tells already that it cannot run is refused."""

import re
from collections.abc import Sequence
from pathlib import Path

from gastown import config, git, patrols, rigs
from gastown.errors import Invalid, NotFound
from gastown.ids import check_label_name

SETUP = "the set-up command"
_LONGEST_COMMAND = 4000  # characters, as the column
_LONGEST_TIMEOUT_S = 86400
_LEAST_MEMORY_MB, _MOST_MEMORY_MB = 16, 1 << 24
_MOST_VARIABLES = 50
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
# What would lead a gate to the town's database or into its repositories, or is made for each run.
_OURS = re.compile(r"GASTOWN_.*|GIT_.*|BD_.*|BEADS_.*|GATE_.*|HOME|TMPDIR|PWD|LD_.*|PG[A-Z].*")


class BadGate(Invalid):
    """A gate's words cannot be a gate."""


class CommandMissing(NotFound):
    """A command that the rig would need is not there."""


def check_gates(gates: Sequence[rigs.GateSpec], *, no_gates: bool) -> None:
    """Refuse gates whose names, commands or time-outs are none, and gates where none are wanted."""
    if gates and no_gates:
        raise BadGate("--gate and --no-gates exclude each other", hint="Leave one of them out.")
    names = [gate.name for gate in gates]
    for gate in gates:
        check_label_name(gate.name)
        check_command(gate.command, f"gate {gate.name}")
        if names.count(gate.name) > 1:
            raise BadGate(f"two gates are called {gate.name!r}", hint="Give each its own name.")
        _check_number("time-out", gate.timeout_s, 1, _LONGEST_TIMEOUT_S, "seconds")
        _check_number("poll", gate.poll_s, 1, _LONGEST_TIMEOUT_S, "seconds")
        _check_number("memory", gate.memory_mb, _LEAST_MEMORY_MB, _MOST_MEMORY_MB, "MB")
        _check_environment(gate)


def _check_number(what: str, value: int | None, least: int, most: int, unit: str) -> None:
    if value is not None and not least <= value <= most:
        raise BadGate(f"a gate's {what} is {least} to {most} {unit}, not {value}")


def _check_environment(gate: rigs.GateSpec) -> None:
    if len(gate.environment) > _MOST_VARIABLES or len(set(gate.environment)) < len(gate.environment):
        raise BadGate(f"gate {gate.name} names a variable twice, or more than {_MOST_VARIABLES}")
    for name in gate.environment:
        if not _VARIABLE.fullmatch(name):
            raise BadGate(
                f"{name[:60]!r} is no variable's name", hint="Name variables; their values stay where they are."
            )
        if _OURS.fullmatch(name):
            raise BadGate(
                f"gate {gate.name}: {name} is the town's own and is not passed on",
                hint="Give what the gate needs another name.",
            )


def check_command(command: str, what: str) -> None:
    """Refuse what is no command."""
    if not command.strip() or len(command) > _LONGEST_COMMAND or "\0" in command:
        raise BadGate(f"{what} has no command, or one of more than {_LONGEST_COMMAND} characters")


def check_programs(gates: Sequence[rigs.GateSpec], setup_command: str) -> None:
    """Refuse a command whose program is not on this host's PATH, where its words tell."""
    path = config.environment().get("PATH", "")
    for what, command in [*((f"gate {gate.name}", gate.command) for gate in gates), (SETUP, setup_command)]:
        missing = patrols.missing_program(command, path)
        if missing is not None:
            raise CommandMissing(
                f"{what} starts with {missing!r}, which is {patrols.absence(missing)}",
                hint="Install it, name its full path, or one inside the repository (./NAME); then try again.",
            )


def check_files(gates: Sequence[rigs.GateSpec], land: Path, oid: str) -> None:
    """Refuse a gate that starts with a file of the repository which the commit `oid` does not have."""
    for gate in gates:
        path = patrols.path_in_tree(gate.command)
        if path is not None and not git.git(land, "ls-tree", "-z", "--name-only", oid, "--", path).stdout:
            raise CommandMissing(
                f"gate {gate.name} starts with {path!r}, which the repository does not have",
                hint="Commit that file first, name another command, or give the --setup CMD that makes it.",
            )
