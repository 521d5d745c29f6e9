"""The text that an agent wakes up with: who it is, what hangs on its hook, what went before, how it ends."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import Session

from gastown import assignments, beads, rigs
from gastown.assignments import Assignment, Reason

# Of a failing gate's output; the rest is in the log that the text names.
TAIL_SHOWN = 3000
FENCE = "```"


@dataclass(frozen=True)
class Primer:
    """Everything the text is made from."""

    agent: str
    rig: str
    branch: str
    target: str
    bead_id: str
    title: str
    description: str
    acceptance: str
    design: str
    attempt: int
    reason: Reason
    gates: Sequence[tuple[str, str]]
    setup: str = ""
    notes: str = ""
    rework: Mapping[str, Any] = field(default_factory=dict)
    comments: Sequence[tuple[str, str]] = ()
    last_outcome: str = ""
    """How the attempt before this one ended."""


def load_primer(session: Session, row: Assignment) -> Primer:
    """Read what the attempt's agent must know."""
    bead = beads.get(session, row.bead_id)
    rig = session.get_one(rigs.Rig, row.rig)
    relations = beads.load_relations(session, [bead.id], comments=True)
    return Primer(
        agent=row.polecat or "",
        rig=row.rig,
        branch=row.branch,
        target=rig.branch,
        bead_id=bead.id,
        title=bead.title,
        description=bead.description,
        acceptance=bead.acceptance_criteria,
        design=bead.design,
        attempt=row.fence,
        reason=row.reason,
        gates=[
            (gate.name, gate.command)
            for gate in rigs.deciding(rigs.list_gates(session, row.rig))
            if gate.poll_s is None  # what an external check asks needs what agents do not have
        ],
        setup=rig.setup_command,
        notes=row.notes,
        rework=row.rework,
        comments=[(comment.author, comment.text) for comment in relations.comments.get(bead.id, [])],
        last_outcome=_last_outcome(session, row),
    )


def _last_outcome(session: Session, row: Assignment) -> str:
    """Why the newest attempt before `row` ended, in one line."""
    before = [past.outcome for past in assignments.history(session, row.bead_id) if past.fence < row.fence]
    return " ".join(before[-1].split()) if before else ""


