"""Integration branches of epics: `gt mq integration create|status|list|land`."""

from typing import TYPE_CHECKING, Any

import click

from gastown.cli.commands import group, pass_context
from gastown.cli.context import Context
from gastown.cli.output import table

if TYPE_CHECKING:
    from gastown.town.integration.standing import Standing


@group("integration")
def integration() -> None:
    """Let an epic's beads land on a branch of their own, and the branch on the target as one.

    \b
    Examples:
      gt mq integration create app-e5f6
      gt mq integration status app-e5f6
      gt mq integration list
      gt mq integration land app-e5f6
    """


@integration.command("create")
@click.argument("epic")
@click.option("--branch", metavar="NAME", help="Its name at the remote (default: integration/EPIC).")
@pass_context
def create(context: Context, epic: str, branch: str | None) -> None:
    """Make an epic's integration branch from its rig's target, and a rig with the same gates that lands on it.

    From then on the beads under the epic, ten levels deep, are slung to that rig unless another is named; the nearest
    epic with a branch counts. Again after it was cut short, it goes on.

    \b
    Examples:
      gt mq integration create app-e5f6
      gt mq integration create app-e5f6 --branch feature/login
    """
    from gastown.town.integration.creating import create as make

    made = make(epic, branch, context.settings, read=context.read, write=context.write, actor=context.actor)
    if context.json:
        said = {"epic": made.epic_id, "rig": made.rig.name, "branch": made.rig.branch, "warnings": [*made.warnings]}
        context.print_json(said)
        return
    context.echo(f"Beads under {made.epic_id} land on {made.rig.branch}, the target of rig {made.rig.name}.")
    for warning in made.warnings:
        context.warn(f"Note: {warning}")
    context.echo(f"When they are closed: gt mq integration land {made.epic_id}")


@integration.command("status")
@click.argument("epic", required=False)
@pass_context
def status(context: Context, epic: str | None) -> None:
    """Show an epic's integration branch, or all: how far it is from the target, and what it waits for before it lands.

    \b
    Examples:
      gt mq integration status app-e5f6
      gt mq integration status --json
    """
    from gastown.town.integration.standing import look

    if epic is None:
        _show_all(context)
        return
    found = look(context.settings.town, context.read, epic)
    if context.json:
        context.print_json(_as_json(found))
        return
    for key, value in _as_json(found).items():
        shown = ", ".join(value) if isinstance(value, list) else value
        context.echo(f"{key:14}{'' if shown is None else shown}")


@integration.command("list")
@pass_context
def list_(context: Context) -> None:
    """List the integration branches that are not cleared up yet, with what each waits for.

    \b
    Example:
      gt mq integration list
    """
    _show_all(context)


def _show_all(context: Context) -> None:
    from gastown.town.integration.standing import look_at_all

    found = look_at_all(context.settings.town, context.read)
    if context.json:
        context.print_json([_as_json(one) for one in found])
        return
    table(
        context,
        ("EPIC", "STATE", "BRANCH", "RIG", "AHEAD", "BEHIND", "OPEN", "CLOSED", "MISSING"),
        [_row(one) for one in found],
        empty="No epic has an integration branch. `gt mq integration create EPIC` makes one.",
    )


def _row(one: "Standing") -> tuple[object, ...]:
    ahead, behind = (one.distance.ahead, one.distance.behind) if one.distance else ("?", "?")
    counts = (ahead, behind, len(one.open), one.closed)
    return (one.epic.id, one.state, one.rig.branch, one.rig.name, *counts, "; ".join(one.missing))


def _as_json(one: "Standing") -> dict[str, Any]:
    return {
        "epic": one.epic.id,
        "title": one.epic.title,
        "state": one.state,
        "rig": one.rig.name,
        "branch": one.rig.branch,
        "of": one.of.name,
        "target": one.of.branch,
        "ahead": one.distance.ahead if one.distance else None,
        "behind": one.distance.behind if one.distance else None,
        "open": [*one.open],
        "closed": one.closed,
        "under_way": [*one.under_way],
        "request": one.request.value if one.request else None,
        "landed": one.epic.landed_sha or None,
        "missing": [*one.missing],
    }


@integration.command("land")
@click.argument("epic")
@click.option(
    "--timeout", type=click.IntRange(1, 86400), default=3600, show_default=True, help="Seconds to wait for it."
)
@pass_context
def land(context: Context, epic: str, timeout: int) -> None:
    """Hand an epic's integration branch in to the rig that it came from, wait until it has landed, and clear up.

    It is gated and lands as one, which closes the epic; then its rig is removed and the branch deleted. Refused unless
    every bead under the epic is closed and nothing is under way in its rig. Again after it was cut short or came back,
    it goes on. Exit code 5: it is not ready, or came back; 6: it still waits when the time is over, and lands later.

    \b
    Example:
      gt mq integration land app-e5f6
    """
    from gastown.cli.gt.land import NotLanded, wait
    from gastown.town.integration.landing import clear_up, hand_in, has_landed

    means: dict[str, Any] = {"read": context.read, "write": context.write, "actor": context.actor}
    landed = has_landed(context.read, epic)
    if landed is None:
        done = hand_in(epic, context.settings, **means)
        try:
            wait(context, done, timeout)
        except NotLanded as error:
            raise NotLanded(
                error.message,
                hint=f"`gt log {done.bead_id}` says why. A polecat of {done.rig} goes on with it as rework; or land "
                f"what it lacks on the branch, and then: gt mq integration land {done.bead_id}",
            ) from None
        landed = has_landed(context.read, epic)
    assert landed is not None
    cleared = clear_up(landed, context.settings, **means)
    if context.json:
        context.print_json({**_as_json(landed), **vars(cleared)})
        return
    context.echo(f"{landed.epic.id} landed as {landed.epic.landed_sha[:12]} on {landed.of.branch} of {landed.of.name}.")
    if cleared.is_removed:
        context.echo(f"Rig {landed.rig.name} is off the list.")
    if cleared.is_deleted:
        context.echo(f"Branch {landed.rig.branch} is deleted at the remote.")
    if cleared.kept:
        context.warn(f"Kept: {cleared.kept}.")
