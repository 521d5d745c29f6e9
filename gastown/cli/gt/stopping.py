"""Ending every agent's session with its work saved, for `gt shutdown`."""

import time

from gastown import clock
from gastown.cli.context import Context
from gastown.errors import Unavailable

_PAUSE = "dispatch.paused"
_POLL_S = 0.5


class SessionsLeft(Unavailable):
    """Agents did not end in the time they were given."""


def set_paused(context: Context, paused: bool) -> bool:
    """Say whether anything new may be claimed, in the whole town; return whether that was a change."""
    from gastown import policy

    with context.read() as session:
        if bool(policy.load(session).count(_PAUSE)) is paused:
            return False
    with context.write() as session:
        policy.set_value(session, _PAUSE, str(int(paused)), actor=context.actor)
    return True


def stop_sessions(context: Context, wait_s: int) -> int:
    """Ask every session of the town to save its work and end; return how many did. Their beads stay slung.

    Nothing new is claimed from here until the next `gt up`. When some agents did not end in `wait_s` seconds, raises
    SessionsLeft and lets claims go on.
    """
    changed = set_paused(context, True)
    try:
        return _stop_sessions(context, wait_s)
    except BaseException:
        if changed:
            set_paused(context, False)
        raise


def _stop_sessions(context: Context, wait_s: int) -> int:
    from gastown import assignments

    with context.write() as session:
        asked = {row.id: row.bead_id for row in assignments.ask_to_hand_over(session, actor=context.actor)}
    if asked and not context.json:
        context.echo(f"{len(asked)} agents were asked to stop: {', '.join(asked.values())}")
    deadline = clock.monotonic() + wait_s
    while asked:
        with context.read() as session:
            running = {row.id for row in assignments.list_running(session)}
        left = {number: bead for number, bead in asked.items() if number in running}
        if not left:
            break
        if clock.monotonic() > deadline:
            raise SessionsLeft(
                f"{len(left)} agents have not ended in {wait_s} s ({', '.join(left.values())}); the town is still up",
                hint="Run `gt shutdown` again with a longer --wait, or `gt down`, which leaves them in their grace.",
            )
        time.sleep(_POLL_S)
    return len(asked)
