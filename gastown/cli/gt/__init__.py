"""`gt`: the town from the command line. One file a noun; this page is the list."""

from pathlib import Path

import click

from gastown import __version__
from gastown.cli.commands import LazyGroup
from gastown.cli.context import Context

_HERE = "gastown.cli.gt"
COMMANDS = {
    "install": (f"{_HERE}.town:install", "Make a town in a folder."),
    "up": (f"{_HERE}.town:up", "Start the town; returns when it is ready."),
    "down": (f"{_HERE}.town:down", "Stop the town's processes; agents run on in their grace."),
    "shutdown": (f"{_HERE}.town:shutdown", "Save the agents' work, end them, stop the town."),
    "run": (f"{_HERE}.town:run", "Become one of the town's processes (for systemd and containers)."),
    "status": (f"{_HERE}.town:status", "Show services, rigs, agents and queues."),
    "rig": (f"{_HERE}.rig:rig", "Repositories: add, list, remove, park, dock."),
    "sling": (f"{_HERE}.sling:sling", "Give beads to a rig: agents start at once."),
    "unsling": (f"{_HERE}.sling:unsling", "Take a bead off its hook; its work is kept on its branch."),
    "hook": (f"{_HERE}.agent:hook", "Show what hangs on an agent's hook."),
    "prime": (f"{_HERE}.agent:prime", "Tell an agent who it is and what to do."),
    "done": (f"{_HERE}.agent:done", "Submit finished work to the merge queue (agents)."),
    "handoff": (f"{_HERE}.agent:handoff", "End this session with a note for the next one (agents)."),
    "convoy": (f"{_HERE}.convoy:convoy", "Beads that travel together: create, list, status."),
    "gate": (f"{_HERE}.gate:gate", "What work must pass: list, add, set, run, log."),
    "mq": (f"{_HERE}.mq:mq", "The merge queues: list, next, submit, reject, pause, stats."),
    "land": (f"{_HERE}.land:land", "Land a branch of the remote; wait until it has."),
    "refinery": (f"{_HERE}.refinery:refinery", "The refineries at work: status, queue, blocked."),
    "metrics": (f"{_HERE}.metrics:metrics", "Figures of the town in the Prometheus text format."),
    "estop": (f"{_HERE}.halt:estop", "Stop everything at once; agents are frozen where they are."),
    "thaw": (f"{_HERE}.halt:thaw", "End an emergency stop; everything goes on where it was."),
    "scheduler": (f"{_HERE}.halt:scheduler", "Dispatch: pause, resume, status, list, run."),
    "feed": (f"{_HERE}.feed:feed", "What happens, as it happens."),
    "log": (f"{_HERE}.feed:log", "A bead's whole story."),
    "events": (f"{_HERE}.events:events", "The log: verify, at, snapshot, prune."),
    "peek": (f"{_HERE}.agent:peek", "An agent's live output."),
    "doctor": (f"{_HERE}.doctor:doctor", "Check the town; say what to mend."),
    "config": (f"{_HERE}.config:config_group", "Town-wide settings: get, set, list."),
    "resident": (f"{_HERE}.resident:resident", "The process that makes commands quick: status, stop."),
    "db": (f"{_HERE}.db:db", "The database's schema: upgrade, version."),
    "demo": (f"{_HERE}.demo:demo", "Watch a whole town work, with faults, in under a minute."),
    "chaos": (f"{_HERE}.chaos:chaos", "Break a town on purpose; prove that nothing is lost."),
    "help": (f"{_HERE}.help:help_topic", "Read a page of the documentation."),
    "completion": (f"{_HERE}.help:completion", "Print the completion script of a shell."),
}


@click.group("gt", cls=LazyGroup, lazy=COMMANDS, aliases={"stat": "status", "mr": "mq"})
@click.version_option(__version__, prog_name="gt")
@click.option("--town", type=click.Path(path_type=Path), help="The town's folder (default: the one around here).")
@click.option("--actor", help="Who acts (default: git's user name).")
@click.pass_obj
def gt(context: Context, town: Path | None, actor: str | None) -> None:
    """Gas Town: run many coding agents on many repositories and get their work onto main.

    \b
    First steps:
      gt demo                                    watch it work
      gt install ~/town && cd ~/town && gt up    make a town and start it
      gt rig add app https://example.com/app.git --gate test='pytest -q'
      bd create "Fix the login" --rig app && gt sling app-a1b2 app
    """
    if context.session_pass is None:
        context.town = town.absolute() if town else context.town
        context.actor_given = actor or context.actor_given
