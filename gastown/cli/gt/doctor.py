"""`gt doctor`: look at everything that can be wrong, and put right what can be put right safely."""

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context

if TYPE_CHECKING:
    from gastown.patrols import Check, Examined, Fault

# As a failed check of any tool: not one of the errors that a command itself can have.
_ERRORS_FOUND = 1
_MARKS = {"ok": "ok  ", "warning": "WARN", "error": "FAIL"}
_SLOW_S = 1.0
_HINT_COLUMN = 22


@command("doctor")
@click.option("--fix", is_flag=True, help="Take the safe step about each fault that has one, then check again.")
@click.option("--check", "names", metavar="NAME", multiple=True, help="Only this check; repeatable.")
@click.option("--slow", is_flag=True, help="Run the slow checks, too, and say what took more than a second.")
@pass_context
def doctor(context: Context, fix: bool, names: tuple[str, ...], slow: bool) -> int:
    """Check the town and say what to mend. Exit status 1 when something is wrong that keeps work from going on.

    `--fix` destroys nothing: a step that would put work at risk is not taken, and says so. Every step is followed by
    the same check; one that did not help makes the exit status 1.

    \b
    Examples:
      gt doctor
      gt doctor --fix
      gt doctor --slow --check replay --check integrity
    """
    from gastown import patrols, tables
    from gastown.db.unit_of_work import transact

    assert tables.REVISION  # the check `replay` compares every table, also those that no other check uses
    checks = _chosen(patrols.ALL, names, slow=slow)
    here = patrols.Here(context.settings, context.read)
    hands = patrols.Hands(here, transact, context.actor) if fix else None
    found = patrols.examine(here, checks, hands=hands)
    has_sql = not any(item.check.is_first and item.has_failed for item in found)
    elsewhere = patrols.list_elsewhere(here) if has_sql and not names else []
    levels = [fault.level for item in found for fault in item.faults] + [row.level for row in elsewhere]
    errors = levels.count(patrols.Level.ERROR)
    if context.json:
        context.print_json(
            {
                "errors": errors,
                "warnings": len(levels) - errors,
                "findings": [row for item in found for row in _rows(item)],
                "elsewhere": [
                    {"level": row.level, "check": row.check, "subject": row.subject, "message": row.message}
                    for row in elsewhere
                ],
                "fixes": [row for item in found for row in _fixes(item)],
                "seconds": {item.check.name: round(item.seconds, 3) for item in found},
            }
        )
    else:
        _print(context, found, slow=slow)
        for row in elsewhere:
            context.echo(f"{_MARKS[row.level]}  {row.check:14} on {row.subject}: {row.message}")
        context.echo(f"{_count(errors, 'error')}, {_count(len(levels) - errors, 'warning')}.")
    return _ERRORS_FOUND if errors or any(item.has_failed for item in found) else 0


def _chosen(known: "Sequence[Check]", names: Sequence[str], *, slow: bool) -> "list[Check]":
    wanted = {part.strip() for name in names for part in name.split(",")}
    unknown = wanted - {check.name for check in known}
    if unknown:
        raise click.BadParameter(
            f"no check is called {sorted(unknown)[0][:60]!r}; there are {', '.join(check.name for check in known)}",
            param_hint="--check",
        )
    if wanted:
        return [check for check in known if check.name in wanted or check.is_first]
    return [check for check in known if slow or not check.is_slow]


def _print(context: Context, found: "Sequence[Examined]", *, slow: bool) -> None:
    for category, members in groupby(_by_category(found), key=lambda item: item.check.category):
        context.echo(f"{category.value.capitalize()}:")
        for item in members:
            _print_one(context, item, slow=slow)


def _by_category(found: "Sequence[Examined]") -> "list[Examined]":
    from gastown.patrols import Category

    order = list(Category)
    return sorted(found, key=lambda item: order.index(item.check.category))


def _print_one(context: Context, item: "Examined", *, slow: bool) -> None:
    name = item.check.name
    took = f" ({item.seconds:.1f} s)" if slow and item.seconds > _SLOW_S else ""
    if not item.faults:
        context.echo(f"{_MARKS['ok']}  {name:14} {item.check.all_well}{took}")
    for fault in item.faults:
        about = f"{fault.subject}: " if fault.subject else ""
        context.echo(f"{_MARKS[fault.level]}  {name:14} {about}{fault.message}{took}")
        if fault.hint:
            context.echo(f"{'':{_HINT_COLUMN}}{fault.hint}")
    for fix in item.fixes:
        what = fix.step.done or fix.step.refused or "there was nothing to do any more"
        context.echo(f"{'FIXED' if fix.is_fixed else 'NOT FIXED':9} {name:10} {_about(fix.fault)}{what}")


def _about(fault: "Fault") -> str:
    return f"{fault.subject}: " if fault.subject else ""


def _rows(item: "Examined") -> list[dict[str, Any]]:
    common = {"check": item.check.name, "category": item.check.category.value}
    if not item.faults:
        return [{**common, "level": "ok", "subject": "", "message": item.check.all_well, "hint": ""}]
    return [
        {
            **common,
            "level": fault.level,
            "subject": fault.subject,
            "message": fault.message,
            "hint": fault.hint,
        }
        for fault in item.faults
    ]


def _fixes(item: "Examined") -> list[dict[str, Any]]:
    return [
        {
            "check": item.check.name,
            "subject": fix.fault.subject,
            "message": fix.fault.message,
            "done": fix.step.done,
            "refused": fix.step.refused,
            "fixed": fix.is_fixed,
        }
        for fix in item.fixes
    ]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
