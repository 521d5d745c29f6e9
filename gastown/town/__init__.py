"""The town: one installation, its services on this host, its ticks, and what adding a rig means.

Not here: what each noun does (they are below) and how commands are spelt (`gastown.cli`). A town is a folder with
`town.toml` on each host, and one database that all its hosts share.
"""

from gastown.town.caller import Caller
from gastown.town.models import Worker
from gastown.town.pace import hello_s, look_s
from gastown.town.presence import forget_worker, hosts_at_work, list_workers, note_worker
from gastown.town.reconciling import reconcile, sweep_outbox, tidy_host
from gastown.town.ticks import patrol, patrol_host, run_overdue

__all__ = [
    "Caller",
    "Worker",
    "forget_worker",
    "hello_s",
    "hosts_at_work",
    "list_workers",
    "look_s",
    "note_worker",
    "patrol",
    "patrol_host",
    "reconcile",
    "run_overdue",
    "sweep_outbox",
    "tidy_host",
]
