"""Many real processes give mixed commands to one folder through its resident: all are served, nothing breaks."""

import json
import os
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.integration.beads.test_mixed_commands import NEVER, command

from .conftest import Place

# More of both are asked for by these, for an hour of peace of mind.
PROCESSES = int(os.environ.get("RACING_PROCESSES", "6"))
COMMANDS = int(os.environ.get("RACING_COMMANDS", "8"))
SHARED = 30
READS = (["list", "--json"], ["ready", "--json"], ["blocked", "--json"], ["show", "{}"], ["stats"], ["export"])


def give_commands(place: Place, number: int, names: list[str]) -> list[tuple[int, list[str], str]]:
    dice, said = random.Random(number), []
    for turn in range(COMMANDS):
        words, stdin = command(dice, names, number, turn)
        if turn % 5 == 4:
            words, stdin = [word.format(dice.choice(names)) for word in dice.choice(READS)], ""
        done = place.run(*words, input=stdin, env={"BEADS_ACTOR": f"agent-{number}"})
        said.append((done.returncode, words, done.stderr))
    return said


def complaints(place: Place) -> list[Any]:
    checks = json.loads(place.run("doctor", "--json").stdout)["checks"]
    return [check for check in checks if check["status"] != "ok"]


def test_all_are_served_and_the_doctor_finds_nothing(place: Place) -> None:
    assert complaints(place) == []
    names = [place.run("create", f"bead {number}", "--silent").stdout.strip() for number in range(SHARED)]
    place.warm_up()

    with ThreadPoolExecutor(PROCESSES) as pool:
        runs = [pool.submit(give_commands, place, number, names) for number in range(PROCESSES)]
        answers = [answer for run in runs for answer in run.result()]

    assert len(answers) == PROCESSES * COMMANDS
    assert [answer for answer in answers if any(word in answer[2] for word in NEVER)] == []
    served = sum(code == 0 for code, _, _ in answers)
    assert served > len(answers) / 2, [answer for answer in answers if answer[0]]
    assert complaints(place) == []
