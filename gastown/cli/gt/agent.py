"""What agents call: `gt prime`, `gt hook`, `gt done`, `gt handoff`; and `gt peek`, which looks at one."""

from typing import TYPE_CHECKING, Any

import click

from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context
from gastown.errors import Invalid, NotFound, Refused

if TYPE_CHECKING:
    from pathlib import Path

EXIT_TYPES = ("COMPLETED", "ESCALATED", "DEFERRED", "NO_CHANGE")


class OutsideSession(Refused):
    """The command speaks for an agent, and the caller is none."""


def _held(context: Context) -> Any:
    if context.session_pass is None:
        raise OutsideSession(
            "this speaks for an agent, and you are not in an agent's session",
            hint="`gt status` shows the agents; `gt log BEAD` shows what one did.",
        )
    return context.session_pass


def _assignment_of(context: Context, agent: str | None) -> int:
    """The attempt in this session, or the running one of the agent that was named."""
    if context.session_pass is not None:
        return int(context.session_pass.assignment_id)
    if agent is None:
        raise Invalid("name an agent", hint="`gt status` lists them: RIG/polecats/NAME.")
    from gastown import agents, assignments

    with context.read() as session:
        polecat = agents.find(session, agent)
        for row in assignments.list_running(session, polecat.rig):
            if row.polecat == polecat.address and row.id is not None:
                return row.id
    raise NotFound(f"nothing hangs on the hook of {polecat.address}", hint="`gt status` lists who is at work.")


@command("prime", in_session=True)
@click.argument("agent", required=False)
@pass_context
def prime(context: Context, agent: str | None) -> None:
    """Tell an agent who it is, what hangs on its hook, and how to hand it in.

    \b
    gt prime                      in an agent's session
    gt prime app/polecats/nux     what that agent was told
    """
    from gastown import sessions

    number = _assignment_of(context, agent)
    with context.read() as session:
        primer = sessions.load_hook(session, number)
    if context.json:
        context.print_json(vars(primer))
    else:
        context.echo(sessions.render(primer).rstrip())


@command("hook", in_session=True)
@click.argument("agent", required=False)
@pass_context
def hook(context: Context, agent: str | None) -> None:
    """Show what hangs on an agent's hook.

    \b
    gt hook                       in an agent's session
    gt hook app/polecats/nux
    """
    from gastown import assignments, beads

    number = _assignment_of(context, agent)
    with context.read() as session:
        row = assignments.get(session, number)
        bead = beads.get(session, row.bead_id)
    if context.json:
        fields = ("bead_id", "rig", "polecat", "preset", "state", "reason", "fence", "branch", "base_oid", "runs")
        context.print_json({**{name: getattr(row, name) for name in fields}, "title": bead.title})
        return
    context.echo(f"{row.bead_id}: {bead.title}")
    context.echo(f"  attempt {row.fence} ({row.reason}), {row.state}, branch {row.branch}")


@command("done", in_session=True)
@click.option(
    "--status",
    type=click.Choice(EXIT_TYPES, case_sensitive=False),
    default="COMPLETED",
    show_default=True,
    help="How the work ended.",
)
@click.option("--reason", default="", help="Why, for ESCALATED, DEFERRED and NO_CHANGE.")
@pass_context
def done(context: Context, status: str, reason: str) -> None:
    """Hand in the work on your hook: everything committed, on your branch. The merge queue tests and lands it.

    \b
    gt done
    gt done --status ESCALATED --reason "the API key of the test service is missing"
    gt done --status NO_CHANGE --reason "fixed already by app-c3d4"
    """
    from gastown import sling

    held = _held(context)
    status = status.upper()
    if status != "COMPLETED" and not reason:
        raise Invalid(f"--status {status} needs --reason", hint="Say what the next one must know.")
    if _has_happened(context, held, status):
        _say(
            context,
            {"bead_id": held.bead_id, "status": status, "already": True},
            f"{held.bead_id}: {status.lower()} already. End the session now.",
        )
        return
    if status == "COMPLETED":
        _submit(context, held)
        return
    with context.write() as session:
        if status == "DEFERRED":
            sling.defer(session, held.assignment_id, held.fence, actor=held.agent, notes=reason)
        else:
            why = reason if status == "ESCALATED" else f"no change needed, says {held.agent}: {reason}"
            sling.escalate(session, held.assignment_id, held.fence, actor=held.agent, why=why)
    _say(
        context, {"bead_id": held.bead_id, "status": status}, f"{held.bead_id}: {status.lower()}. End the session now."
    )


def _has_happened(context: Context, held: Any, status: str) -> bool:
    """Whether this attempt ended in just this way: an agent whose first answer was lost may ask again."""
    from gastown import assignments
    from gastown.assignments import AssignmentState

    ends = {"COMPLETED": AssignmentState.SUBMITTED, "DEFERRED": AssignmentState.RELEASED}
    with context.read() as session:
        row = assignments.get(session, held.assignment_id)
    return bool(row.fence == held.fence and row.state is ends.get(status, AssignmentState.ESCALATED))


