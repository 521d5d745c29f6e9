"""The merge queue: I9 to I16, from the log, the tables and each rig's remote."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import timedelta

from gastown.beads import BeadStatus
from gastown.chaos.evidence import CONFLICT, Commit, Evidence, Invariant, Repository, Row
from gastown.chaos.reading import by_payload, collected, has_wrong_clock, indexed, moments, of_kind, setting, table
from gastown.events import EventKind
from gastown.refinery import RequestState, Verdict

GREEN = frozenset({Verdict.PASS.value, Verdict.FLAKY.value})
# Returns that say that the change itself is at fault by the verdict of gates.
BY_GATES = frozenset({"red", "gates_cannot_run"})
_REDS = 2
# A remote's clock has whole seconds.
_WHOLE_SECONDS = timedelta(seconds=2)


def _landings(evidence: Evidence) -> dict[str, list[Row]]:
    """The landings of each rig, in order."""
    found: dict[str, list[Row]] = defaultdict(list)
    for event in of_kind(evidence, EventKind.REQUEST_LANDED):
        found[event["rig"]].append(event)
    return found


def _made_commit(landing: Row) -> bool:
    """Whether the landing put a commit on the target; else its head was part of it already."""
    return bool(landing["payload"]["sha"] != landing["payload"]["base"])


def _named(commit: Commit) -> list[tuple[str, str]]:
    """The request and bead of each rider."""
    return list(zip(commit.trailers.get("Request", ()), commit.trailers.get("Bead", ()), strict=False))


@collected
def lands_once(evidence: Evidence) -> Iterator[str]:
    """I9. By request and by bead, in the log and on the target."""
    for rig, landings in _landings(evidence).items():
        yield from _twice(landings, rig)
        repository = evidence.repositories.get(rig)
        if repository is not None:
            yield from _trailers(repository, landings)
    for repository in evidence.repositories.values():
        for name in ("Request", "Bead"):
            yield from _trailer_twice(repository, name)


def _twice(landings: list[Row], rig: str) -> Iterator[str]:
    seen: set[object] = set()
    for event in landings:
        both = (event["payload"]["request"], event["bead_id"])
        yield from (f"{rig}: {one} landed again (event {event['id']})" for one in both if one in seen)
        seen.update(both)


def _trailers(repository: Repository, landings: list[Row]) -> Iterator[str]:
    line = {commit.oid: commit for commit in repository.first_parents}
    for event in landings:
        commit = line.get(event["payload"]["sha"])
        if not _made_commit(event):
            continue
        if commit is None:
            yield f"{repository.rig}: {event['bead_id']} landed as {event['payload']['sha']}, which is not on the line"
        elif (str(event["payload"]["request"]), event["bead_id"]) not in _named(commit):
            yield f"{repository.rig}: {commit.oid} says it is {dict(commit.trailers)}, the log says {event['bead_id']}"


def _trailer_twice(repository: Repository, name: str) -> Iterator[str]:
    seen: dict[str, str] = {}
    for commit in repository.first_parents:
        for value in commit.trailers.get(name, ()):
            if value in seen:
                yield f"{repository.rig}: {commit.oid} and {seen[value]} are both of {name} {value}"
            seen[value] = commit.oid


@collected
def closed_is_landed(evidence: Evidence) -> Iterator[str]:
    """I10. Both ways, for the beads of the rigs that were looked at."""
    beads, requests, heads = (indexed(evidence, name) for name in ("beads", "merge_requests", "merge_heads"))
    of_bead = {row["bead_id"]: row for row in requests.values() if row["state"] == RequestState.LANDED}
    for name, row in beads.items():
        if row["status"] == BeadStatus.CLOSED and row["landed_sha"]:
            request = of_bead.get(name)
            if request is None or request["landed_oid"] != row["landed_sha"]:
                yield f"{name}: closed as landed in {row['landed_sha']}, and no request of it landed so"
    for name, request in of_bead.items():
        repository = evidence.repositories.get(request["rig"])
        head = heads.get(request["head_id"], {}).get("head_oid", "")
        for oid in (request["landed_oid"], head) if repository is not None else ():
            if repository is not None and oid not in repository.reachable:
                yield f"{name}: {oid or 'its head'} is not in {repository.rig}'s target, its request landed"
        if beads.get(name, {}).get("status") != BeadStatus.CLOSED:
            yield f"{name}: its request landed, the bead is {beads.get(name, {}).get('status', 'nowhere')}"
    yield from _unrecorded(evidence)


def _unrecorded(evidence: Evidence) -> Iterator[str]:
    """Our commits on a target whose landing was never written down."""
    landed = {(event["payload"]["sha"], event["bead_id"]) for event in of_kind(evidence, EventKind.REQUEST_LANDED)}
    for repository in evidence.repositories.values():
        for commit in repository.first_parents:
            for bead in commit.trailers.get("Bead", ()):
                if (commit.oid, bead) not in landed:
                    yield f"{repository.rig}: {commit.oid} of {bead} is on the line, not in the log"


@collected
def every_tree_was_green(evidence: Evidence) -> Iterator[str]:
    """I11. The verdict is older than the intent to land, and for a commit of others than the next landing on it."""
    green = _green_verdicts(evidence)
    free = {row["name"] for row in table(evidence, "rigs") if row["no_gates"]}
    intended = by_payload(of_kind(evidence, EventKind.LANDING_INTENDED), "new")
    for rig, repository in evidence.repositories.items():
        yield from (f"{rig}: {oid} fails the gates when they are run again" for oid in repository.red)
        line = repository.first_parents
        for place, commit in enumerate(line):
            after = line[place + 1] if place + 1 < len(line) else None
            ours = next((one for one in (commit, after) if one is not None and one.oid in intended), None)
            if rig in free or ours is None:
                continue  # somebody else's, and nothing of ours was built on it
            before = min(event["id"] for event in intended[ours.oid])
            if not any(number < before for number in green.get((rig, commit.tree), ())):
                yield f"{rig}: {commit.oid} has the tree {commit.tree}, which no gate had passed by event {before}"


def _green_verdicts(evidence: Evidence) -> Mapping[tuple[str, str], list[int]]:
    """The events that say that a tree is green, by rig and tree."""
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for event in of_kind(evidence, EventKind.GATE_RUN_FINISHED):
        if event["payload"]["verdict"] in GREEN:
            found[event["rig"], event["payload"]["tree"]].append(event["id"])
    return found


@collected
def never_rewinds(evidence: Evidence) -> Iterator[str]:
    """I12. Every value of the target is on its line, in the line's order, and nothing was taken back."""
    for rig, repository in evidence.repositories.items():
        yield from (f"{rig}: the target left {oid}" for oid in repository.rewinds)
        place = {commit.oid: number for number, commit in enumerate(repository.first_parents)}
        values = [place.get(oid, -1) for oid in repository.target_values]
        if -1 in values or values != sorted(set(values)):
            yield f"{rig}: the values of the target are not its line in order"
        if repository.target_values and values[-1] != len(place) - 1:
            yield f"{rig}: the target's last value is not the end of its line"


