"""A rig's merge queue: takes the commits that agents submit, tests them merged with the target, lands what is green.

Deterministic code, never a model. Invariants:
  - a tree lands only with a green verdict of its own (or in a rig that says it has no gates), on a green target;
  - nobody is returned as red but by two red runs of its own tree, with all that boarded its train before it decided;
  - one request a bead is open, one intent a rig, one gate run a tree and configuration;
  - an intent is written before the push and stays open until the remote has shown what became of it;
  - request, head, intent, bead and convoy change in the one transaction that records the landing;
  - whatever holds the queue up that is not the change's own doing costs nobody a retry.
One step at a time works on a rig, under the lease `refinery:<rig>`; gates run elsewhere. States are in `models.py`. A
step moves the trains (`train.py`, `trains.py`): `planning.py` decides from the evidence of gate runs (`evidence.py`)
what to do next.
"""

from gastown.refinery import replay
from gastown.refinery.blocked import Blocked, find_blocked, read_blocked
from gastown.refinery.by_hand import NotInQueue, pause, reject, resume, withdraw
from gastown.refinery.checkpoints import Checkpoint, say_checkpoint
from gastown.refinery.command import Stopped
from gastown.refinery.desk import Hooks
from gastown.refinery.direct import NotAtOnce, Standing, check_at_once, hurry, stand
from gastown.refinery.figures import EJECTED, RigFigures, Train, figures
from gastown.refinery.gate_figures import GateFigures, gate_figures
from gastown.refinery.gate_logs import GateLog, Match, get_run, list_last_runs, logs_of, search
from gastown.refinery.gate_runs import free_orphans, list_orphans
from gastown.refinery.gates import GateRunResult, run_gates
from gastown.refinery.leftovers import branches_of, call_off_unwanted, landed_as, list_needed
from gastown.refinery.lifecycle import LandsNow, StaleSubmit, cancel, submit
from gastown.refinery.looks import retry
from gastown.refinery.models import (
    OPEN_REQUESTS,
    TRANSITIONS,
    GateRun,
    IntentState,
    LandingIntent,
    MergeHead,
    MergeRequest,
    Refinery,
    RequestState,
    RunState,
    Verdict,
)
from gastown.refinery.overview import (
    NextUp,
    QueueItem,
    RigStatus,
    TargetCommit,
    list_next,
    list_queue,
    red_first_parents,
    status,
)
from gastown.refinery.planning import Mode
from gastown.refinery.queries import IN_QUEUE, find_open, list_for_bead, list_heads
from gastown.refinery.recheck import Tried, recheck, try_gates
from gastown.refinery.simulation import Figures, simulate
from gastown.refinery.step import StepResult, lease_name, step
from gastown.refinery.ticks import any_work, count_running, list_requested, list_unseen, ring_all, tick_rigs
from gastown.refinery.tidying import Traces

__all__ = [
    "EJECTED",
    "IN_QUEUE",
    "OPEN_REQUESTS",
    "TRANSITIONS",
    "Blocked",
    "Checkpoint",
    "Figures",
    "GateFigures",
    "GateLog",
    "GateRun",
    "GateRunResult",
    "Hooks",
    "IntentState",
    "LandingIntent",
    "LandsNow",
    "Match",
    "MergeHead",
    "MergeRequest",
    "Mode",
    "NextUp",
    "NotAtOnce",
    "NotInQueue",
    "QueueItem",
    "Refinery",
    "RequestState",
    "RigFigures",
    "RigStatus",
    "RunState",
    "StaleSubmit",
    "Standing",
    "StepResult",
    "Stopped",
    "TargetCommit",
    "Traces",
    "Train",
    "Tried",
    "Verdict",
    "any_work",
    "branches_of",
    "call_off_unwanted",
    "cancel",
    "check_at_once",
    "count_running",
    "figures",
    "find_blocked",
    "find_open",
    "free_orphans",
    "gate_figures",
    "get_run",
    "hurry",
    "landed_as",
    "lease_name",
    "list_for_bead",
    "list_heads",
    "list_last_runs",
    "list_needed",
    "list_next",
    "list_orphans",
    "list_queue",
    "list_requested",
    "list_unseen",
    "logs_of",
    "pause",
    "read_blocked",
    "recheck",
    "red_first_parents",
    "reject",
    "replay",
    "resume",
    "retry",
    "ring_all",
    "run_gates",
    "say_checkpoint",
    "search",
    "simulate",
    "stand",
    "status",
    "step",
    "submit",
    "tick_rigs",
    "try_gates",
    "withdraw",
]
