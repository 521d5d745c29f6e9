"""`bd batch`: many small operations in one transaction."""

from dataclasses import asdict

import click

from gastown.cli.bd.scope import closable, prefix_for, resolve, writable
from gastown.cli.bd.shapes import emit
from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context


@command("batch", in_session=True)
@click.option("-f", "--file", default="-", help="Read the lines from a file (default: standard input).")
@click.option("--dry-run", is_flag=True, help="Try every line and change nothing.")
@pass_context
def batch(context: Context, file: str, dry_run: bool) -> None:
    """Do many small operations, all of them or none. One a line; # begins a comment, double quotes group words.

    \b
    Lines:
      close ID [REASON]
      update ID KEY=VALUE...          status, priority, title, assignee
      create TYPE PRIORITY TITLE
      dep add A B [TYPE]
      dep remove A B

    \b
    Example:
      bd batch -f changes.txt
    """
    from gastown import beads

    operations = beads.read_batch(context.read_text(file))
    with context.write() as session:
        means = beads.Means(
            actor=context.actor,
            prefix=prefix_for(context, session, None),
            changes=lambda text: writable(context, session, text).id,
            closes=lambda text: closable(context, session, text).id,
            target=lambda text: resolve(context, session, text).id,
        )
        done = beads.run_batch(session, operations, means)
        if dry_run:
            session.rollback()
    if context.json:
        results = [asdict(item) for item in done]
        emit(context, {"operations": len(done), "status": "ok", "results": results, "dry_run": dry_run})
        return
    for item in done:
        context.echo(f"line {item.line}: {item.op} {item.target}")
    context.echo(f"{'Would do' if dry_run else '✓ Did'} {len(done)} operations")