@collected
def lands_what_was_gated(evidence: Evidence) -> Iterator[str]:
    """I13."""
    trees = {event["payload"]["run"]: event["payload"] for event in of_kind(evidence, EventKind.GATE_RUN_REQUESTED)}
    for rig, landings in _landings(evidence).items():
        repository = evidence.repositories.get(rig)
        line = {commit.oid: commit for commit in repository.first_parents} if repository else {}
        for event in landings:
            said = event["payload"]
            run = trees.get(said.get("run"))
            if run is not None and run["tree"] != said["tree"]:
                yield f"{rig}: {event['bead_id']} landed the tree {said['tree']}, gated was {run['tree']}"
            commit = line.get(said["sha"])
            if commit is not None and _made_commit(event):
                yield from _as_said(event, commit)
    for repository in evidence.repositories.values():
        yield from (f"{repository.rig}: {what}" for what in repository.undone)


def _as_said(event: Row, commit: Commit) -> Iterator[str]:
    said = event["payload"]
    if commit.tree != said["tree"]:
        yield f"{event['rig']}: {commit.oid} has the tree {commit.tree}, gated was {said['tree']}"
    if not commit.parents or commit.parents[0] != said["base"]:
        yield f"{event['rig']}: {commit.oid} does not stand on {said['base']}, on which it was gated"


@collected
def ejects_only_the_guilty(evidence: Evidence) -> Iterator[str]:
    """I14."""
    yield from wrong_ejections(evidence)
    requested = {event["payload"]["run"]: event for event in of_kind(evidence, EventKind.GATE_RUN_REQUESTED)}
    verdicts: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for event in of_kind(evidence, EventKind.GATE_RUN_FINISHED):
        asked = requested.get(event["payload"]["run"])
        if asked is not None:
            verdicts[event["rig"], asked["payload"]["tree"], asked["payload"].get("config", "")].append(event)
    for event in of_kind(evidence, EventKind.REQUEST_RETURNED):
        if event["payload"]["reason"] not in BY_GATES:
            continue
        asked = requested.get(event["payload"].get("run"))
        key = (event["rig"], asked["payload"]["tree"], asked["payload"].get("config", "")) if asked else ("", "", "")
        before = [past["payload"]["verdict"] for past in verdicts[key] if past["id"] < event["id"]]
        is_red = event["payload"]["reason"] == "red"
        against = before.count(Verdict.FAIL.value) if is_red else len(before) - before.count(Verdict.FAIL.value)
        needed = _REDS if is_red else setting(evidence, "refinery.max_infrastructure_retries")
        if against < needed or GREEN & set(before):
            yield f"{event['bead_id']}: returned by gates (event {event['id']}); the runs of its tree said {before}"


