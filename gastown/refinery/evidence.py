"""What gate runs say of the prefixes of a train: from rows to what a plan is made from.

A run names the heads that it tested and the target on which it put them. When some of them have landed since, in that
order and nothing else, it speaks of the rest on the target as it is now: the tree is the same.

Where areas of a rig have trains of their own, others land in between. What a run said before they did is no verdict of
any tree that may land now. It is kept apart, as what is likely: it says what to test, and spares a search. And a train
may be tested on top of what another one is about to land: then the question is what is known once that has landed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import or_
from sqlmodel import Session, col, select

from gastown.refinery.desk import Entry, View
from gastown.refinery.judgement import GREEN, Standing, judge
from gastown.refinery.models import GateRun, IntentState, LandingIntent, RunState, Verdict
from gastown.refinery.planning import Before, Evidence, Prefix
from gastown.rigs import LandingStyle

# Landings back to which a run may have begun: its riders that landed since.
LONGEST_LINE = 50
Line = Mapping[str, tuple[int, ...]]
"""Each target from which the present one came by our landings alone, and the heads that landed since."""
OPEN = (RunState.REQUESTED, RunState.RUNNING)


@dataclass(frozen=True)
class Findings:
    """The runs of a train's prefixes, by prefix, oldest first."""

    runs: Mapping[Prefix, Sequence[GateRun]]
    max_infrastructure: int
    before: Mapping[Prefix, Sequence[GateRun]] = field(default_factory=dict)
    """Those from before other trains landed."""

    def evidence(self) -> dict[Prefix, Evidence]:
        """What they say. Gates that cannot run with a prefix, and can without, are as good as red.

        What was said before other trains landed is of no weight where there is a verdict of now.
        """
        now = {prefix: self._of(runs) for prefix, runs in self.runs.items()}
        for prefix, runs in self.before.items():
            said = now.get(prefix)
            if said is None:
                now[prefix] = Evidence(is_open=any(run.state in OPEN for run in runs), before=self._last_of(runs))
            elif not said.is_green and not said.reds:
                now[prefix] = replace(said, before=self._last_of(runs))
        return now

    def _last_of(self, runs: Sequence[GateRun]) -> Before:
        """The last verdict counts: each was given on another target. Gates that never could run are as good as red."""
        said = [run.verdict for run in runs if run.verdict in (*GREEN, Verdict.FAIL)]
        if said:
            return Before.RED if said[-1] is Verdict.FAIL else Before.GREEN
        is_stuck = sum(run.verdict is not None for run in runs) >= self.max_infrastructure
        return Before.RED if is_stuck else Before.NOTHING

    def _of(self, runs: Sequence[GateRun]) -> Evidence:
        reds = sum(run.verdict is Verdict.FAIL for run in runs)
        stuck = judge(runs, max_infrastructure=self.max_infrastructure).standing is Standing.STUCK
        return Evidence(
            reds=reds or int(stuck),
            is_green=any(run.verdict in GREEN for run in runs),
            is_open=any(run.state in OPEN for run in runs),
        )

    def open_runs(self, prefix: Prefix) -> list[GateRun]:
        """Those of a prefix that are asked for or under way; one of before tells nothing of what was green before."""
        before = self.before.get(prefix, ())
        told = () if self._last_of(before) is Before.GREEN else before
        return [run for run in (*self.runs.get(prefix, ()), *told) if run.state in OPEN]

    @property
    def all_runs(self) -> Iterable[GateRun]:
        """Every run that tells something."""
        return (run for runs in (*self.runs.values(), *self.before.values()) for run in runs)

    def green(self, prefix: Prefix) -> GateRun:
        """The run that says that the prefix may land."""
        return next(run for run in self.runs[prefix] if run.verdict in GREEN)


def list_runs(session: Session, view: View, riders: Sequence[Entry], line: Line) -> Sequence[GateRun]:
    """Every run that may say something of those aboard, on the target to which the line leads."""
    return _runs(session, view, [*line], [*_by_tree(view, riders)])


