"""Answering an agent's `gt` and `bd`: the pass is checked, then the same command runs here, in the agent's name."""

import hashlib
import hmac
from typing import Any

from gastown import assignments, rigs, sling
from gastown.cli import app as command_line
from gastown.cli.context import SessionPass, for_session
from gastown.db import DatabaseAway
from gastown.db.unit_of_work import reading
from gastown.errors import GastownError
from gastown.sessions import Answer, Halted

PROGRAMS = ("gt", "bd")
MOST_WORDS = 200
LONGEST_WORD = 200_000


def answer(assignment_id: int, request: dict[str, Any]) -> Answer:
    """Run the command that a session sent, if it shows that session's pass."""
    program, words = request.get("program"), request.get("argv")
    if program not in PROGRAMS or not _are_words(words):
        return Answer("", "Error: not a command.\n", 2)
    try:
        held = _check_pass(assignment_id, str(request.get("pass", "")))
    except GastownError as error:
        return Answer("", f"Error: {error.message}\n", error.exit_code, is_away=isinstance(error, DatabaseAway))
    if held is None:
        return Answer("", "Error: this session's pass is not valid any more.\nHint: End the session.\n", 3)
    context = for_session(str(program), held, str(request.get("stdin", "")))
    code = command_line.invoke(context, list(words or []))
    is_away = isinstance(context.error, DatabaseAway | Halted)
    return Answer(context.text_out(), context.text_err(), code, is_away=is_away)


def _are_words(words: object) -> bool:
    return (
        isinstance(words, list)
        and len(words) <= MOST_WORDS
        and all(isinstance(word, str) and len(word) <= LONGEST_WORD and "\0" not in word for word in words)
    )


def _check_pass(assignment_id: int, shown: str) -> SessionPass | None:
    with reading() as session:
        row = assignments.get(session, assignment_id)
        digest = hashlib.sha256(shown.encode()).hexdigest()
        if not row.session_pass or not hmac.compare_digest(digest, row.session_pass):
            return None
        rig = session.get_one(rigs.Rig, row.rig)
        return SessionPass(
            assignment_id=assignment_id,
            bead_id=row.bead_id,
            rig=row.rig,
            prefix=sling.find_prefix_at_work(session, rig, row.bead_id),
            agent=row.polecat or "",
            fence=row.fence,
        )
