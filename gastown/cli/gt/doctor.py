"""`gt doctor`: look at everything that can be wrong."""

from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context

# As a failed check of any tool: not one of the errors that a command itself can have.
_ERRORS_FOUND = 1
_MARKS = {"ok": "ok  ", "warning": "WARN", "error": "FAIL"}


@command("doctor")
@pass_context
def doctor(context: Context) -> int:
    """Check the town and say what to mend. Exit status 1 when something is wrong that keeps work from going on.

    \b
    Examples:
      gt doctor
      gt doctor --json
    """
    from gastown import patrols

    here = patrols.Here(context.settings, context.read)
    found = patrols.run(here)
    errors = sum(item.level is patrols.Level.ERROR for item in found)
    warnings = sum(item.level is patrols.Level.WARNING for item in found)
    if context.json:
        rows = [
            {
                "level": item.level,
                "check": item.check,
                "subject": item.subject,
                "message": item.message,
                "hint": item.hint,
            }
            for item in found
        ]
        context.print_json({"errors": errors, "warnings": warnings, "findings": rows})
        return _ERRORS_FOUND if errors else 0
    for item in found:
        about = f"{item.subject}: " if item.subject else ""
        context.echo(f"{_MARKS[item.level]}  {item.check:10} {about}{item.message}")
        if item.hint:
            context.echo(f"{'':18}{item.hint}")
    context.echo(f"{_count(errors, 'error')}, {_count(warnings, 'warning')}.")
    return _ERRORS_FOUND if errors else 0


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
