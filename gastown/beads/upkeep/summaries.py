"""Summaries by a program that the store names: it reads a bead's texts and prints something shorter."""

import os
import shlex
import signal
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sqlmodel import Session

from gastown.beads.errors import BadField
from gastown.beads.models import Bead
from gastown.beads.patches import LONG_TEXTS
from gastown.beads.queries import get
from gastown.beads.upkeep.compaction import list_candidates, size_of
from gastown.beads.words.configuration import get_config
from gastown.errors import Unavailable

PROGRAM = "compact.command"
# A model that was asked for a paragraph answers within seconds; one that hangs must not hold up the others for ever.
_TIMEOUT_S = 300.0
_TOLD = 200  # characters of what the program complains of


class SummaryFailed(Unavailable):
    """The program gave no summary."""


@dataclass(frozen=True)
class Task:
    """One bead to summarize."""

    id: str
    size: int
    text: str
    """What the program reads."""


def summary_program(session: Session) -> str:
    """The command line that writes summaries; refuses where the store names none."""
    program = get_config(session, PROGRAM)
    if not program:
        raise BadField(
            "no program writes summaries here",
            hint=f"Name one: `bd config set {PROGRAM} 'claude -p \"Summarize this issue in a paragraph\"'`. "
            "Or write one yourself: `bd admin compact --apply --id ID --summary FILE`.",
        )
    return program


def plan_summaries(session: Session, tier: int, *, only: str | None = None, force: bool = False) -> list[Task]:
    """What a tier would have summarized: all of its candidates, or `only` one (with `force` whatever its age)."""
    if only is not None and force:
        beads = [get(session, only)]
    else:
        beads = [each.bead for each in list_candidates(session, tier) if only in (None, each.bead.id)]
    return [Task(bead.id, size_of(bead), _text(bead)) for bead in beads]


def _text(bead: Bead) -> str:
    parts = [f"# {bead.title}", f"Closed: {bead.close_reason}"]
    parts += [
        f"## {name.replace('_', ' ').title()}\n{getattr(bead, name)}" for name in LONG_TEXTS if getattr(bead, name)
    ]
    return "\n\n".join(parts) + "\n"


def summarize(program: str, tasks: Sequence[Task], *, workers: int) -> Iterator[tuple[Task, str | SummaryFailed]]:
    """Let the program write every summary, `workers` at once; each comes as soon as those before it are there."""
    with ThreadPoolExecutor(workers) as pool:
        yield from zip(tasks, pool.map(lambda task: _ask(program, task.text), tasks), strict=True)


def _ask(program: str, text: str) -> str | SummaryFailed:
    pipe = subprocess.PIPE
    try:
        words = shlex.split(program)
        child = subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)
    except (OSError, ValueError, IndexError) as error:
        return SummaryFailed(f"the program cannot be started: {error}")
    with child:
        try:
            out, complaint = child.communicate(text.encode(), timeout=_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)  # its children hold our pipes
            return SummaryFailed(f"the program wrote no summary within {_TIMEOUT_S:.0f} seconds")
    summary = out.decode(errors="replace").strip()
    if child.returncode or not summary:
        told = complaint.decode(errors="replace").strip()[-_TOLD:]
        return SummaryFailed(f"the program failed (exit status {child.returncode}) {told}".strip())
    return summary
