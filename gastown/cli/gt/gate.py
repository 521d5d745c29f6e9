"""`gt gate`: what a rig's work must pass, and what it said."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gastown.cli.commands import group, pass_context
from gastown.cli.context import Context
from gastown.cli.output import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gastown.refinery import GateFigures, GateRun, Match
    from gastown.rigs import Gate

F = TypeVar("F", bound=Callable[..., Any])
_PHASES = ("pre-merge", "post-landing")
_TERMS = (
    click.option(
        "--timeout", "timeout_s", type=click.IntRange(0), metavar="SECONDS", help="It may run; 0: the town's."
    ),
    click.option("--advisory/--required", "advises", default=None, help="Told only, or must pass (the default)."),
    click.option("--phase", type=click.Choice(_PHASES), help="On the merged tree before it lands, or once it has."),
    click.option(
        "--poll", "poll_s", type=click.IntRange(0), metavar="SECONDS", help="Wait on an external check; 0: no."
    ),
    click.option("--memory", "memory_mb", type=click.IntRange(0), metavar="MB", help="Of each process; 0: no limit."),
    click.option(
        "--env", "environment", multiple=True, metavar="NAME", help="Variable passed on; repeatable; '': none."
    ),
)


def _terms(function: F) -> F:
    for option in reversed(_TERMS):
        function = option(function)
    return function


def _changes(given: dict[str, Any]) -> dict[str, Any]:
    """What was said, by the names of a gate's parts."""
    from gastown.rigs import GatePhase

    numbers = ("timeout_s", "poll_s", "memory_mb")
    said: dict[str, Any] = {name: given[name] or None for name in numbers if given[name] is not None}
    if given["advises"] is not None:
        said["is_required"] = not given["advises"]
    if given["phase"] is not None:
        said["phase"] = GatePhase(given["phase"])
    if given["environment"]:
        said["environment"] = tuple(name for name in given["environment"] if name)
    return said


@group("gate")
def gate() -> None:
    """What must pass before work lands: add, change, run and read gates.

    \b
    Examples:
      gt gate list app
      gt gate add app lint 'ruff check .' --advisory
      gt gate run app
      gt gate log --grep 'AssertionError'
    """


@gate.command("add")
@click.argument("rig")
@click.argument("name")
@click.argument("command", metavar="CMD")
@_terms
@pass_context
def add(context: Context, /, rig: str, name: str, command: str, **given: Any) -> None:
    """Add a gate to a rig; it runs after those that it has.

    With --poll the command is asked so often: exit 0 is a pass, 1 a failure, 75 "not yet". It and every gate find
    GATE_COMMIT, GATE_TREE, GATE_BRANCH (the target's) and GATE_BASE in their environment.

    \b
    Examples:
      gt gate add app lint 'ruff check .' --advisory
      gt gate add app hosted './ci/ask.sh' --poll 20 --timeout 3600 --env CI_TOKEN
      gt gate add app smoke './smoke.sh' --phase post-landing --memory 4000
    """
    from gastown.rigs import GateSpec
    from gastown.town import change_gates

    with context.write() as session:
        row = change_gates.add(session, rig, GateSpec(name, command, **_changes(given)), actor=context.actor)
    _tell(context, row)


@gate.command("set")
@click.argument("rig")
@click.argument("name")
@click.option("--command", metavar="CMD", help="What it runs.")
@_terms
@pass_context
def set_(context: Context, /, rig: str, name: str, command: str | None, **given: Any) -> None:
    """Change a gate; what was tested with the old one is tested anew where that matters.

    \b
    Examples:
      gt gate set app lint --required
      gt gate set app test --command 'pytest -q -x' --timeout 900 --env TEST_DB_HOST --env TEST_DB_KEY
    """
    from gastown.town import change_gates

    changes = {**_changes(given), **({} if command is None else {"command": command.strip()})}
    with context.write() as session:
        row = change_gates.change(session, rig, name, changes, actor=context.actor)
    _tell(context, row)


