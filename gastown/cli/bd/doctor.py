"""`bd doctor`: look at the store, and mend what can be mended."""

from typing import TYPE_CHECKING

import click

from gastown.cli.bd.shapes import emit
from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context

if TYPE_CHECKING:
    from gastown.stores import Report

_LONGEST = 400  # characters of one finding, for people
_MARKS = {"ok": "✓", "warning": "⚠", "error": "✗"}


@command("doctor")
@click.option("--fix", is_flag=True, help="Mend what can be mended without losing anything, then look again.")
@click.option("-y", "--yes", is_flag=True, help="With --fix: do not ask.")
@click.option("--dry-run", is_flag=True, help="With --fix: only say what would be mended.")
@click.option("--deep", is_flag=True, help="Read every page of the database.")
@click.option("-v", "--verbose", is_flag=True, help="Show checks that found nothing, too.")
@pass_context
def doctor(context: Context, fix: bool, yes: bool, dry_run: bool, deep: bool, verbose: bool) -> int:
    """Check the beads, the database and its folder. Exit status 1 when something is wrong.

    \b
    Examples:
      bd doctor
      bd doctor --fix -y
    """
    from gastown import patrols, stores

    here = patrols.Here(context.settings, context.read)
    report = stores.examine(here, deep=deep)
    if fix and report.fixable:
        if dry_run or not _may(context, report, yes):
            context.warn(f"Would mend: {', '.join(report.fixable)}")
        else:
            report = stores.mend(here, report, context.write, actor=context.actor, deep=deep)
    if context.json:
        emit(context, report.shown())
    else:
        _show(context, report, verbose)
    return 0 if report.is_well else 1


def _may(context: Context, report: "Report", yes: bool) -> bool:
    if yes or not context.may_ask:
        return True
    context.echo(f"To mend: {', '.join(report.fixable)}. Nothing is lost; a copy of the store is kept.")
    return click.confirm("Go on?", default=True)


def _show(context: Context, report: "Report", verbose: bool) -> None:
    shown = [result for result in report.results if verbose or result.status != "ok"]
    for result in shown:
        context.echo(f"{_MARKS[result.status]} {result.name}: {_short(context, result.message)}")
        for line in result.detail.splitlines():
            context.echo(f"    {line}")
        if result.fix and result.status != "ok":
            context.echo(f"    → {result.fix}")
    if report.copy:
        context.echo(f"The store as it was is kept: {report.copy}")
    if report.fixed:
        context.echo(f"Mended, and checked again: {', '.join(report.fixed)}")
    for text in report.not_fixed:
        context.echo(f"Not mended: {text}")
    counts = [sum(result.status == level for result in report.results) for level in ("ok", "warning", "error")]
    context.echo(f"{counts[0]} checks passed, {counts[1]} warnings, {counts[2]} errors")


def _short(context: Context, message: str) -> str:
    """A finding may name thousands of beads; JSON and --verbose have them all."""
    is_long = len(message) > _LONGEST and not context.verbose
    return f"{message[:_LONGEST].rpartition(' ')[0]} ... (--json has them all)" if is_long else message
