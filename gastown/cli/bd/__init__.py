"""`bd`: beads from the command line. One file a family of verbs; this page is the list."""

from pathlib import Path

import click

from gastown import __version__
from gastown.cli.commands import LazyGroup, global_options
from gastown.cli.context import Context

_HERE = "gastown.cli.bd"
SECTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "Working with issues": {
        "create": (f"{_HERE}.create:create", "File a bead."),
        "q": (f"{_HERE}.create:quick", "File a bead; print only its id."),
        "create-form": (f"{_HERE}.todo:create_form", "File a bead by answering questions."),
        "todo": (f"{_HERE}.todo:todo", "Small tasks of your own: add, list, done."),
        "show": (f"{_HERE}.show:show", "Show beads in full."),
        "list": (f"{_HERE}.listing:list_", "List beads."),
        "ready": (f"{_HERE}.ready:ready", "List what can be started now; --claim takes one."),
        "update": (f"{_HERE}.update:update", "Change fields of beads; --claim takes one."),
        "close": (f"{_HERE}.close:close", "Close beads."),
        "reopen": (f"{_HERE}.close:reopen", "Make closed beads open."),
        "promote": (f"{_HERE}.upkeep:promote", "Make a wisp a bead that stays."),
        "delete": (f"{_HERE}.close:delete", "Delete beads (a preview without --force)."),
        "edit": (f"{_HERE}.short:edit", "Change a text of a bead in your editor."),
        "assign": (f"{_HERE}.short:assign", "Say who does a bead."),
        "priority": (f"{_HERE}.short:priority", "Say how urgent a bead is."),
        "note": (f"{_HERE}.short:note", "Add to a bead's notes."),
        "defer": (f"{_HERE}.update:defer", "Put beads off, until a time or for good."),
        "undefer": (f"{_HERE}.update:undefer", "Make deferred beads open."),
        "comment": (f"{_HERE}.comment:comment", "Add a remark to a bead."),
        "comments": (f"{_HERE}.comment:comments", "List a bead's remarks."),
        "tag": (f"{_HERE}.label:tag", "Put a label on a bead."),
        "state": (f"{_HERE}.state:state", "Show the states of a bead."),
        "set-state": (f"{_HERE}.state:set_state", "Give a bead a state, and log it."),
        "label": (f"{_HERE}.label:label", "Labels: add, remove, list, list-all, propagate."),
        "children": (f"{_HERE}.show:children", "List a bead's children."),
        "search": (f"{_HERE}.listing:search", "Find text in titles, descriptions and ids."),
        "query": (f"{_HERE}.listing:query", "Find beads by an expression."),
    },
    "Views": {
        "blocked": (f"{_HERE}.ready:blocked", "List what must wait, and for what."),
        "count": (f"{_HERE}.listing:count", "Count beads."),
        "status": (f"{_HERE}.listing:status", "Show the store at a glance."),
        "history": (f"{_HERE}.history:history", "Show what changed a bead."),
        "lint": (f"{_HERE}.lint:lint", "Find beads that lack sections."),
        "stale": (f"{_HERE}.lint:stale", "List what nobody has touched for long."),
        "orphans": (f"{_HERE}.lint:orphans", "List open beads that commits name."),
        "find-duplicates": (f"{_HERE}.duplicates:find_duplicates", "List pairs that say nearly the same."),
        "duplicates": (f"{_HERE}.duplicates:duplicates", "List beads that say the same; --auto-merge closes them."),
    },
    "Dependencies": {
        "dep": (f"{_HERE}.dep:dep", "Dependencies: add, remove, list, tree, cycles."),
        "link": (f"{_HERE}.dep:link", "Make one bead depend on another."),
        "graph": (f"{_HERE}.graph:graph", "Draw what waits for what, and check it."),
        "swarm": (f"{_HERE}.swarm:swarm", "Epics worked on by many: waves, progress."),
        "duplicate": (f"{_HERE}.replace:duplicate", "Close a bead as the duplicate of another."),
        "supersede": (f"{_HERE}.replace:supersede", "Close a bead because another takes its place."),
        "epic": (f"{_HERE}.epic:epic", "Epics: status, close-eligible."),
    },
    "Sync and data": {
        "import": (f"{_HERE}.exchange:import_", "Bring in an exchange file (JSONL)."),
        "export": (f"{_HERE}.exchange:export", "Write the store as an exchange file (JSONL)."),
        "sync": (f"{_HERE}.exchange:sync", "Take in the exchange file, then write it; never runs git."),
        "restore": (f"{_HERE}.history:restore", "Show or put back the text from before a compaction."),
    },
    "Setup and configuration": {
        "init": (f"{_HERE}.init:init", "Make a store for this folder."),
        "config": (f"{_HERE}.config:config", "Keys of the store: get, set, list."),
        "kv": (f"{_HERE}.config:kv", "Small values of your own."),
        "types": (f"{_HERE}.config:types", "List the issue types."),
        "statuses": (f"{_HERE}.config:statuses", "List the statuses."),
        "remember": (f"{_HERE}.memory:remember", "Keep a note for whoever works here next."),
        "recall": (f"{_HERE}.memory:recall", "Print one note."),
        "memories": (f"{_HERE}.memory:memories", "List the notes."),
        "forget": (f"{_HERE}.memory:forget", "Drop a note."),
        "onboard": (f"{_HERE}.prime:onboard", "Tell how to bring beads into a project."),
        "quickstart": (f"{_HERE}.prime:quickstart", "Show the first steps."),
        "setup": (f"{_HERE}.setup:setup", "Tell an agent or editor about beads."),
        "hooks": (f"{_HERE}.setup:hooks", "Git hooks: install, uninstall, list, run."),
        "human": (f"{_HERE}.human:human", "What waits for a person."),
        "worktree": (f"{_HERE}.worktree:worktree", "Worktrees that share this store."),
        "mail": (f"{_HERE}.worktree:mail", "Hand over to the program for mail."),
        "mcp": (f"{_HERE}.mcp:mcp", "Serve beads to an agent without a shell."),
        "prime": (f"{_HERE}.prime:prime", "Tell an agent how to work with beads."),
        "where": (f"{_HERE}.about:where", "Show which store this is."),
        "context": (f"{_HERE}.about:context_", "Show the store, and the repository around it."),
        "info": (f"{_HERE}.about:info", "Show the store, its size and its keys."),
        "ping": (f"{_HERE}.about:ping", "Ask the store for an answer."),
        "version": (f"{_HERE}.about:version", "Show the version."),
    },
    "Gates, molecules and agents": {
        "gate": (f"{_HERE}.gate:gate", "Gates: create, list, show, check, discover, resolve, add-waiter."),
        "merge-slot": (f"{_HERE}.slot:merge_slot", "A slot that one at a time may hold."),
        "ship": (f"{_HERE}.replace:ship", "Provide what other projects wait for."),
        "formula": (f"{_HERE}.formula:formula", "Formulas: list, show, convert."),
        "cook": (f"{_HERE}.cook:cook", "Work out the steps of a formula."),
        "mol": (f"{_HERE}.mol:mol", "Molecules: pour, wisp, bond, squash, burn, distill, current..."),
    },
    "Maintenance": {
        "batch": (f"{_HERE}.batch:batch", "Do many small operations, all or none."),
        "gc": (f"{_HERE}.upkeep:gc", "Let old closed beads decay (a preview without --force)."),
        "prune": (f"{_HERE}.upkeep:prune", "Delete closed beads by age or id (a preview without --force)."),
        "purge": (f"{_HERE}.upkeep:purge", "Take closed wisps out of the store (a preview without --force)."),
        "rename": (f"{_HERE}.rename:rename", "Give a bead another id, everywhere."),
        "rename-prefix": (f"{_HERE}.rename:rename_prefix", "Give every bead of the store another prefix."),
        "audit": (f"{_HERE}.audit:audit", "What agents say that they did: record, label, list."),
        "upgrade": (f"{_HERE}.audit:upgrade", "Versions that were taken note of."),
        "preflight": (f"{_HERE}.lint:preflight", "Say what is left before a push."),
        "admin": (f"{_HERE}.admin:admin", "Compact what closed long ago, and clean up."),
        "migrate": (f"{_HERE}.store:migrate", "Bring the store to this version's schema, or back."),
        "backup": (f"{_HERE}.store:backup", "Copies of the store: init, sync, restore, remove, status."),
        "sql": (f"{_HERE}.store:sql", "Run one SQL statement; read-only without --write."),
        "doctor": (f"{_HERE}.doctor:doctor", "Check the store; --fix mends what can be mended."),
    },
}
# After these, verbs that are given no id act on the same bead.
_TOUCHING = frozenset({"create", "q", "update", "show", "close"})
ALIASES = {"new": "create", "view": "show", "done": "close", "stats": "status", "find-dups": "find-duplicates"}