def _submit(context: Context, held: Any) -> None:
    from gastown import agents, assignments, policy, rigs, sessions, sling

    with context.read() as session:
        row = assignments.running(session, held.assignment_id, held.fence)
        rig = rigs.get(session, row.rig)
        sessions.check_not_halted(session, rig)
        polecat = agents.get(session, row.polecat or "")
        most = policy.load(session).count("done.max_behind")
    site = sessions.site_of(context.settings, rig, row, polecat)
    ready = sessions.check_submission(site, max_behind=most)
    with context.write() as session:
        submission = sling.submit(session, held.assignment_id, held.fence, head_oid=ready.head_oid, actor=held.agent)
    _say(
        context,
        {**vars(submission), "status": "COMPLETED"},
        f"Submitted {submission.bead_id} ({ready.head_oid[:12]}, {ready.ahead} commits) to the merge queue of "
        f"{submission.rig}. End the session now.",
    )


def _say(context: Context, values: dict[str, Any], words: str) -> None:
    if context.json:
        context.print_json(values)
    else:
        context.echo(words)


@command("handoff", in_session=True)
@click.option("--message", "-m", default="", help="Where you are and what comes next.")
@click.option("--stdin", "from_stdin", is_flag=True, help="Read the note from standard input.")
@pass_context
def handoff(context: Context, message: str, from_stdin: bool) -> None:
    """End this session with a note; a fresh one takes the same bead up on the same branch.

    \b
    gt handoff -m "parser done, next: the printer; see src/print.py"
    """
    from gastown import sling

    held = _held(context)
    note = context.read_text("-") if from_stdin else message
    if not note.strip():
        raise Invalid("a handoff needs a note", hint='gt handoff -m "where you are and what comes next"')
    with context.write() as session:
        following = sling.hand_over(session, held.assignment_id, held.fence, actor=held.agent, notes=note[:20000])
    words = "A fresh session follows." if following else "That was the last handoff allowed: a person is asked."
    _say(
        context,
        {"bead_id": held.bead_id, "follows": following is not None},
        f"Handed off. {words} End the session now.",
    )


@command("peek")
@click.argument("agent")
@click.option("--lines", "-n", default=40, show_default=True, type=click.IntRange(1, 10000), help="Newest lines shown.")
@click.option("--follow", "-f", is_flag=True, help="Go on showing new output until the session ends.")
@click.option("--stderr", is_flag=True, help="Show the error stream instead.")
@pass_context
def peek(context: Context, agent: str, lines: int, follow: bool, stderr: bool) -> None:
    """Show an agent's output, live; AGENT may also be a bead, whose newest session is shown.

    \b
    gt peek app/polecats/nux
    gt peek nux --follow
    gt peek app-a1b2
    """
    from gastown import sessions

    number = _newest_attempt(context, agent)
    folder = sessions.latest_run_dir(context.settings, number)
    if folder is None:
        raise NotFound(f"no output of {agent} on this host", hint="`gt log BEAD` says on which host it ran.")
    path = folder / ("stderr.log" if stderr else "stdout.log")
    shown, size = _tail(path, lines)
    if context.json:
        context.print_json({"agent": agent, "assignment_id": number, "run": folder.name, "lines": shown})
        return
    for line in shown:
        context.echo(line)
    if follow:
        _follow(context, path, size, folder)


def _newest_attempt(context: Context, name: str) -> int:
    from gastown import agents, assignments, beads
    from gastown.agents import PolecatNotFound
    from gastown.beads import BeadNotFound

    with context.read() as session:
        try:
            bead = beads.get(session, name)
            rows = assignments.history(session, bead.id)
        except BeadNotFound:
            try:
                polecat = agents.find(session, name)
            except PolecatNotFound as error:
                raise NotFound(f"neither an agent nor a bead is called {name[:60]!r}", hint=error.hint) from None
            rows = assignments.of_polecat(session, polecat.address)
        started = [row.id for row in rows if row.runs and row.id is not None]
    if not started:
        raise NotFound(f"{name} has not run yet", hint="`gt status` lists who is at work.")
    return started[-1]


# Read from the end of the file: output may be large.
TAIL_BYTES = 1_000_000


def _tail(path: "Path", lines: int) -> tuple[list[str], int]:
    if not path.exists():
        return [], 0
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - TAIL_BYTES))
        text = file.read().decode(errors="replace")
    return [printable(line) for line in text.splitlines()[-lines:]], size


def printable(line: str) -> str:
    """A line that cannot steer the reader's terminal: agents' output holds what it likes."""
    return "".join(char if char.isprintable() or char == "\t" else "�" for char in line)


def _follow(context: Context, path: "Path", offset: int, folder: "Path") -> None:
    import time

    from gastown.runtimes import host

    begun = b""  # of a line, or of a letter, whose rest is still to come
    while True:
        over = host.read_exit(folder) is not None
        data = begun + _from(path, offset + len(begun))
        lines, _, begun = data.rpartition(b"\n")
        offset += len(data) - len(begun)
        for line in lines.decode(errors="replace").splitlines():
            context.echo(printable(line))
        if over and begun:
            context.echo(printable(begun.decode(errors="replace")))
        context.out.flush()
        if over:
            return
        time.sleep(0.3)


def _from(path: "Path", offset: int) -> bytes:
    """What a file that is written to holds behind `offset`; nothing while it is not there."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read()
    except FileNotFoundError:
        return b""
