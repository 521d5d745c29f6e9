"""Many processes give mixed commands to one store at once: all are served, and what they leave agrees with itself."""

import io
import json
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlmodel import select

from gastown import config
from gastown.beads import Bead
from gastown.beads.soundness import find_wrong_blocked, find_wrong_columns
from gastown.cli.app import invoke
from gastown.cli.context import Context
from gastown.db import dispose
from gastown.db.unit_of_work import reading, unit_of_work
from tests.integration.beads.test_readiness_property import naive
from tests.support.factories_beads import make_bead
from tests.support.processes import run_at_once

# More of both are asked for by these, for an hour of peace of mind.
PROCESSES = int(os.environ.get("RACING_PROCESSES", "6"))
COMMANDS = int(os.environ.get("RACING_COMMANDS", "12"))
SHARED = 30
WITHIN_S = 150 + PROCESSES * COMMANDS
# What no command may say, whatever stands in its way: that others are in the way, or that it is a defect.
NEVER = ("busy", "is locked", "deadlock", "defect", "cannot serve", "at the same moment", "Traceback")


@dataclass(frozen=True)
class Store(config.Settings):
    """A file without a town, or a server's database with one that nobody runs."""

    @property
    def is_town(self) -> bool:
        return not self.embedded_database


def command(dice: random.Random, names: list[str], number: int, turn: int) -> tuple[list[str], str]:
    """One command line, and its standard input."""
    one, other = dice.sample(names, 2)
    line = {
        "id": dice.choice([one, f"app-in{number}{turn}"]),
        "title": f"imported {number}.{turn}",
        "status": dice.choice(["open", "closed"]),
    }
    line |= {"created_at": "2026-01-01T00:00:00Z", "updated_at": f"2999-01-01T00:00:{turn % 60:02}Z"}
    line |= {"closed_at": line["updated_at"]} if line["status"] == "closed" else {}
    edge = {"issue_id": line["id"], "depends_on_id": other, "type": "blocks", "created_at": line["created_at"]}
    choices: list[tuple[list[str], str]] = [
        (["create", f"bead {number}.{turn}"], ""),
        (["create", f"bead {number}.{turn}", "--deps", f"blocks:{one},discovered-from:{other}"], ""),
        (["create", f"child {number}.{turn}", "--parent", one], ""),
        (["update", one, "-p", str(turn % 5), "--title", f"title {number}.{turn}"], ""),
        (["update", one, "--status", dice.choice(["open", "in_progress", "blocked"])], ""),
        (["update", one, "--claim"], ""),
        (["ready", "--claim"], ""),
        (["dep", "add", one, other], ""),
        (["dep", "add", one, other, "--type", "parent-child"], ""),
        (["dep", "remove", one, other], ""),
        (["label", "add", one, f"label-{turn}"], ""),
        (["label", "remove", one, f"label-{turn - 1}"], ""),
        (["comments", "add", one, "a remark"], ""),
        (["close", one, other, "--force", "--reason", dice.choice(["done", "failed"])], ""),
        (["reopen", one], ""),
        (["defer", one], ""),
        (["undefer", one], ""),
        (["delete", one, "--force"], ""),
        (["import", "-"], json.dumps(line | {"dependencies": [edge] if edge["issue_id"] != other else []})),
        (["ready", "--json"], ""),
        (["list", "--json"], ""),
    ]
    return dice.choice(choices)


def give_commands(number: int, url: str, town: str, names: list[str]) -> list[tuple[int, list[str], str]]:
    """What came of each command: its exit code, its words, what it said to standard error."""
    dice, said = random.Random(number), []
    for turn in range(COMMANDS):
        config.use(Store(town=Path(town), database_url=url))
        words, stdin = command(dice, names, number, turn)
        out, err = io.StringIO(), io.StringIO()
        context = Context(
            program="bd",
            out=out,
            err=err,
            stdin=io.StringIO(stdin),
            is_terminal=False,
            actor_given=f"agent-{number}",
        )
        said.append((invoke(context, words), words, err.getvalue()))
    return said


@pytest.fixture(autouse=True)
def _close_connections() -> Iterator[None]:
    yield
    config.use(None)
    dispose()


def test_all_are_served_and_nothing_disagrees_when_many_processes_give_mixed_commands(
    database_url: str, tmp_path: Path
) -> None:
    with unit_of_work(database_url) as session:
        names = [make_bead(session, f"bead {number}").id for number in range(SHARED)]
    dispose()
    calls = [(number, database_url, str(tmp_path), names) for number in range(PROCESSES)]
    preload = ["gastown.beads", "gastown.tables", "gastown.cli.bd", "tests.integration.beads.test_mixed_commands"]
    answers = [one for said in run_at_once(give_commands, calls, within_s=WITHIN_S, preload=preload) for one in said]
    assert len(answers) == PROCESSES * COMMANDS
    assert [answer for answer in answers if any(word in answer[2] for word in NEVER)] == []
    served = sum(code == 0 for code, _, _ in answers)
    assert served > len(answers) / 2, [answer for answer in answers if answer[0]]
    with reading(database_url) as session:
        stored = {bead.id: bead.is_blocked for bead in session.exec(select(Bead))}
        assert stored == naive(session)
        assert find_wrong_columns(session) == []
        assert find_wrong_blocked(session) == []