def read(view: View, runs: Sequence[GateRun], line: Line, ahead: tuple[int, ...] = ()) -> Findings:
    """What these runs say of a train, on the target to which the line leads once the heads `ahead` have landed."""
    riders = view.train
    requests = {entry.change.head.id or 0: entry.change.request.id or 0 for entry in riders}
    by_tree = {} if ahead else _by_tree(view, riders)
    line = {base: (*since, *ahead) for base, since in line.items()}
    found: dict[Prefix, list[GateRun]] = {}
    before: dict[Prefix, list[GateRun]] = {}
    for run in runs:
        prefixes = {_prefix_of(run, line, requests), by_tree.get(run.tree_oid, ())} - {()}
        for prefix in prefixes:
            found.setdefault(prefix, []).append(run)
        if view.area is not None and not prefixes and (prefix := _before_others(run, line, requests)):
            before.setdefault(prefix, []).append(run)
    if not ahead:
        _share_trees(riders, by_tree, found)
    return Findings(found, view.max_infrastructure, before)


def _share_trees(riders: Sequence[Entry], by_tree: Mapping[str, Prefix], found: dict[Prefix, list[GateRun]]) -> None:
    """Two prefixes of one tree (a rider that undoes the one before it) have its verdict in common."""
    whole: Prefix = tuple(entry.change.request.id or 0 for entry in riders)
    for place, entry in enumerate(riders, 1):
        known = found.get(by_tree.get(entry.change.request.tree_oid, ()), [])
        if known:
            found[whole[:place]] = _merged(known, found.get(whole[:place], []))


def _by_tree(view: View, riders: Sequence[Entry]) -> dict[str, Prefix]:
    """The shortest prefix of each tree. In a rig that rebases the tree is not all: the way to it is gated as well."""
    found: dict[str, Prefix] = {}
    if view.rig.landing is LandingStyle.REBASE:
        return found
    prefix: Prefix = ()
    for entry in riders:
        prefix = (*prefix, entry.change.request.id or 0)
        found.setdefault(entry.change.request.tree_oid, prefix)
    return found


def _merged(one: Iterable[GateRun], other: Iterable[GateRun]) -> list[GateRun]:
    rows = {run.id or 0: run for run in (*one, *other)}
    return [rows[number] for number in sorted(rows)]


def _runs(session: Session, view: View, bases: Sequence[str], trees: Sequence[str]) -> Sequence[GateRun]:
    return session.exec(
        select(GateRun)
        .where(
            GateRun.rig == view.rig.name,
            GateRun.config_hash == view.config_hash,
            GateRun.state != RunState.CANCELLED,
            col(GateRun.is_void).is_(False),
            or_(col(GateRun.base_oid).in_(bases), col(GateRun.tree_oid).in_(trees)),
        )
        .order_by(col(GateRun.id))
        .execution_options(populate_existing=True)
    ).all()


def line_to(session: Session, rig: str, target: str) -> Line:
    """Each target that the present one came from by our landings alone, and the heads that landed since."""
    intents = session.exec(
        select(LandingIntent)
        .where(LandingIntent.rig == rig, LandingIntent.state == IntentState.LANDED)
        .order_by(col(LandingIntent.id).desc())
        .limit(LONGEST_LINE)
    ).all()
    line: dict[str, tuple[int, ...]] = {target: ()}
    oldest: str = target
    since: tuple[int, ...] = ()
    for intent in intents:
        if intent.new_oid == intent.base_oid:
            continue  # its head was part of the target
        if intent.new_oid != oldest:
            break
        oldest, since = intent.base_oid, (*(intent.riders or [intent.head_id]), *since)
        line[oldest] = since
    return line


def is_on(run: GateRun, line: Line) -> bool:
    """Whether all that has landed since, and nothing before that, stands below what the run tests."""
    since = line.get(run.base_oid)
    return since is not None and tuple(run.riders[: len(since)]) == since


def _prefix_of(run: GateRun, line: Line, requests: Mapping[int, int]) -> Prefix:
    """The requests that a run speaks of on the present target; none where it speaks of others, too."""
    if not is_on(run, line):
        return ()
    rest = run.riders[len(line[run.base_oid]) :]
    return tuple(requests[number] for number in rest) if all(number in requests for number in rest) else ()


def _before_others(run: GateRun, line: Line, requests: Mapping[int, int]) -> Prefix:
    """The same where others have landed besides those that the run tests; none for one that has not begun.

    Such a run is better asked for anew, on the target as it is. One that is under way goes on: what a train finds out
    of its own riders takes it no longer for the landings of others.
    """
    since = line.get(run.base_oid)
    if since is None or run.state is RunState.REQUESTED:
        return ()
    landed = {*since}
    rest = [number for number in run.riders if number not in landed]
    if run.riders[len(run.riders) - len(rest) :] != rest:
        return ()
    return tuple(requests[number] for number in rest) if all(number in requests for number in rest) else ()