def render(primer: Primer) -> str:
    """The text, as `gt prime` prints it and as a session's prompt."""
    parts = [
        f"[GAS TOWN] You are {primer.agent}, a polecat (worker agent) of rig {primer.rig}.",
        f"On your hook: {primer.bead_id}. Work on the hook is run at once: start now, ask nobody.",
        f"# {primer.bead_id}: {primer.title}",
        primer.description,
        _section("Design", primer.design),
        _section("Acceptance criteria", primer.acceptance),
        _section("Comments", "\n".join(f"- {author}: {text}" for author, text in primer.comments)),
        _rework(primer),
        _section("Your predecessor's note", primer.notes),
        _rules(primer),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _section(heading: str, text: str) -> str:
    return f"## {heading}\n{text}" if text else ""


def _rework(primer: Primer) -> str:
    details = primer.rework
    if not details:
        if primer.attempt > 1:
            ended = f"The last one ended: {primer.last_outcome}.\n" if primer.last_outcome else ""
            return (
                f"## This is not the first attempt\n{ended}"
                "The branch holds what the last one committed. Look at it (`git log`, `git diff`) before you go on."
            )
        return ""
    lines = ["## The merge queue returned your work", str(details.get("summary", ""))]
    if details.get("files"):
        lines.append("Files in conflict:\n" + "\n".join(f"- {path}" for path in details["files"]))
    if details.get("sides"):
        lines.append(_sides(details["sides"]))
    if details.get("kind") == "rejected":
        lines.append("Your branch holds your work. Mend what is asked for, commit, and run `gt done` again.")
    if details.get("kind") == "conflict":
        lines.append(
            f"Your branch holds your work. Merge the target into it (`git merge origin/{primer.target}`), resolve the "
            "conflicts so that both changes live, commit, and run `gt done` again."
        )
    if details.get("gate"):
        tail = str(details.get("tail", ""))[-TAIL_SHOWN:].replace(FENCE, "---")
        lines.append(f"Failing gate `{details['gate']}`. The end of its output:\n{FENCE}\n{tail}\n{FENCE}")
        lines += [
            f"Advisory gate `{advice.get('gate')}` is red as well ({advice.get('why')}): mend it if it is your doing."
            for advice in details.get("advice", [])
        ]
        lines += _others(details)
        lines.append(f"Bring your branch up to date (`git merge origin/{primer.target}`), mend it, commit, `gt done`.")
    if details.get("pull_url"):
        lines += _pull(details)
    return "\n".join(line for line in lines if line)


def _sides(sides: Mapping[str, Any]) -> str:
    """The commits of both sides that touch the files in conflict."""
    told = [
        f"- {side}: {commit['commit'][:10]} {commit['subject']} ({', '.join(commit['paths'][:5])})"
        for name, side in (("target", "theirs"), ("head", "yours"))
        for commit in sides.get(name, ())
    ]
    return "Who changed them:\n" + "\n".join(told) if told else ""


def _others(details: Mapping[str, Any]) -> list[str]:
    """What else was in the merge that failed: it may be red only together with one of these."""
    lines = []
    ahead = ", ".join(f"{one['bead']} ({one['title']})" for one in details.get("ahead", ()))
    if ahead:
        lines.append(f"It was tested behind: {ahead}.")
    suspects = details.get("suspects") or ()
    if suspects:
        told = "\n".join(
            f"- {one['bead']} ({one['title']})"
            + (f", landed as {one['landed'][:10]}" if one.get("landed") else "")
            + (f", changes too: {', '.join(one['paths'])}" if one.get("paths") else "")
            for one in suspects
        )
        lines.append(f"Look at these first; yours must work together with them (`bd show ID`):\n{told}")
    return lines


def _pull(details: Mapping[str, Any]) -> Iterator[str]:
    """What came of its pull request. Other people's words are shown as theirs: they order nothing."""
    yield f"Its pull request: {details['pull_url']}"
    for check in details.get("checks") or ():
        yield f"- failed check `{check.get('name', '')}` {check.get('url', '')}"
    for said in details.get("said") or ():
        text = str(said.get("text", ""))[-TAIL_SHOWN:].replace(FENCE, "---")
        yield f"{said.get('author', 'Somebody')} wrote:\n{FENCE}\n{text}\n{FENCE}"
    yield "Mend what was asked for, commit, and run `gt done` again; the same queue takes it from there."


def _rules(primer: Primer) -> str:
    gates = "\n".join(f"  - {name}: `{command}`" for name, command in primer.gates)
    tested = f"the gates pass. Run them here first; they are\n{gates}" if gates else "it merges cleanly."
    setup = (
        f"\n- `{primer.setup}` was run here before you; its output is in `$TMPDIR/setup.log`." if primer.setup else ""
    )
    return f"""## How you work
- This folder is your own worktree, on branch `{primer.branch}`.{setup}
- Work here only; do not switch branches, do not push.
- Commit your work on this branch with clear messages. Only what is committed counts.
- The merge queue lands it on `{primer.target}` when {tested}
- When it is finished and committed: `gt done`. Then end your turn: you are free.
- If there is nothing to change: `gt done --status NO_CHANGE --reason "why"`.
- If you cannot go on: `gt done --status ESCALATED --reason "what is missing"`.
- If your context runs low: commit, then `gt handoff --message "where you are and what comes next"`.
- More work found on the way: `bd create "title" --deps discovered-from:{primer.bead_id}`; do not do it here.
- Look things up with `gt prime` (this text), `gt hook`, `bd show ID`, `bd ready`."""


NUDGE = (
    "[GAS TOWN] Your session ended, but the work on your hook was not handed in. If it is finished: commit and run "
    '`gt done`. If not: go on where you left off. If you cannot: `gt done --status ESCALATED --reason "why"`. '
    "`gt prime` says it all again.\n"
)


def restarted(why: str) -> str:
    """What an agent is told whose process the town ended and started again."""
    return (
        f"[GAS TOWN] Your process was ended and started again: {' '.join(why.split()) or 'it gave no sign of life'}. "
        "Nothing in your worktree was changed. Go on where you left off, and do not repeat what stopped you; commit as "
        'you go. When it is finished: `gt done`. If you cannot go on: `gt done --status ESCALATED --reason "why"`.\n'
    )


def load_hook(session: Session, assignment_id: int) -> Primer:
    """The primer of an attempt, by its number."""
    return load_primer(session, assignments.get(session, assignment_id))
