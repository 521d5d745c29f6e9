"""Changing what a rig was added with: its gates, its set-up command, its agents' preset, its areas."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlmodel import Session

from gastown import policy, refinery, rigs, runtimes
from gastown.errors import Invalid, NotFound
from gastown.town import gate_words
from gastown.town.landing_words import LandsJustNow, check_landing


class NothingToChange(Invalid):
    """The request changes nothing."""


class GateNotFound(NotFound):
    """The rig has no gate of this name."""


@dataclass(frozen=True)
class Changes:
    """What a person wants to be different. None: as it is."""

    gates: Sequence[rigs.GateSpec] = ()
    """Added, or put in the place of those of the same name."""
    dropped: Sequence[str] = ()
    """Names of gates to take away."""
    no_gates: bool = False
    """Take them all away."""
    setup_command: str | None = None
    agent: str | None = None
    landing: rigs.LandingStyle | None = None
    provider: str | None = None
    areas: rigs.Areas = field(default_factory=dict)
    """Declared, or declared anew; one without a pattern is taken away."""


def check_words(changes: Changes) -> None:
    """Refuse what can be seen to be wrong without asking anybody."""
    if changes == Changes():
        raise NothingToChange(
            "nothing to change was named",
            hint="Give --gate, --drop-gate, --setup, --agent, --landing, --provider or --area.",
        )
    gate_words.check_gates(changes.gates, no_gates=changes.no_gates)
    if changes.setup_command:
        gate_words.check_command(changes.setup_command, gate_words.SETUP)
    gate_words.check_programs(changes.gates, changes.setup_command or "")
    rigs.check_areas({name: patterns for name, patterns in changes.areas.items() if patterns})


def change(session: Session, name: str, changes: Changes, *, actor: str) -> tuple[rigs.Rig, Sequence[rigs.Gate]]:
    """Change a rig; its merge queue then tests anew, since a verdict holds for the gates that gave it.

    Refuses unknown rigs, gates, areas and presets, and to leave a rig without a gate unless that is what was said.
    """
    rig = rigs.get(session, name)
    if changes.agent:
        runtimes.catalog.get(changes.agent, policy.presets(session))
    landing = _landing(session, rig, changes)
    values = {"setup_command": changes.setup_command, "agent": changes.agent}
    given = {**{key: value for key, value in values.items() if value is not None}, **landing}
    if given:
        rigs.update(session, name, actor=actor, **given)
    if changes.areas:
        rigs.set_areas(session, name, changes.areas, actor=actor)
    if changes.gates or changes.dropped or changes.no_gates:
        rigs.set_gates(session, name, _gates(session, name, changes), no_gates=changes.no_gates, actor=actor)
    if changes.setup_command is not None or changes.gates or changes.dropped or changes.no_gates:
        refinery.retry(session, name, actor=actor, keep_target=True)
    session.flush()
    return rig, rigs.list_gates(session, name)


def _landing(session: Session, rig: rigs.Rig, changes: Changes) -> dict[str, str]:
    """The new way of landing. An open landing is settled in the way in which it was begun: no change meanwhile."""
    if changes.landing is None and changes.provider is None:
        return {}
    rig = rigs.get(session, rig.name, lock=True)
    style = rig.landing if changes.landing is None else changes.landing
    provider = rig.provider if changes.provider is None else changes.provider
    check_landing(style, provider, rig.remote_url)
    if any(row.intent is not None for row in refinery.status(session, rig.name)):
        raise LandsJustNow(f"a landing of rig {rig.name} is under way", hint="Try again in a few seconds.")
    return {"landing": style, "provider": provider}


def _gates(session: Session, name: str, changes: Changes) -> list[rigs.GateSpec]:
    if changes.no_gates:
        return []
    rows = rigs.list_gates(session, name)
    gates = {row.name: rigs.spec_of(row) for row in rows}
    for dropped in changes.dropped:
        if gates.pop(dropped, None) is None:
            known = ", ".join(row.name for row in rows) or "none"
            raise GateNotFound(f"rig {name} has no gate called {dropped[:60]!r}", hint=f"Its gates: {known}.")
    for gate in changes.gates:
        known_as = gates.get(gate.name, gate)
        gates[gate.name] = replace(known_as, command=gate.command, timeout_s=gate.timeout_s)
    return list(gates.values())
