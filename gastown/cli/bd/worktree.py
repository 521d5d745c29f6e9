"""`bd worktree` and `bd mail`."""

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gastown.cli.bd.prime import project_of
from gastown.cli.bd.shapes import emit
from gastown.cli.commands import command, group, pass_context
from gastown.cli.context import Context
from gastown.cli.output import table
from gastown.errors import Invalid, NotFound

if TYPE_CHECKING:
    from gastown.git import Checkout


class NoWorktree(NotFound):
    """No worktree of this repository is there."""


class NoMailer(Invalid):
    """No program for mail is named."""


@group("worktree")
def worktree() -> None:
    """Worktrees of this repository; all of them use the store of the main checkout.

    \b
    Example:
      bd worktree create ../login-fix
    """


@worktree.command("create")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--branch", default="", help="The branch (default: the folder's name).")
@pass_context
def create(context: Context, path: Path, branch: str) -> None:
    """Make a worktree on a branch of its own.

    \b
    Example:
      bd worktree create ../login-fix --branch fix/login
    """
    from gastown import git

    project = project_of(context)
    target = Path(os.path.normpath(project / path))
    made = git.add_checkout(project, target, branch or target.name)
    if context.json:
        emit(context, _shape(made))
    else:
        context.echo(f"Made {made.path} on {made.branch}")


@worktree.command("list")
@pass_context
def list_(context: Context) -> None:
    """List the worktrees of this repository.

    \b
    Example:
      bd worktree list --json
    """
    from gastown import git

    found = git.list_checkouts(project_of(context))
    if context.json:
        context.print_json([_shape(one) for one in found])
        return
    rows = [(str(one.path), one.branch, one.head[:12], "main" if one.is_main else "") for one in found]
    table(context, ("PATH", "BRANCH", "HEAD", ""), rows, empty="There are no worktrees.")


@worktree.command("info")
@pass_context
def info(context: Context) -> None:
    """Say which worktree this is, and which store it uses.

    \b
    Example:
      bd worktree info
    """
    from gastown import git

    project = project_of(context).resolve()
    found = [one for one in git.list_checkouts(project) if project.is_relative_to(one.path)]
    if not found:
        raise NoWorktree(f"{project} is in no worktree of its repository")
    here = max(found, key=lambda one: len(one.path.parts))
    shown = {**_shape(here), "store": str(context.settings.town)}
    if context.json:
        emit(context, shown)
    else:
        for name, value in shown.items():
            context.echo(f"{name.replace('_', ' ').capitalize()}: {value}")


@worktree.command("remove")
@click.argument("path", type=click.Path(path_type=Path))
@pass_context
def remove(context: Context, path: Path) -> None:
    """Take a worktree away; its branch stays. Refused while it holds changes that are not committed.

    \b
    Example:
      bd worktree remove ../login-fix
    """
    from gastown import git

    project = project_of(context)
    target = Path(os.path.normpath(project / path))
    if all(one.path != target.resolve() or one.is_main for one in git.list_checkouts(project)):
        raise NoWorktree(f"{target} is no worktree that could be removed", hint="`bd worktree list` shows them.")
    git.remove_checkout(project, target)
    if context.json:
        emit(context, {"removed": str(target)})
    else:
        context.echo(f"Removed {target}")


def _shape(one: "Checkout") -> dict[str, Any]:
    return {"path": str(one.path), "branch": one.branch, "head": one.head, "is_main": one.is_main}


@command("mail", resident=False, context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("words", nargs=-1)
@pass_context
def mail(context: Context, words: tuple[str, ...]) -> None:
    """Hand the words to the program that the key mail.delegate (or BEADS_MAIL_DELEGATE) names.

    \b
    Example:
      bd mail inbox
    """
    from gastown import beads
    from gastown.config import environment

    with context.read() as session:
        said = environment().get("BEADS_MAIL_DELEGATE") or beads.get_config(session, "mail.delegate")
    argv = [*shlex.split(said), *words]
    if not said.strip():
        raise NoMailer("no program for mail is named", hint='bd config set mail.delegate "gt mail"')
    context.out.flush()
    os.execvp(argv[0], argv)  # noqa: S606 - what the store's owner named; no shell
