"""Everything that can happen. Names are `noun.past_tense` and part of the stored format."""

from enum import StrEnum


class EventKind(StrEnum):
    """The kind of an event row."""

    # beads
    BEAD_CREATED = "bead.created"
    BEAD_UPDATED = "bead.updated"
    BEAD_STATUS_CHANGED = "bead.status_changed"
    BEAD_CLAIMED = "bead.claimed"
    BEAD_CLOSED = "bead.closed"
    BEAD_REOPENED = "bead.reopened"
    BEAD_ESCALATED = "bead.escalated"
    BEAD_IMPORTED = "bead.imported"
    BEAD_DELETED = "bead.deleted"
    BEAD_COMMENTED = "bead.commented"
    DEPENDENCY_ADDED = "dependency.added"
    DEPENDENCY_REMOVED = "dependency.removed"
    LABEL_ADDED = "label.added"
    LABEL_REMOVED = "label.removed"
    BEAD_COMPACTED = "bead.compacted"  # with the texts that it replaced
    BEAD_RENAMED = "bead.renamed"
    BEAD_PURGED = "bead.purged"  # its row is gone for good
    BEAD_AUDITED = "bead.audited"  # what an agent says that it did (bd audit)
    STORE_CONFIGURED = "store.configured"  # a key of the store; no value: unset
    # rigs
    RIG_ADDED = "rig.added"
    RIG_REMOVED = "rig.removed"
    RIG_PARKED = "rig.parked"
    RIG_UNPARKED = "rig.unparked"
    RIG_DOCKED = "rig.docked"
    RIG_UNDOCKED = "rig.undocked"
    RIG_FROZEN = "rig.frozen"
    RIG_THAWED = "rig.thawed"
    RIG_UPDATED = "rig.updated"
    QUEUE_PAUSED = "rig.queue_paused"
    QUEUE_RESUMED = "rig.queue_resumed"
    # agents
    POLECAT_NAMED = "polecat.named"
    POLECAT_UPDATED = "polecat.updated"
    # assignments: one attempt at a bead each
    ASSIGNMENT_SLUNG = "assignment.slung"
    ASSIGNMENT_OFFERED = "assignment.offered"
    ASSIGNMENT_CLAIMED = "assignment.claimed"
    ASSIGNMENT_ADOPTED = "assignment.adopted"
    ASSIGNMENT_DETACHED = "assignment.detached"
    ASSIGNMENT_SUBMITTED = "assignment.submitted"
    ASSIGNMENT_ENDED = "assignment.ended"
    ASSIGNMENT_STOP_ASKED = "assignment.stop_asked"
    ASSIGNMENT_RESTART_ASKED = "assignment.restart_asked"
    ASSIGNMENT_NOTED = "assignment.noted"
    # sessions: one run of an agent's process each
    SESSION_STARTED = "session.started"
    SESSION_ENDED = "session.ended"
    SESSION_NUDGED = "session.nudged"
    WORK_SAVED = "work.saved"
    # convoys
    CONVOY_CREATED = "convoy.created"
    CONVOY_MEMBER_ADDED = "convoy.member_added"
    CONVOY_LANDED = "convoy.landed"
    CONVOY_REOPENED = "convoy.reopened"  # work was added
    # refinery
    REQUEST_SUBMITTED = "request.submitted"
    REQUEST_BOARDED = "request.boarded"
    REQUEST_SET_ASIDE = "request.set_aside"  # the train is red with it: its own tree is tried again, the others go on
    REQUEST_RETESTED = "request.retested"  # waits for another run of the tree that it boarded with
    REQUEST_REQUEUED = "request.requeued"
    REQUEST_HURRIED = "request.hurried"  # into the hotfix lane
    REQUEST_RETURNED = "request.returned"
    REQUEST_PULL_OPENED = "request.pull_opened"  # or its open pull request was given another head
    REQUEST_PULL_WAITS = "request.pull_waits"  # for something else than before
    REQUEST_PULL_CLOSED = "request.pull_closed"  # by the queue, its request having been called off
    REQUEST_LANDED = "request.landed"
    REQUEST_CANCELLED = "request.cancelled"
    GATE_RUN_REQUESTED = "gate_run.requested"
    GATE_RUN_STARTED = "gate_run.started"
    GATE_RUN_FINISHED = "gate_run.finished"
    GATE_RUN_ADVISED = "gate_run.advised"
    GATE_RUN_EXPIRED = "gate_run.expired"
    GATE_RUN_CANCELLED = "gate_run.cancelled"
    VERDICTS_VOIDED = "gate_run.verdicts_voided"
    LANDING_INTENDED = "landing.intended"
    LANDING_VOIDED = "landing.voided"
    TARGET_RED = "target.red"
    TARGET_GREEN = "target.green"
    TARGET_MOVED = "target.moved"  # and is as red or green as before
    TARGET_FOUND = "target.found"  # when the town first saw it
    # town
    TOWN_FOUNDED = "town.founded"
    SNAPSHOT_ROWS = "snapshot.rows"  # a piece of the state tables, as they are
    SNAPSHOT_TAKEN = "snapshot.taken"  # the last piece: replay may start here
    LOG_PRUNED = "log.pruned"  # of what is older than a snapshot
    SETTING_CHANGED = "setting.changed"
    WORKER_STARTED = "worker.started"
    WORKER_STOPPED = "worker.stopped"
    WORKER_LOST = "worker.lost"
    FINDING_RAISED = "finding.raised"  # by a patrol: somebody should know
    FINDING_MENDED = "finding.mended"  # what a patrol or `gt doctor --fix` did about it
    FINDING_CLEARED = "finding.cleared"


# Facts from which something follows in a higher noun; `workers/reactions.py` says what.
REACTED = frozenset(
    {
        EventKind.BEAD_CLOSED,
        EventKind.BEAD_ESCALATED,
        EventKind.BEAD_DELETED,
        EventKind.DEPENDENCY_REMOVED,
        EventKind.ASSIGNMENT_ENDED,
        EventKind.ASSIGNMENT_SUBMITTED,
        EventKind.POLECAT_UPDATED,
        EventKind.RIG_UNPARKED,
    }
)