@gate.command("remove")
@click.argument("rig")
@click.argument("name")
@pass_context
def remove(context: Context, rig: str, name: str) -> None:
    """Take a gate away; refused for the last one that keeps anything from landing.

    \b
    Example:
      gt gate remove app lint
    """
    from gastown.town import change_gates

    with context.write() as session:
        change_gates.remove(session, rig, name, actor=context.actor)
    if context.json:
        context.print_json({"rig": rig, "removed": name})
    else:
        context.echo(f"Rig {rig} has no gate {name} any more.")


def _tell(context: Context, row: "Gate") -> None:
    if context.json:
        context.print_json(gate_json(row))
    else:
        context.echo(f"Gate {row.name} of rig {row.rig}: {_kind(row)}: {row.command}")


def gate_json(row: "Gate") -> dict[str, Any]:
    """A gate as `--json` shows it."""
    return {
        "rig": row.rig,
        "name": row.name,
        "command": row.command,
        "timeout_s": row.timeout_s,
        "required": row.is_required,
        "phase": row.phase.value,
        "poll_s": row.poll_s,
        "memory_mb": row.memory_mb,
        "environment": list(row.environment),
    }


def _kind(row: "Gate") -> str:
    words = ["required" if row.is_required else "advisory", row.phase.value]
    words += [f"polled every {row.poll_s} s"] if row.poll_s else []
    words += [f"{row.memory_mb} MB"] if row.memory_mb else []
    return ", ".join([*words, *(f"${name}" for name in row.environment)])


@gate.command("list")
@click.argument("rig", required=False)
@pass_context
def list_(context: Context, rig: str | None) -> None:
    """List gates with their last verdict, how often they pass, how often they change their mind, how long they take.

    \b
    Example:
      gt gate list app --json
    """
    from gastown import refinery, rigs

    with context.read() as session:
        names = [rigs.get(session, rig).name] if rig else [row.name for row in rigs.list_all(session)]
        found = [row for name in names for row in refinery.gate_figures(session, name)]
    if context.json:
        context.print_json([_figures_json(row) for row in found])
        return
    headings = ("RIG", "GATE", "KIND", "LAST", "PASSED", "RUNS", "FLAKES", "MEDIAN", "COMMAND")
    table(context, headings, [_figures_row(row) for row in found], empty="No gates.")


def _figures_row(row: "GateFigures") -> tuple[object, ...]:
    last = f"{row.last['verdict']} (run {row.last['run']})" if row.last else "-"
    rate = "-" if row.pass_rate is None else f"{row.pass_rate:.0%}"
    took = "-" if row.median_s is None else f"{row.median_s:.1f}s"
    named = (row.gate.rig, row.gate.name, _kind(row.gate))
    return (*named, last, rate, row.runs + row.broken, row.flakes, took, row.gate.command)


def _figures_json(row: "GateFigures") -> dict[str, Any]:
    last = None if row.last is None else {name: row.last.get(name) for name in ("run", "verdict", "why", "seconds")}
    numbers = {"runs": row.runs, "passed": row.passed, "flakes": row.flakes, "could_not_run": row.broken}
    return {**gate_json(row.gate), "last": last, "pass_rate": row.pass_rate, **numbers, "median_s": row.median_s}


@gate.command("run", resident=False)
@click.argument("rig")
@click.option("--tree", "commit", default="", metavar="COMMIT", help="On this commit (default: the target as it is).")
@click.option("--gate", "names", multiple=True, metavar="NAME", help="Only this gate; repeatable.")
@pass_context
def run(context: Context, rig: str, commit: str, names: tuple[str, ...]) -> None:
    """Run a rig's gates here and now, in a folder like those of the merge queue, which does not hear of the outcome.

    Exit code 1: red. 6: they could not be run.

    \b
    Examples:
      gt gate run app
      gt gate run app --tree 1a2b3c4d5e --gate test
    """
    from gastown import policy, refinery, rigs
    from gastown.town import change_gates

    with context.read() as session:
        row, gates = rigs.get(session, rig), change_gates.find(session, rig, names)
        timeout_s = policy.load(session).number("gate.timeout_s")
    tried = refinery.try_gates(context.settings, row, gates, commit, timeout_s=timeout_s, given_up=lambda: False)
    if context.json:
        said = {"rig": rig, "commit": tried.commit, "tree": tried.tree, "verdict": tried.verdict.value}
        context.print_json({**said, "results": list(tried.results)})
    else:
        for result in tried.results:
            word = "advisory" if result.get("is_advisory") else "required"
            context.echo(f"{result['gate']} ({word}): {result['verdict']}, {result['why']}, {result['seconds']:.1f} s")
            if result["verdict"] != refinery.Verdict.PASS.value and result["tail"]:
                context.echo(result["tail"])
            context.echo(f"  log: {result['log']}")
        context.echo(f"{rig} at {tried.commit[:12]}: {tried.verdict.value}")
    click.get_current_context().exit(_exit_code(tried.verdict.value))


