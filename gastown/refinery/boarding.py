"""Who is aboard a train, in which order, and the candidate of each: its head on top of those of all who sit before."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from gastown import assignments, clock, git
from gastown.git import Conflicted
from gastown.refinery import areas, intents, lifecycle, ordering, pulls, queries, ties
from gastown.refinery.candidate import Workbench, ground, put_on, sides, stack
from gastown.refinery.desk import Desk, Entry, View
from gastown.refinery.evidence import Line
from gastown.refinery.guard import judge_tree
from gastown.refinery.landing import Move, rest
from gastown.refinery.lifecycle import Candidate, Seat
from gastown.refinery.models import RequestState
from gastown.refinery.planning import Prefix

# A commit that no host and no remote shows for so long, since it was first looked for, will not come any more.
HEAD_PATIENCE = timedelta(minutes=10)
# Requests that do not go together with those aboard are tried again at every look; so many of them.
MOST_TRIED = 50
# Those whose train is full are passed over, for the sake of other trains, by so many at a look.
MOST_PASSED = 200
# Seats are given and candidates written in one transaction for so many.
BATCH = 50


def keep_order(desk: Desk, view: View, target: str, line: Line) -> Move | None:
    """Build the candidates anew from the first on that is not what it should be; None where all are.

    Somebody before it left the train, or the target moved by other hands. The order of boarding stays.
    """
    train = view.train
    place = next((i for i in range(len(train)) if not _is_right(view, train, i, line)), None)
    known = train[:place]
    if known and not _is_here(desk, view, known[-1]):
        place = 0
    if place is None:
        return None
    now = clock.now()
    below = candidate_of(train[place - 1]) if place else ground(view.repository, target, now)
    kept: list[tuple[Entry, Candidate]] = []
    gone: list[tuple[Entry, str]] = []
    view.repository.bring_all(entry.change.head for entry in train[place:])
    tied = tied_by_beads(desk, view).with_commits(view.repository, target)
    ahead = [number_of(entry) for entry in train[:place]]
    with view.repository.workbench() as bench:
        for entry in train[place:]:
            number = number_of(entry)
            if tied.holds(number, ahead):
                gone.append((entry, tied.say(number)))
                continue
            made = _put(view, bench, below, entry) if below.riders or not _is_in(view, entry, target) else None
            if made is None:  # it waits for those before it, or is told of its conflict when its turn comes
                gone.append((entry, "it does not go together with those before it"))
                continue
            kept.append((entry, made))
            ahead.append(number)
            below = made
    with desk.write() as session:
        fence = desk.proof.fence
        for entry, why in gone:
            lifecycle.requeue(session, entry.change.request, actor=desk.actor, lease=fence, why=why)
        for entry, made in kept:
            request = entry.change.request
            seat = Seat(request.seat or 0, view.area_of(entry))
            lifecycle.board(session, request, made, seat=seat, actor=desk.actor, lease=fence)
    return Move(acted=True, target=target)


def _is_here(desk: Desk, view: View, entry: Entry) -> bool:
    """Whether this host has the candidate, and all those below it; one that another host built is built here, too."""
    request, repository = entry.change.request, view.repository
    if repository.has(request.candidate_oid):
        return True
    with desk.write() as session:
        heads = queries.list_heads_by_number(session, request.riders)
    try:
        made = stack(repository, heads, request.base_oid, clock.now())
    except git.ObjectMissing:
        return False
    return not isinstance(made, Conflicted) and made.commit_oid == request.candidate_oid


def _is_right(view: View, train: Sequence[Entry], place: int, line: Line) -> bool:
    request = train[place].change.request
    since = line.get(request.base_oid)
    if since is None or request.area != view.area_of(train[place]):
        return False
    heads = tuple(entry.change.head.id or 0 for entry in train[: place + 1])
    return tuple(request.riders) == since + heads


def number_of(entry: Entry) -> int:
    """The number of an entry's request."""
    return entry.change.request.id or 0


def candidate_of(entry: Entry) -> Candidate:
    """The candidate of one who is aboard."""
    request = entry.change.request
    made_at = request.boarded_at or request.queued_at
    return Candidate(request.base_oid, request.candidate_oid, request.tree_oid, made_at, tuple(request.riders))


def _put(view: View, bench: Workbench, below: Candidate, entry: Entry) -> Candidate | None:
    """None where the two do not go together, or the head is not to be had just now."""
    try:
        view.repository.bring(entry.change.head.head_oid, entry.change.head.branch)
    except git.ObjectMissing:
        return None
    made = put_on(bench, below, entry.change.head, clock.now())
    return None if isinstance(made, Conflicted) else made


