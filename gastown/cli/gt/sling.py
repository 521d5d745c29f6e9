"""`gt sling` and `gt unsling`."""

from collections.abc import Iterable

import click

from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context


@command("sling")
@click.argument("words", nargs=-1, required=True, metavar="BEAD... [RIG]")
@click.option("--agent", "preset", help="Preset that runs the beads (default: the rig's, then the town's).")
@click.option("--no-code", is_flag=True, help="No change to the repository is expected: `bd close` ends it.")
@click.option("--force", is_flag=True, help="Sling deferred beads, and beads of another rig's prefix.")
@pass_context
def sling(context: Context, words: tuple[str, ...], preset: str | None, no_code: bool, force: bool) -> None:
    """Give beads (or a convoy) to a rig: an agent starts on each at once.

    What is blocked waits and follows as its blockers close. All of the beads are slung, or none.

    \b
    gt sling app-a1b2 app
    gt sling app-a1b2 app-c3d4 app --agent codex
    gt sling hq-cv-e5f6
    """
    from gastown import queue, rigs
    from gastown import sling as noun

    context.check_ready()
    reaches_redis = queue.warm()  # before the commit, so that ringing after it takes milliseconds
    with context.write() as session:
        target = noun.split_targets(words, {rig.name for rig in rigs.list_all(session)})
        slung = noun.sling(session, target, actor=context.actor, preset=preset, no_code=no_code, force=force)
    if context.json:
        context.print_json([vars(one) for one in slung])
        return
    for one in slung:
        state = "offered" if one.is_offered else one.waits_for
        context.echo(f"Slung {one.bead_id} to {one.rig} ({one.preset}): {state}")
    if not reaches_redis:
        context.warn("Redis is away; the workers find the work in SQL within ten seconds. Is the town up? `gt status`")
    _warn_of_agents(context, dict.fromkeys(one.preset for one in slung))


def _warn_of_agents(context: Context, presets: Iterable[str]) -> None:
    """Say at once that an agent will fail for want of its program or login, where the agents can only run here."""
    if not context.settings.embedded_redis:
        return
    from gastown import config, patrols, policy
    from gastown.runtimes import catalog

    with context.read() as session:
        known = policy.presets(session)
    for name in presets:
        for fault in patrols.faults_of(catalog.get(name, known), config.environment()):
            context.warn(f"Note: {fault.message} {fault.hint}".strip())


@command("unsling")
@click.argument("beads", nargs=-1, required=True, metavar="BEAD...")
@click.option("--reason", default="taken back", show_default=True, help="Why, for the bead's log.")
@pass_context
def unsling(context: Context, beads: tuple[str, ...], reason: str) -> None:
    """Take beads off their hooks; running agents save their work and stop, commits stay on their branches.

    \b
    gt unsling app-a1b2 --reason "wrong rig"
    """
    from gastown import sling as noun
    from gastown.assignments import AssignmentState

    with context.write() as session:
        taken = noun.unsling(session, beads, actor=context.actor, why=reason)
    if context.json:
        context.print_json([{"bead_id": row.bead_id, "state": row.state, "desired": row.desired} for row in taken])
        return
    for row in taken:
        stopping = " (its agent is asked to save and stop)" if row.state is AssignmentState.RUNNING else ""
        context.echo(f"Took {row.bead_id} off its hook{stopping}")
