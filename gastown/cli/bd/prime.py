"""`bd prime`, `onboard`, `quickstart`: texts for who starts."""

from pathlib import Path

import click

from gastown.cli.bd.shapes import emit
from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context
from gastown.config import StoreMissing, TownNotFound

_ONBOARD = """\
# Bring beads into this project

1. `bd init` makes the store in .beads/ (it takes in an issues.jsonl that is there).
2. `bd setup claude` (or another: `bd setup --list`) tells your agent.
3. `bd hooks install`, if the exchange file is kept in git.
4. Commit .beads/.gitignore and the files that setup named.

`bd prime` shows what agents are told, `bd quickstart` the first commands.
"""

_QUICKSTART = """\
Beads is a Dependency-Aware issue tracker: it knows what can be started now.

    bd init                                    a store in this folder
    bd create "Fix the login" -t bug -p 1      file work
    bd create "Write the tests"
    bd dep add TESTS LOGIN                     TESTS waits for LOGIN
    bd ready                                   what can be started now
    bd ready --claim                           take the next one; nobody else gets it
    bd close LOGIN -r "Fixed in the parser"    done: TESTS becomes ready
    bd list, bd show ID, bd search WORDS       look around
    bd export -o issues.jsonl                  every bead as a line of a file

`bd --help` lists the commands, `bd COMMAND --help` explains one.
"""


@command("prime", in_session=True)
@click.option("--full", is_flag=True, help="The whole text, also where tools are set up.")
@click.option("--mcp", "is_short", is_flag=True, help="A few words only: the agent has the tools of `bd mcp`.")
@click.option("--stealth", is_flag=True, help="Without a word about git.")
@click.option("--export", "ours", is_flag=True, help="Our own text, even where a PRIME.md says another.")
@click.option("--hook-json", is_flag=True, help="In the form that a SessionStart hook answers with.")
@pass_context
def prime(context: Context, full: bool, is_short: bool, stealth: bool, ours: bool, hook_json: bool) -> None:
    """Tell an agent how to work with beads, and what its predecessors left to remember.

    A PRIME.md beside the store says something else instead. Silent where there is no store, so that it is safe in a
    global hook.

    \b
    Examples:
      bd prime
      bd prime --mcp --hook-json
    """
    try:
        context.check_ready()
    except (TownNotFound, StoreMissing):
        return
    text = _text(context, is_short=is_short and not full, stealth=stealth, ours=ours)
    if hook_json:
        context.print_json({"hookSpecificOutput": {"hookEventName": "SessionStart", "additionalContext": text}})
    elif context.json:
        emit(context, {"text": text})
    else:
        context.echo(text.rstrip())


def _text(context: Context, *, is_short: bool, stealth: bool, ours: bool) -> str:
    from gastown import beads, stores

    settings = context.settings
    if context.session_pass is None and not ours:
        own = stores.own_text([settings.town])
        if own is not None:
            return own
    rig = context.session_pass.rig if context.session_pass else ""
    with context.read() as session:
        kept = beads.memories(session, rig=rig)
    return stores.prime_text(stores.Occasion(settings.is_town, is_short, stealth), kept)


@command("onboard", in_session=True)
@pass_context
def onboard(context: Context) -> None:
    """Tell how to bring beads into a project.

    \b
    Example:
      bd onboard
    """
    _print(context, _ONBOARD)


@command("quickstart", in_session=True)
@pass_context
def quickstart(context: Context) -> None:
    """Show the first steps.

    \b
    Example:
      bd quickstart
    """
    _print(context, _QUICKSTART)


def _print(context: Context, text: str) -> None:
    if context.json:
        emit(context, {"text": text})
    else:
        context.echo(text.rstrip())


def project_of(context: Context) -> Path:
    """The folder that `bd` was called in or told to work in."""
    here = Path.cwd()
    return here / context.start if context.start else here
