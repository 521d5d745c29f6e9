"""`bd todo` and `bd create-form`: filing without flags."""

from typing import Any

import click

from gastown.cli.bd import options
from gastown.cli.bd.filing import check_titles, new_bead
from gastown.cli.bd.scope import closable, prefix_of_session, require
from gastown.cli.bd.shapes import emit, issues, print_beads
from gastown.cli.commands import command, group, pass_context
from gastown.cli.context import Context
from gastown.errors import Refused


class NoTerminal(Refused):
    """Questions cannot be asked here."""


@group("todo")
def todo() -> None:
    """Small tasks of your own: type task, priority 2.

    \b
    Example:
      bd todo add Buy more paper
    """


def _file(context: Context, title: str, **said: Any) -> dict[str, Any]:
    from gastown import beads

    asked = {"rig": None, "issue_type": "task", "priority": "2", "labels": (), **said}
    with context.write() as session:
        bead = beads.create(session, new_bead(context, session, title, asked), actor=context.actor)
        return issues(session, [bead])[0]


@todo.command("add", in_session=True)
@click.argument("words", metavar="TITLE", nargs=-1)
@click.option("-p", "--priority", default="2", show_default=True, help="0 (most urgent) to 4.")
@click.option("-d", "--description", help="More about it.")
@pass_context
def add(context: Context, words: tuple[str, ...], priority: str, description: str | None) -> None:
    """File a task for whoever calls; the words need no quotes.

    \b
    Example:
      bd todo add Buy more paper
    """
    title = check_titles((" ".join(words),) if words else (), None)
    shown = _file(context, title, priority=priority, description=description, assignee=context.actor)
    if context.json:
        emit(context, shown)
    else:
        context.echo(f"✓ Created issue: {shown['id']} — {shown['title']}")


@todo.command("list", in_session=True)
@click.option("--all", "closed", is_flag=True, help="Closed ones too.")
@pass_context
def list_(context: Context, closed: bool) -> None:
    """List the tasks of whoever calls.

    \b
    Example:
      bd todo list
    """
    from gastown import beads

    mine = beads.Filters(
        types=("task",), assignee=context.actor, any_status=closed, prefix=prefix_of_session(context) or ""
    )
    with context.read() as session:
        print_beads(context, session, beads.list_(session, mine), empty="Nothing to do.")


@todo.command("done", in_session=True)
@click.argument("ids", metavar="ID...", nargs=-1)
@click.option("-r", "--reason", default="", help="Why.")
@pass_context
def done(context: Context, ids: tuple[str, ...], reason: str) -> None:
    """Close tasks.

    \b
    Example:
      bd todo done app-a1b2
    """
    from gastown import beads

    require(ids, "no issue ID provided")
    with context.write() as session:
        names = [closable(context, session, text).id for text in ids]
        result = beads.close(session, names, actor=context.actor, reason=reason or "Completed")
        for _, error in result.refused:
            raise error
        shown = issues(session, result.closed)
    if context.json:
        context.print_json(shown)
        return
    for item in shown:
        context.echo(f"✓ Closed {item['id']}: {item['close_reason']}")


@command("create-form", resident=False)
@click.option("--rig", help="The rig whose repository it is about.")
@pass_context
def create_form(context: Context, rig: str | None) -> None:
    """File a bead by answering questions.

    \b
    Example:
      bd create-form
    """
    if not (context.is_terminal and context.stdin.isatty()):
        raise NoTerminal("the form needs a terminal", hint='Use flags: bd create "Title" -t bug -p 1 -d "..."')
    title = click.prompt("Title")
    asked = {
        name: click.prompt(text, default=default, show_default=bool(default))
        for name, text, default in (
            ("issue_type", "Type", "task"),
            ("priority", "Priority (0-4)", "2"),
            ("description", "Description", ""),
            ("acceptance", "Acceptance criteria", ""),
            ("assignee", "Assignee", ""),
            ("labels", "Labels (with commas)", ""),
        )
    }
    shown = _file(context, title, **{**asked, "labels": options.words([asked["labels"]]), "rig": rig})
    if context.json:
        emit(context, shown)
    else:
        context.echo(f"✓ Created issue: {shown['id']} — {shown['title']}")
