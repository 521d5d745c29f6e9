"""`gt rig`: the repositories of the town."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gastown.cli.commands import group, pass_context
from gastown.cli.context import Context
from gastown.cli.gt.gate import gate_json
from gastown.cli.output import iso, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gastown.rigs import Gate, GateSpec, Rig


# The words of `rigs.LandingStyle`, which is not imported for the help alone.
_STYLES = ("merge", "squash", "rebase", "pull")


@group("rig")
def rig() -> None:
    """Add, list, park, dock and remove repositories.

    \b
    Examples:
      gt rig add app https://example.com/app.git --gate test='pytest -q'
      gt rig list
      gt rig park app
    """


@rig.command("add", resident=False)
@click.argument("name")
@click.argument("source", metavar="URL-OR-PATH")
@click.option("--prefix", help="Of its beads' ids (default: made from the name).")
@click.option("--branch", help="Where work lands (default: the remote's own default branch).")
@click.option(
    "--gate", "gates", metavar="NAME=CMD", multiple=True, help="What must pass before work lands; repeatable."
)
@click.option("--no-gates", is_flag=True, help="Nothing is tested: what merges cleanly lands.")
@click.option("--gate-timeout", type=click.IntRange(1, 86400), help="Seconds that each of these gates may run.")
@click.option("--setup", default="", metavar="CMD", help="Run in a new worktree and before the gates.")
@click.option("--agent", default="", metavar="PRESET", help="Its agents' preset (default: the town's).")
@click.option(
    "--landing",
    type=click.Choice(_STYLES),
    help="What a landing leaves: a merge, a plain commit a request, its own commits, or a pull request.",
)
@click.option("--provider", help="Who merges its pull requests: gh (GitHub).")
@click.option(
    "--area", "areas", metavar="NAME=GLOB,...", multiple=True, help="A part with a train of its own; repeatable."
)
@pass_context
def add(
    context: Context, /, name: str, source: str, gates: tuple[str, ...], gate_timeout: int | None, **rest: Any
) -> None:
    """Make a repository a rig: agents get worktrees of it, and what passes its gates lands on its branch.

    A path that is somebody's checkout stands for that checkout's origin. A push is tried at once, moving nothing.

    \b
    Examples:
      gt rig add app https://example.com/app.git --gate test='pytest -q'
      gt rig add web ~/src/web --branch develop --setup 'npm ci' --gate test='npm test' --gate lint='npm run lint'
      gt rig add site https://github.com/OWNER/site.git --landing pull --provider gh --gate test='npm test'
    """
    from gastown.rigs import LandingStyle
    from gastown.town.add_rig import Request
    from gastown.town.add_rig import add as add_rig

    request = Request(
        name=name,
        source=source,
        cwd=Path.cwd(),
        prefix=rest["prefix"],
        branch=rest["branch"],
        gates=[_gate(text, gate_timeout) for text in gates],
        no_gates=rest["no_gates"],
        setup_command=rest["setup"],
        agent=rest["agent"],
        landing=LandingStyle(rest["landing"] or LandingStyle.MERGE),
        provider=rest["provider"] or "",
        areas=dict(_area(text) for text in rest["areas"]),
    )
    added = add_rig(request, context.settings, read=context.read, write=context.write, actor=context.actor)
    if context.json:
        context.print_json({**_as_json(added.rig, added.gates), "warnings": list(added.warnings)})
        return
    context.echo(f"Rig {added.rig.name}: work lands on {added.rig.branch}; its beads are {added.rig.prefix}-...")
    for warning in added.warnings:
        context.warn(f"Note: {warning}")
    context.echo(f'Next: bd create "TITLE" --rig {added.rig.name}, then gt sling BEAD {added.rig.name}')


def _gate(text: str, timeout_s: int | None) -> "GateSpec":
    from gastown.rigs import GateSpec

    name, found, command = text.partition("=")
    if not found:
        raise click.BadParameter(f"{text!r} is not NAME=CMD, as in test='pytest -q'", param_hint="--gate")
    return GateSpec(name.strip(), command.strip(), timeout_s)


def _area(text: str) -> tuple[str, list[str]]:
    name, found, patterns = text.partition("=")
    if not found:
        raise click.BadParameter(f"{text!r} is not NAME=GLOB, as in web='web/**'", param_hint="--area")
    return name.strip(), [pattern.strip() for pattern in patterns.split(",")] if patterns.strip() else []


@rig.command("set")
@click.argument("name")
@click.option("--gate", "gates", metavar="NAME=CMD", multiple=True, help="Add this gate, or change it; repeatable.")
@click.option("--drop-gate", "dropped", metavar="NAME", multiple=True, help="Take this gate away; repeatable.")
@click.option("--no-gates", is_flag=True, help="Take all gates away: what merges cleanly lands.")
@click.option("--gate-timeout", type=click.IntRange(1, 86400), help="Seconds that each of these gates may run.")
@click.option("--setup", metavar="CMD", help="Run in a new worktree and before the gates; '' for none.")
@click.option("--agent", metavar="PRESET", help="Its agents' preset; '' for the town's.")
@click.option(
    "--landing",
    type=click.Choice(_STYLES),
    help="What a landing leaves: a merge, a plain commit a request, its own commits, or a pull request.",
)
@click.option("--provider", help="Who merges its pull requests: gh (GitHub).")
@click.option(
    "--area",
    "areas",
    metavar="NAME=GLOB,...",
    multiple=True,
    help="A part with a train of its own, or other patterns for it; 'NAME=' takes it away; repeatable.",
)
@pass_context
def set_(context: Context, /, name: str, gates: tuple[str, ...], gate_timeout: int | None, **rest: Any) -> None:
    """Change a rig's gates, set-up, agents, way of landing or areas; for new gates its queue tests its target anew.

    \b
    Examples:
      gt rig set app --gate test='pytest -q -x'
      gt rig set app --drop-gate lint --setup 'npm ci'
      gt rig set app --landing pull --provider gh
      gt rig set app --area web='web/**' --area api='api/**,proto/**'
    """
    from gastown.rigs import LandingStyle
    from gastown.town.change_rig import Changes, change, check_words

    changes = Changes(
        tuple(_gate(text, gate_timeout) for text in gates),
        rest["dropped"],
        no_gates=rest["no_gates"],
        setup_command=rest["setup"],
        agent=rest["agent"],
        landing=LandingStyle(rest["landing"]) if rest["landing"] else None,
        provider=rest["provider"],
        areas=dict(_area(text) for text in rest["areas"]),
    )
    check_words(changes)
    with context.write() as session:
        row, now = change(session, name, changes, actor=context.actor)
    if context.json:
        context.print_json(_as_json(row, now))
        return
    words = ", ".join(f"{gate.name} ({gate.command})" for gate in now) or "none: whatever merges cleanly lands"
    context.echo(
        f"Rig {row.name}: gates: {words}; set-up: {row.setup_command or 'none'}; agent: {row.agent or 'default'}; "
        f"lands by {row.landing.value}{f' ({row.provider})' if row.provider else ''}"
        f"{'; areas: ' if row.areas else ''}{', '.join(f'{area} ({patterns})' for area, patterns in _areas(row))}"
    )


def _areas(row: "Rig") -> list[tuple[str, str]]:
    return [(name, ", ".join(patterns)) for name, patterns in sorted(row.areas.items())]


@rig.command("list")
@pass_context
def list_(context: Context) -> None:
    """List the town's rigs.

    \b
    Example:
      gt rig list --json
    """
    from gastown import rigs

    with context.read() as session:
        found = [(row, rigs.list_gates(session, row.name)) for row in rigs.list_all(session)]
    if context.json:
        context.print_json([_as_json(row, gates) for row, gates in found])
        return
    table(
        context,
        ("NAME", "PREFIX", "BRANCH", "TARGET", "STATE", "GATES", "REMOTE"),
        [
            (
                row.name,
                row.prefix,
                row.branch,
                row.target_state.value,
                _state(row),
                ", ".join(gate.name for gate in gates) or "none",
                _shown_url(row),
            )
            for row, gates in found
        ],
        empty="No rig yet. `gt rig add NAME URL-OR-PATH --gate NAME=CMD` adds one.",
    )


@rig.command("show")
@click.argument("name")
@pass_context
def show(context: Context, name: str) -> None:
    """Show one rig: its remote, branch, gates, areas and state.

    \b
    Example:
      gt rig show app
    """
    from gastown import rigs

    with context.read() as session:
        row, gates = rigs.get(session, name), rigs.list_gates(session, name)
    shown = _as_json(row, gates)
    if context.json:
        context.print_json(shown)
        return
    for key, value in shown.items():
        if key not in ("gates", "areas"):
            context.echo(f"{key:18}{'' if value is None else value}")
    for gate in gates:
        context.echo(f"gate {gate.name:13}{gate.command}")
    for area, patterns in _areas(row):
        context.echo(f"area {area:13}{patterns}")


@rig.command("remove")
@click.argument("name")
@pass_context
def remove(context: Context, name: str) -> None:
    """Take a rig off the town's list; refused while work of it is under way. Its folder and history stay.

    \b
    Example:
      gt rig remove app
    """
    from gastown import rigs
    from gastown.town.remove_rig import remove as remove_rig

    with context.write() as session:
        row = remove_rig(session, name, actor=context.actor)
    folder = rigs.rig_dir(context.settings.town, name)
    _changed(context, row, f"Rig {name} is off the list. Its repositories and worktrees stay in {folder}.")


@rig.command("park")
@click.argument("name")
@pass_context
def park(context: Context, name: str) -> None:
    """Start nothing new in a rig; what runs goes on.

    \b
    Example:
      gt rig park app
    """
    from gastown import rigs

    with context.write() as session:
        row = rigs.park(session, name, actor=context.actor)
    _changed(context, row, f"Rig {name} is parked: nothing new starts. `gt rig unpark {name}` ends that.")


@rig.command("unpark")
@click.argument("name")
@pass_context
def unpark(context: Context, name: str) -> None:
    """Start work in a parked rig again.

    \b
    Example:
      gt rig unpark app
    """
    from gastown import rigs

    with context.write() as session:
        row = rigs.unpark(session, name, actor=context.actor)
    _changed(context, row, f"Rig {name} takes work again.")


@rig.command("dock")
@click.argument("name")
@pass_context
def dock(context: Context, name: str) -> None:
    """Put a rig out of service: nothing starts, agents save their work and stop, its merge queue boards nothing more.

    Its beads stay slung and go on after `gt rig undock`.

    \b
    Example:
      gt rig dock app
    """
    from gastown.town import halts

    with context.write() as session:
        asked = halts.dock(session, name, actor=context.actor)
    if context.json:
        context.print_json({"name": name, "is_docked": True, "handing_over": [row.bead_id for row in asked]})
        return
    context.echo(f"Rig {name} is docked: nothing starts. `gt rig undock {name}` ends that.")
    if asked:
        context.echo(f"Asked to save and hand over: {', '.join(row.bead_id for row in asked)}")


@rig.command("undock")
@click.argument("name")
@pass_context
def undock(context: Context, name: str) -> None:
    """Put a docked rig into service again: what was handed over goes on.

    \b
    Example:
      gt rig undock app
    """
    from gastown.town import halts

    with context.write() as session:
        left = halts.undock(session, name, actor=context.actor)
    if context.json:
        context.print_json({"name": name, "is_docked": False, "halts": [halt.why for halt in left]})
        return
    context.echo(f"Rig {name} is in service again.")
    for halt in left:
        context.warn(f"Note: {halt.why}")


def _state(row: "Rig") -> str:
    words = (("stopped", row.frozen_at is not None), ("docked", row.is_docked), ("parked", row.is_parked))
    return ", ".join(word for word, is_so in words if is_so) or "active"


def _changed(context: Context, row: "Rig", words: str) -> None:
    if context.json:
        context.print_json(
            {"name": row.name, "is_parked": row.is_parked, "removed_at": iso(row.removed_at)},
        )
    else:
        context.echo(words)


def _shown_url(row: "Rig") -> str:
    from gastown.git import redact

    return redact(row.remote_url)


def _as_json(row: "Rig", gates: "Sequence[Gate]") -> dict[str, Any]:
    return {
        "name": row.name,
        "prefix": row.prefix,
        "remote_url": _shown_url(row),
        "branch": row.branch,
        "agent": row.agent or None,
        "setup": row.setup_command or None,
        "is_parked": row.is_parked,
        "is_docked": row.is_docked,
        "frozen_at": iso(row.frozen_at),
        "frozen_why": row.frozen_why or None,
        "target_state": row.target_state.value,
        "target_oid": row.target_oid or None,
        "push_atomic": row.push_atomic,
        "push_fence": row.push_fence,
        "updates_checkout": row.updates_checkout,
        "landing": row.landing.value,
        "provider": row.provider or None,
        "areas": dict(row.areas),
        "created_at": iso(row.created_at),
        "gates": [gate_json(gate) for gate in gates],
    }
