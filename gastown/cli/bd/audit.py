"""`bd audit` and `bd upgrade`."""

import json
from typing import Any

import click

from gastown.cli.bd import options
from gastown.cli.bd.scope import resolve
from gastown.cli.bd.shapes import emit
from gastown.cli.commands import command, group, pass_context
from gastown.cli.context import Context

_TEXTS = ("model", "prompt", "response", "tool_name", "error")


@group("audit")
def audit() -> None:
    """What agents say that they did: calls of models and tools, and what became of them.

    \b
    Example:
      bd audit record --kind tool_call --tool-name pytest --exit-code 1 --issue-id app-a1b2
    """


@command("record")
@click.option("--kind", default="", help="llm_call, tool_call or field_change.")
@click.option("--issue-id", default="", help="The bead that it was for.")
@click.option("--model", default="", help="The model that was asked.")
@click.option("--prompt", default="", help="What it was asked.")
@click.option("--response", default="", help="What it said.")
@click.option("--tool-name", default="", help="The tool that was called.")
@click.option("--exit-code", type=int, help="The tool's exit status.")
@click.option("--error", default="", help="What went wrong.")
@click.option("--stdin", is_flag=True, help="Read a JSON object with these fields instead.")
@pass_context
def record(context: Context, stdin: bool, **said: Any) -> None:
    """Keep one call of a model or a tool.

    \b
    Example:
      bd audit record --kind llm_call --model small --prompt "Is it a duplicate?" --response "No"
    """
    from gastown import beads

    if stdin:
        said |= _read(context)
    with context.write() as session:
        if said["issue_id"]:
            said["issue_id"] = resolve(context, session, said["issue_id"]).id
        name = beads.record_interaction(session, beads.Interaction(**said), actor=context.actor)
    if context.json:
        emit(context, {"id": name, "kind": said["kind"]})
    else:
        context.echo(name)


def _read(context: Context) -> dict[str, Any]:
    try:
        found = json.loads(context.read_text("-"))
    except (ValueError, RecursionError):
        found = None
    known = {"kind": str, "issue_id": str, "exit_code": int, "extra": dict, **dict.fromkeys(_TEXTS, str)}
    if not isinstance(found, dict) or any(not isinstance(found[name], known.get(name, ())) for name in found):
        raise options.BadOption(
            "standard input is no JSON object of an interaction", hint=f"Known: {', '.join(known)}."
        )
    return found


@command("label")
@click.argument("entry", metavar="ENTRY")
@click.option("--label", required=True, help="The judgement: good, bad...")
@click.option("--reason", default="", help="Why.")
@pass_context
def label(context: Context, entry: str, label: str, reason: str) -> None:
    """Judge a call that was kept.

    \b
    Example:
      bd audit label int-a1b2c3d4 --label bad --reason "It asked for the wrong file"
    """
    from gastown import beads

    said = beads.Interaction("label", parent_id=entry, label=label, reason=reason)
    with context.write() as session:
        name = beads.record_interaction(session, said, actor=context.actor)
    if context.json:
        emit(context, {"id": name, "parent_id": entry, "label": label})
    else:
        context.echo(name)


@command("list", in_session=True)
@click.option("--issue-id", default="", help="Only those of this bead.")
@options.limit(50)
@pass_context
def list_(context: Context, issue_id: str, limit: int) -> None:
    """Print what was kept, one JSON object a line, as .beads/interactions.jsonl of the original has it.

    \b
    Example:
      bd audit list --limit 0 > interactions.jsonl
    """
    from gastown import beads

    with context.read() as session:
        name = resolve(context, session, issue_id).id if issue_id else ""
        found = beads.list_interactions(session, issue_id=name, limit=limit)
    if context.json:
        context.print_json(found)
        return
    for each in found:
        context.echo(json.dumps(each, ensure_ascii=False))


@group("upgrade")
def upgrade() -> None:
    """Versions of this program, as far as the keepers of the store have taken note.

    \b
    Example:
      bd upgrade status
    """


@command("status", in_session=True)
@pass_context
def status(context: Context) -> None:
    """Show this version, and which one was acknowledged last.

    \b
    Example:
      bd upgrade status --json
    """
    _show(context)


@command("review", in_session=True)
@pass_context
def review(context: Context) -> None:
    """Show what there is to take note of since the version that was acknowledged.

    \b
    Example:
      bd upgrade review
    """
    if _show(context)["unacknowledged"] and not context.json:
        context.echo("Its release notes say what changed. `bd upgrade ack` takes note of it.")


def _show(context: Context) -> dict[str, Any]:
    from gastown import beads

    with context.read() as session:
        shown = beads.upgrade_json(session)
    if context.json:
        emit(context, shown)
    else:
        context.echo(f"This is {shown['current_version']}; acknowledged: {shown['acknowledged_version'] or 'none'}")
    return shown


@command("ack")
@pass_context
def ack(context: Context) -> None:
    """Take note of this version.

    \b
    Example:
      bd upgrade ack
    """
    from gastown import beads

    with context.write() as session:
        is_new = beads.acknowledge(session, actor=context.actor)
        shown = beads.upgrade_json(session)
    if context.json:
        emit(context, shown)
    else:
        context.echo(f"{'✓ Acknowledged' if is_new else 'Acknowledged before:'} {shown['current_version']}")


for _member in (record, label, list_):
    audit.add_command(_member)
for _member in (status, review, ack):
    upgrade.add_command(_member)