def wrong_ejections(evidence: Evidence) -> Iterator[str]:
    """Returns of requests with which nothing was wrong.

    Gates may blame a bead that is bad on purpose only. That a head conflicts, or changes nothing, is asked of git
    itself, which merges the same two commits again; where their objects are gone the return is believed.
    """
    guilty = evidence.bad | evidence.hopeless
    for event in of_kind(evidence, EventKind.REQUEST_RETURNED):
        said, bead = event["payload"], event["bead_id"]
        repository = evidence.repositories.get(event["rig"])
        target, reason = str(said.get("target", "")), said["reason"]
        merged = repository.merges.get((target, said["head"])) if repository else None
        unchanged = repository.trees.get(target) if repository else None
        is_wrong = {
            "conflict": merged is not None and merged != CONFLICT,
            "no_change": merged is not None and merged != unchanged,
        }.get(reason, bead not in guilty if reason in BY_GATES else True)
        if is_wrong:
            yield f"{bead}: returned as {reason} by event {event['id']}, and nothing is wrong with it"


@collected
def lands_in_boarding_order(evidence: Evidence) -> Iterator[str]:
    """I15. By rig and priority; one that is landed without a gate run boards with its intent."""
    boarded: dict[int, int] = {}
    priority: dict[int, int] = {}
    newest: dict[tuple[str, int], int] = defaultdict(int)
    for event in evidence.events:
        request = event["payload"].get("request")
        if event["kind"] == EventKind.REQUEST_SUBMITTED:
            priority[request] = event["payload"].get("priority", 0)
            boarded.pop(request, None)
        elif event["kind"] == EventKind.REQUEST_BOARDED:
            boarded[request] = event["id"]
        elif event["kind"] in (EventKind.REQUEST_REQUEUED, EventKind.LANDING_VOIDED, EventKind.REQUEST_RETURNED):
            boarded.pop(request, None)
        elif event["kind"] == EventKind.LANDING_INTENDED:
            boarded.setdefault(request, event["id"])
        elif event["kind"] == EventKind.REQUEST_LANDED:
            key = (event["rig"], priority.get(request, 0))
            if boarded.get(request, 0) < newest[key]:
                yield f"{event['rig']}: {event['bead_id']} landed after one that boarded later (event {event['id']})"
            newest[key] = max(newest[key], boarded.get(request, 0))


@collected
def branches_outlive_requests(evidence: Evidence) -> Iterator[str]:
    """I16. Those of open requests are there; a deleted one was deleted after its request's end."""
    requests = indexed(evidence, "merge_requests")
    when, over = moments(evidence), {}
    for event in of_kind(evidence, EventKind.REQUEST_LANDED, EventKind.REQUEST_CANCELLED):
        over[event["payload"]["request"]] = when[event["id"]]
    for head in table(evidence, "merge_heads"):
        request = requests.get(head["request_id"], {})
        repository = evidence.repositories.get(request.get("rig", ""))
        if repository is None:
            continue
        branch, end = head["branch"], over.get(head["request_id"])
        if end is None and branch not in repository.branches:
            yield f"{repository.rig}: the branch {branch} is gone, request {head['request_id']} is {request['state']}"
        gone_at = repository.deleted_branches.get(branch)
        if end is not None and gone_at is not None and gone_at + _WHOLE_SECONDS < end and not has_wrong_clock(evidence):
            yield f"{repository.rig}: the branch {branch} went at {gone_at}, its request ended at {end}"


MERGE = (
    Invariant("I9", "A request lands once at most, and the target's trailers say the same.", lands_once),
    Invariant("I10", "A bead is closed as landed if, and only if, its commit is in the target.", closed_is_landed),
    Invariant("I11", "Every commit of the target's line had a green verdict first.", every_tree_was_green),
    Invariant("I12", "The target never goes back.", never_rewinds),
    Invariant("I13", "What landed is what was gated, and nothing that had landed is undone.", lands_what_was_gated),
    Invariant(
        "I14", "Only what failed twice is returned as red, and nothing good is returned.", ejects_only_the_guilty
    ),
    Invariant("I15", "Requests of one priority land in the order in which they boarded.", lands_in_boarding_order),
    Invariant("I16", "No branch is deleted before its request is over.", branches_outlive_requests),
)