def _exit_code(verdict: str) -> int:
    return {"pass": 0, "flaky": 0, "fail": 1}.get(verdict, 6)


@gate.command("log")
@click.argument("number", metavar="[RUN]", type=int, required=False)
@click.option("--grep", "text", default="", metavar="TEXT", help="Only lines with this text, in capitals or not.")
@click.option("--gate", "name", default="", metavar="NAME", help="Only of this gate.")
@click.option("--rig", default=None, help="Only of this rig's runs.")
@click.option("--limit", type=click.IntRange(1, 10000), default=100, show_default=True, help="Runs, and lines found.")
@pass_context
def log(context: Context, /, number: int | None, text: str, name: str, rig: str | None, limit: int) -> None:
    """Show what the gates of a run printed, stdout and stderr as they came; search it; or list the last runs.

    Of runs on other hosts there is the end of the output.

    \b
    Examples:
      gt gate log
      gt gate log 128
      gt gate log --grep 'connection refused' --rig app
    """
    from gastown import refinery

    with context.read() as session:
        one = None if number is None else refinery.get_run(session, number)
        runs = [one] if one else refinery.list_last_runs(session, rig, limit=limit)
    logs = [log for run in runs for log in refinery.logs_of(run, context.settings) if name in ("", log.gate)]
    if text:
        _show_matches(context, refinery.search(logs, text, limit=limit))
    elif one is None:
        _show_runs(context, runs)
    elif context.json:
        shown = {"run": one.id, "rig": one.rig, "verdict": one.verdict and one.verdict.value, "host": one.host}
        files = [{"result": dict(log.result), "is_whole": log.path is not None} for log in logs]
        texts = [{"gate": log.gate, "text": "\n".join(log.lines())} for log in logs]
        context.print_json({**shown, "gates": [{**text, **file} for text, file in zip(texts, files, strict=True)]})
    else:
        for found in logs:
            part = "" if found.path else f" (the end; the whole was kept on {one.host})"
            context.echo(f"== {found.gate}: {found.result.get('verdict', 'runs')} {found.result.get('why', '')}{part}")
            for line in found.lines():
                context.echo(line)


def _show_matches(context: Context, found: "Sequence[Match]") -> None:
    if context.json:
        context.print_json(
            [
                {
                    "run": one.log.run.id,
                    "rig": one.log.run.rig,
                    "gate": one.log.gate,
                    "line": one.number,
                    "text": one.line,
                }
                for one in found
            ]
        )
        return
    for one in found:
        context.echo(f"{one.log.run.id} {one.log.gate}:{one.number}: {one.line}")


def _show_runs(context: Context, runs: "Sequence[GateRun]") -> None:
    rows: list[dict[str, Any]] = [
        {
            "run": run.id,
            "rig": run.rig,
            "bead": run.bead_id,
            "commit": run.commit_oid,
            "tree": run.tree_oid,
            "attempt": run.attempt,
            "state": run.state.value,
            "verdict": run.verdict.value if run.verdict else None,
            "gates": {str(result.get("gate")): result.get("verdict") for result in run.results},
            "host": run.host,
        }
        for run in runs
    ]
    if context.json:
        context.print_json(rows)
        return
    shown = [
        (
            *(
                row["run"],
                row["rig"],
                row["bead"] or "the target",
                str(row["tree"])[:10],
                row["verdict"] or row["state"],
            ),
            *(", ".join(f"{gate} {said}" for gate, said in row["gates"].items()) or "-", row["host"]),
        )
        for row in rows
    ]
    table(context, ("RUN", "RIG", "BEAD", "TREE", "VERDICT", "GATES", "HOST"), shown, empty="No gate has run yet.")