def _elsewhere(name: str) -> click.Command | None:
    """The answer to a command of another backend."""
    from gastown.cli.bd.elsewhere import INSTEAD, command_for

    return command_for(name) if name in INSTEAD else None


@click.group("bd", cls=LazyGroup, sections=SECTIONS, aliases=ALIASES, unlisted=_elsewhere)
@click.version_option(__version__, prog_name="bd", message="%(prog)s version %(version)s")
@click.option("--town", type=click.Path(path_type=Path), help="The town (default: around here).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def bd(context: Context, town: Path | None, as_json: bool) -> None:
    """Beads: work items, and what waits for what. Of the town around here, or of a folder's own store.

    \b
    First steps:
      bd create "Fix the login" --rig app -p 1
      bd ready
      bd show app-a1b2
      bd dep add app-c3d4 app-a1b2     c3d4 waits for a1b2
      bd close app-a1b2 -r "Fixed"
    """
    context.json = context.json or as_json
    if context.session_pass is None:
        context.town = town.absolute() if town else context.town
        context.obey_environment()


@bd.result_callback()
@click.pass_context
def after(ctx: click.Context, /, result: object, **_said: object) -> object:
    """Note the bead that the command was about, and write the exchange file if the store's keys ask for that."""
    context, verb = ctx.find_object(Context), str(ctx.invoked_subcommand)
    if context is not None and context.touched and ALIASES.get(verb, verb) in _TOUCHING:
        from gastown.cli.bd.scope import keep_touched

        keep_touched(context)
    may_export = context is not None and context.session_pass is None and not context.sandbox and verb != "sync"
    if context is not None and may_export and context.has_written:
        from gastown.cli.bd.exchange import export_after

        export_after(context)
    return result


bd.params += global_options()