class Workshop:
    """Builds candidates of trains that leave some riders out or stand on another train, each part of one once."""

    def __init__(self, desk: Desk, view: View, target: str) -> None:
        self._desk = desk
        self._view = view
        self._target = target
        self._tied: ties.Ties | None = None
        self._entries = {entry.change.request.id or 0: entry for entry in view.train}
        self._built: dict[Prefix, Candidate | None] = {}
        for train in view.trains:
            prefix: Prefix = ()
            for entry in train.train:
                prefix = (*prefix, number_of(entry))
                self._built[prefix] = candidate_of(entry)

    def build(self, prefix: Prefix) -> Candidate | None:
        """The candidate of these riders, in this order; None where they do not go together.

        Nor do those go that build on one who is left out.
        """
        done = next(place for place in range(len(prefix), -1, -1) if not place or prefix[:place] in self._built)
        below = self._built[prefix[:done]] if done else ground(self._view.repository, self._target, clock.now())
        with self._view.repository.workbench() as bench:
            for place in range(done, len(prefix)):
                if below is None or self._is_held(prefix, place):
                    below = None
                else:
                    below = _put(self._view, bench, below, self._entries[prefix[place]])
                self._built[prefix[: place + 1]] = below
        return below

    def _is_held(self, prefix: Prefix, place: int) -> bool:
        if self._tied is None:
            said = tied_by_beads(self._desk, self._view)
            self._tied = said.with_commits(self._view.repository, self._target)
        return self._tied.holds(prefix[place], prefix[:place])


def _is_in(view: View, entry: Entry, target: str) -> bool:
    with suppress(git.ObjectMissing):  # of a target that is here all is here
        return git.is_ancestor(view.repository.land, entry.change.head.head_oid, target)
    return False


@dataclass
class _Tail:
    """The end of a train, where the next one boards."""

    below: Candidate
    ahead: list[int]
    left: int

    def add(self, entry: Entry, made: Candidate) -> None:
        self.ahead.append(number_of(entry))
        self.below = made
        self.left -= 1


def board(desk: Desk, view: View, target: str, rooms: Mapping[str, int]) -> Move:
    """Take waiting requests aboard behind those who are there, so many in all on each train; a rest: nobody can be.

    Refused are, each with what it needs to know: what conflicts with the target itself, changes nothing in it, or was
    never brought. What conflicts only with somebody aboard waits until that one has landed or left, and what builds on
    another one until that is aboard before it.
    """
    trains = {area: [entry for entry in view.train if view.area_of(entry) == area] for area in view.areas}
    lefts = {area: min(rooms[area] - len(train), BATCH) for area, train in trains.items()}
    if max(lefts.values()) <= 0:
        return rest(target=target)
    base = None if all(trains.values()) else ground(view.repository, target, clock.now())
    tails = {}
    for area, train in trains.items():
        below = candidate_of(train[-1]) if train else base
        if below is not None:
            tails[area] = _Tail(below, [number_of(entry) for entry in train], lefts[area])
    with view.repository.workbench() as bench:
        return _board(desk, view, target, tails, bench)


def _board(desk: Desk, view: View, target: str, tails: Mapping[str, _Tail], bench: Workbench) -> Move:
    sits = areas.seated(view)
    room = min(sum(max(tail.left, 0) for tail in tails.values()), BATCH)
    boarding: list[tuple[str, Entry, Candidate]] = []
    tried, passed, absent = 0, 0, ""
    for entry, tied in _in_turn(desk, view, target, room):
        if not pulls.may_board(desk, view, entry):
            continue
        if len(boarding) >= room or tried >= MOST_TRIED or passed >= MOST_PASSED:
            break
        if isinstance(tied, Move):
            if tied.acted:
                return tied
            absent = tied.waits_for
            continue
        number = number_of(entry)
        area = areas.choose(view, entry, tied, sits, target)
        tail = tails[area]
        if tail.left <= 0:
            passed += 1
            continue
        if tied.holds(number, tail.ahead):
            absent = absent or f"{entry.change.request.bead_id} {tied.say(number)}"
            continue
        made = put_on(bench, tail.below, entry.change.head, clock.now())
        if not isinstance(made, Conflicted) and made.tree_oid != tail.below.tree_oid:
            boarding.append((area, entry, made))
            tail.add(entry, made)
            sits[number] = area
            continue
        refused = _refuse(desk, view, entry, target, bench)
        if refused is not None:
            return refused
        tried += 1
    return _seat(desk, view, boarding, target) if boarding else rest(absent, target=target)


def _in_turn(desk: Desk, view: View, target: str, room: int) -> Iterator[tuple[Entry, "ties.Ties | Move"]]:
    """Those that wait, in boarding order, with what ties them; or with what came of it where the head is not here.

    So many heads are brought at once as there is room for: only commits that are here say who builds on whom.
    """
    said = tied_by_beads(desk, view)
    order = in_order(view, said.after)
    size = max(1, min(room, BATCH))
    for start in range(0, len(order), size):
        part = order[start : start + size]
        view.repository.bring_all(entry.change.head for entry in part)
        missing = {number_of(entry): move for entry in part if (move := _bring(desk, view, entry, target))}
        tied = said.with_commits(view.repository, target)
        wanted = {number_of(entry) for entry in part}
        for entry in in_order(view, tied.after):
            if number_of(entry) in wanted:
                yield entry, missing.get(number_of(entry), tied)


