"""`gt land`: hand in a branch, and see it land."""

import time
from typing import TYPE_CHECKING

import click

from gastown import clock
from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context
from gastown.errors import Conflict, Unavailable

if TYPE_CHECKING:
    from gastown.refinery import Standing
    from gastown.sling import Submission

_POLL_S = 0.5


class NotLanded(Conflict):
    """The queue has returned the work, or somebody took it off."""


class StillWaits(Unavailable):
    """It has not landed in the time that was given."""


@command("land")
@click.argument("bead")
@click.argument("rig", required=False)
@click.option("--branch", metavar="B", help="A branch of the rig's remote (default: that of the bead's last attempt).")
@click.option("--head", metavar="COMMIT", help="A commit on that branch, all 40 digits (default: its newest).")
@click.option("--direct", is_flag=True, help="Before all that waits; refused unless the rig can land at once.")
@click.option(
    "--timeout", type=click.IntRange(1, 86400), default=3600, show_default=True, help="Seconds to wait for it."
)
@pass_context
def land(  # noqa: PLR0913 - what one command line says
    context: Context, bead: str, rig: str | None, branch: str | None, head: str | None, direct: bool, timeout: int
) -> None:
    """Hand in a branch of the remote for a bead, as `gt mq submit` does, and wait until it has landed.

    Its gates are run like those of all work. With --direct it goes before everything that is not being tested yet;
    that is refused while the rig is stopped or paused, or its target is not green. Exit code 5: it came back; 6: it
    still waits when the time is over, and lands later.

    \b
    Examples:
      gt land app-a1b2 --branch fix/login
      gt land app-a1b2 --branch fix/outage --direct
    """
    from gastown import git, refinery, sling

    oid = git.check_oid(head) if head else None
    with context.read() as session:
        sought = sling.find_work(context.settings.town, session, bead, rig=rig, branch=branch)
        if direct:
            refinery.check_at_once(session, sought.rig.name)
    work = sought.fetch(oid)
    with context.write() as session:
        if direct:
            refinery.check_at_once(session, work.rig.name)
        done = sling.submit_by_hand(session, work, actor=context.actor)
        if direct:
            refinery.hurry(session, done.request_id, actor=context.actor)
    stands = wait(context, done, timeout)
    if context.json:
        context.print_json({**vars(done), "state": stands.state.value, "landed": stands.landed_oid})
    else:
        context.echo(f"{done.bead_id} landed as {stands.landed_oid[:12]} on {work.rig.branch} of {done.rig}.")


def wait(context: Context, done: "Submission", timeout_s: int) -> "Standing":
    """Wait until what was handed in has landed, telling what it waits for; raises where it came back, or takes long."""
    from gastown import refinery

    deadline, shown = clock.monotonic() + timeout_s, ""
    while True:
        with context.read() as session:
            stands = refinery.stand(session, done.request_id)
        if stands.words and stands.words != shown:
            shown = stands.words
            context.warn(f"{done.bead_id}: {shown}")
        if stands.is_over:
            break
        if clock.monotonic() > deadline:
            raise StillWaits(
                f"{done.bead_id} has not landed in {timeout_s} s: {shown}",
                hint=f"It lands when it can: `gt mq list {done.rig}` shows it.",
            )
        time.sleep(_POLL_S)
    if not stands.landed_oid:
        raise NotLanded(
            f"{done.bead_id} did not land: {shown}",
            hint=f"`gt log {done.bead_id}` says why. An agent of the rig goes on with it, unless you do.",
        )
    return stands
