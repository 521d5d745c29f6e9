"""`gt resident`: the process that runs this user's commands, seen and stopped."""

from gastown.cli.commands import group, pass_context
from gastown.cli.context import Context


@group("resident")
def resident() -> None:
    """The process that makes `bd` and `gt` quick. It starts by itself; GASTOWN_RESIDENT=off does without it.

    \b
    Examples:
      gt resident status
      gt resident stop
    """


@resident.command("status", resident=False)
@pass_context
def status(context: Context) -> None:
    """Show the residents of this user: one for each interpreter, version and kind of environment.

    \b
    Example:
      gt resident status --json
    """
    from gastown.cli.output import table
    from gastown.cli.resident.known import find

    found = find()
    if context.json:
        context.print_json([{"pid": one.pid, "memory_kb": one.memory_kb, "socket": one.path} for one in found])
        return
    rows = [(one.pid, f"{one.memory_kb // 1024} MB" if one.memory_kb else "", one.path) for one in found]
    table(context, ("PID", "MEMORY", "SOCKET"), rows, empty="No resident runs.")


@resident.command("stop", resident=False)
@pass_context
def stop(context: Context) -> None:
    """Ask the residents of this user to end; commands under way are run to their end.

    \b
    Example:
      gt resident stop
    """
    from gastown.cli.resident.known import find, stop_all

    found = find()
    stop_all(found)
    if context.json:
        context.print_json({"stopped": [one.pid for one in found], "schema_version": 1})
        return
    context.echo(f"Asked {len(found)} to end." if found else "No resident runs.")
