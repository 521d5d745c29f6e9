"""Sessions: an agent's process, from its worktree and prompt to its exit.

A worker thread supervises one session: it claims or adopts the attempt, prepares the worktree, has a keeper start the
agent, answers the agent's `gt` and `bd`, and books how it ended. The session outlives the worker: the next one on the
host adopts it. Not here: what an attempt is (`gastown.assignments`), what a runtime is (`gastown.runtimes`).
"""

from gastown.sessions.book import LeaseBook
from gastown.sessions.channel import Answer, Ask
from gastown.sessions.freeze import keep_frozen
from gastown.sessions.leftovers import Leftovers, has_ended_unbooked, list_orphans, sweep_leftovers
from gastown.sessions.office import Office
from gastown.sessions.paths import latest_run_dir, run_dir, session_dir, socket_path
from gastown.sessions.primer import Primer, load_hook, load_primer, render
from gastown.sessions.readiness import Halted, NotReady, check_not_halted, check_submission
from gastown.sessions.supervise import see_off, supervise
from gastown.sessions.take import is_dead_here, make_holder
from gastown.sessions.upkeep import Tidied, tidy_host
from gastown.sessions.worksite import site_of

__all__ = [
    "Answer",
    "Ask",
    "Halted",
    "LeaseBook",
    "Leftovers",
    "NotReady",
    "Office",
    "Primer",
    "Tidied",
    "check_not_halted",
    "check_submission",
    "has_ended_unbooked",
    "is_dead_here",
    "keep_frozen",
    "latest_run_dir",
    "list_orphans",
    "load_hook",
    "load_primer",
    "make_holder",
    "render",
    "run_dir",
    "see_off",
    "session_dir",
    "site_of",
    "socket_path",
    "supervise",
    "sweep_leftovers",
    "tidy_host",
]