def _bring(desk: Desk, view: View, entry: Entry, target: str) -> Move | None:
    """Have the head here; else what came of it: it is waited for, or sent back after a while.

    Only what is missing, or what git finds malformed, is the author's to mend: a full disk or a lock is not.
    """
    head = entry.change.head
    try:
        view.repository.bring(head.head_oid, head.branch)
    except (git.ObjectMissing, git.ObjectMalformed) as error:
        with desk.write() as session:
            since = lifecycle.miss_head(session, entry.change.request, actor=desk.actor, lease=desk.proof.fence)
        if clock.now() - since > HEAD_PATIENCE:
            why = f"The commit that was submitted cannot be had: {error.message}"
            return send_back(desk, entry, "missing_commit", {"summary": why, "target": target})
        return rest(error.message, target=target)
    except git.GitFailed as error:
        return rest(error.message, target=target)
    return None


def tied_by_beads(desk: Desk, view: View) -> ties.Ties:
    """Who waits for whom, as far as the beads say."""
    with desk.write() as session:
        return ties.find(session, view.rig.name)


def waiting(entry: Entry) -> ordering.Waiting:
    """What an entry's place depends on."""
    request = entry.change.request
    return ordering.Waiting(
        request_id=number_of(entry),
        priority=request.priority,
        retries=request.retries,
        created_at=request.created_at,
        queued_at=request.queued_at,
        convoy_since=entry.convoy_since,
    )


def in_order(view: View, after: ordering.After) -> list[Entry]:
    """Those that wait, in the order in which they board."""
    known = {number_of(entry): entry for entry in view.in_state(RequestState.QUEUED)}
    chosen = ordering.order(map(waiting, known.values()), clock.now(), after)
    return [known[one.request_id] for one in chosen]


def _refuse(desk: Desk, view: View, entry: Entry, target: str, bench: Workbench) -> Move | None:
    """Send back what does not go together with the target itself, or is in it; None: neither, and it may wait."""
    repository, head = view.repository, entry.change.head
    base = ground(repository, target, clock.now())
    if _is_in(view, entry, target):
        return _already_in(desk, view, entry, base)
    alone = put_on(bench, base, head, clock.now())
    if isinstance(alone, Conflicted):
        return send_back(desk, entry, "conflict", _conflict(view, entry, target, alone))
    if alone.tree_oid == base.tree_oid:
        return _no_change(desk, entry, target, f"{view.rig.branch} has all of it already")
    return None


def _conflict(view: View, entry: Entry, target: str, found: Conflicted) -> dict[str, object]:
    return {
        "summary": f"It conflicts with {view.rig.branch} as of {target[:10]}.",
        "target": target,
        "files": list(found.paths[:100]),
        "messages": list(found.messages[:20]),
        "sides": sides(view.repository, target, entry.change.head.head_oid, found.paths),
    }


def _seat(desk: Desk, view: View, boarding: Sequence[tuple[str, Entry, Candidate]], target: str) -> Move:
    if view.rig.no_gates:
        _area, entry, made = boarding[0]
        return pulls.land_by(view)(desk, view, [entry], [made.tree_oid], target, None)
    seat = 1 + max((entry.change.request.seat or 0 for entry in view.train), default=0)
    with desk.write() as session:
        for number, (area, entry, made) in enumerate(boarding, seat):
            request, place = entry.change.request, Seat(number, area)
            lifecycle.board(session, request, made, seat=place, actor=desk.actor, lease=desk.proof.fence)
    return Move(acted=True, target=target)


def _already_in(desk: Desk, view: View, entry: Entry, candidate: Candidate) -> Move:
    """The head is part of the (green) target: somebody else merged it, or there was nothing in it."""
    with desk.write() as session:
        started = assignments.get(session, entry.change.head.assignment_id).base_oid
    head = entry.change.head
    if not started or view.repository.is_in(head.head_oid, started):
        return _no_change(desk, entry, candidate.base_oid, "there is no commit in it")
    with desk.write() as session:
        run = None if view.rig.no_gates else judge_tree(session, view, candidate.tree_oid).run
        whole = Candidate(
            candidate.base_oid, candidate.commit_oid, candidate.tree_oid, candidate.made_at, (head.id or 0,)
        )
        intents.intend(session, [entry.change.request], whole, run, actor=desk.actor, lease=desk.proof.fence)
    return Move(acted=True)


def _no_change(desk: Desk, entry: Entry, target: str, why: str) -> Move:
    return send_back(desk, entry, "no_change", {"summary": f"It would change nothing: {why}.", "target": target})


def send_back(desk: Desk, entry: Entry, kind: str, details: dict[str, object]) -> Move:
    """Return the request to its polecat as rework, naming those that have to wait for it now."""
    with desk.write() as session:
        behind = ties.find(session, desk.rig).waiting_for(number_of(entry))
        details = {**details, "waited_for_by": behind} if behind else details
        lifecycle.send_back(
            session, entry.change.request, kind=kind, details=details, actor=desk.actor, lease=desk.proof.fence
        )
    return Move(acted=True, returned=entry.change.request.bead_id)
