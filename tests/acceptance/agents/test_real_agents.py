"""The real Claude Code and Codex work in a town: from sling to the commit on main, and what can go wrong between."""

import json
from typing import Any

import pytest

from gastown.assignments import Assignment
from tests.support.model_server import CACHED_TOKENS, INPUT_TOKENS, OUTPUT_TOKENS, Fault, Goodbye

from .conftest import ATTEMPTS, KEYS, Village

pytestmark = [pytest.mark.agents, pytest.mark.acceptance, pytest.mark.timeout(240)]
AGENTS = ["claude", "codex"]
LOOK = ["gt prime", "gt hook --json", 'bd show "$GT_BEAD"']


def commit(path: str, text: str = "hello") -> list[str]:
    """Steps that add a file."""
    return [f"echo {text} > {path}", f"git add {path} && git commit --quiet --message 'Add {path}'"]


def spent(preset: str, requests: int) -> dict[str, int]:
    """The tokens of so many requests to the model server, as an attempt's row has them."""
    new = INPUT_TOKENS if preset == "claude" else INPUT_TOKENS - CACHED_TOKENS  # codex counts cached input as input
    return {
        "input_tokens": new * requests,
        "output_tokens": OUTPUT_TOKENS * requests,
        "cache_read_tokens": CACHED_TOKENS * requests,
        "cache_write_tokens": 0,
    }


def booked(row: Assignment) -> dict[str, int]:
    """The tokens in an attempt's row."""
    return {name: getattr(row, name) for name in spent("claude", 1)}


def tool_results(village: Village, name: str) -> str:
    """What the agent told the model last: its whole conversation."""
    return json.dumps(village.asked(name)[-1].body)


def events(story: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """The values of a bead's events of one kind."""
    return [event["values"] for event in story["events"] if event["kind"] == kind]


def test_work_lands_and_its_cost_is_booked_when_both_agents_run_at_once(village: Village) -> None:
    dump = 'env > "$TMPDIR/environ.txt"; cat /proc/net/dev > "$TMPDIR/net.txt"'
    slung = {
        name: village.file_bead(name, [dump, *LOOK, *commit(f"{name}.txt"), "gt done"], f"Greet as {name}")
        for name in AGENTS
    }
    for name, bead in slung.items():
        village.town.gt("sling", bead, "app", "--agent", name)

    for name, bead in slung.items():
        story = village.await_status(bead, "closed", "escalated")
        assert story["status"] == "closed", json.dumps(story["attempts"], indent=1)
        (row,) = village.attempts(bead)
        requests = len(village.asked(name))
        assert requests == len([dump, *LOOK]) + 2 + 1 + 1
        check_landing(village, story, row, f"{name}.txt")
        check_cost(story, row, name, requests)
        check_seen(village, row, name)


def check_landing(village: Village, story: dict[str, Any], row: Assignment, path: str) -> None:
    sha = story["landed_sha"]
    assert village.git("merge-base", "--is-ancestor", sha, "main") == ""
    assert village.git("show", f"main:{path}") == "hello"
    author = village.git("log", "-1", "--format=%an %ae", "main", "--", path)
    assert author == f"{row.polecat} {(row.polecat or '').replace('/', '.')}@gastown.local"


def check_cost(story: dict[str, Any], row: Assignment, name: str, requests: int) -> None:
    (told,) = story["attempts"]
    assert booked(row) == spent(name, requests)
    assert {key: told[key] for key in booked(row)} == booked(row)
    assert told["agent_session_id"] == row.agent_session_id != ""
    assert told["cost_usd"] == row.cost_usd
    if name == "claude":
        assert row.cost_usd is not None
        assert row.cost_usd > 0
        assert row.model.startswith("claude")
    else:
        assert row.cost_usd is None  # codex does not tell


def check_seen(village: Village, row: Assignment, name: str) -> None:
    """What the agent saw: its town's commands answered; its own key and nobody else's; no network."""
    seen = tool_results(village, name)
    assert f"You are {row.polecat}" in seen
    assert f'\\\\\\"bead_id\\\\\\": \\\\\\"{row.bead_id}' in seen or f'\\"bead_id\\": \\"{row.bead_id}' in seen
    assert f"Submitted {row.bead_id}" in seen
    scratch = village.run_folder(row) / "tmp"
    environ = dict(line.split("=", 1) for line in (scratch / "environ.txt").read_text().splitlines() if "=" in line)
    own, (_, foreign) = KEYS[name], KEYS[AGENTS[1 - AGENTS.index(name)]]
    assert environ.get(own[0]) == own[1]
    assert foreign not in environ.values()
    devices = [line.split(":")[0].strip() for line in (scratch / "net.txt").read_text().splitlines()[2:]]
    assert "lo" in devices
    lines = village.town.gt_json("peek", row.bead_id, "--lines", "500")["lines"]
    kinds = [json.loads(line).get("type") for line in lines if line.startswith("{")]
    assert {"claude": "result", "codex": "turn.completed"}[name] == kinds[-1]


@pytest.mark.parametrize("name", AGENTS)
def test_agent_is_asked_again_in_the_same_session_when_it_ends_without_gt_done(name: str, village: Village) -> None:
    script = f"forgetful-{name}"
    steps = [*commit(f"{script}.txt"), Goodbye(), "gt done"]
    bead = village.file_bead(script, steps, "Forget to hand in")
    village.town.gt("sling", bead, "app", "--agent", name)

    story = village.await_status(bead, "closed", "escalated")

    assert story["status"] == "closed", json.dumps(story["attempts"], indent=1)
    (row,) = village.attempts(bead)
    assert row.runs == row.booked_runs == 2
    asked = village.asked(script)
    first, second = 3, 2  # requests of each run: two steps and a goodbye; one step and a goodbye
    assert len(asked) == first + second
    assert "was not handed in" not in json.dumps(asked[first - 1].body)
    assert "was not handed in" in json.dumps(asked[first].body)
    assert "Forget to hand in" in json.dumps(asked[first].body), "the resumed session does not know its own beginning"
    assert booked(row) == spent(name, first + second)
    runs = events(story, "session.ended")
    assert [run["tokens"]["output_tokens"] for run in runs] == [first * OUTPUT_TOKENS, second * OUTPUT_TOKENS]
    assert [run.get("is_resumed", False) for run in events(story, "session.started")] == [False, True]
    if name == "claude":
        assert row.cost_usd == pytest.approx(sum(run["cost_usd"] for run in runs))
        commands = [(village.run_folder(row, run) / "stdout.log").read_text() for run in (1, 2)]
        assert all(row.agent_session_id in text for text in commands)


@pytest.mark.parametrize("name", AGENTS)
def test_gate_output_reaches_the_next_session_when_the_merge_queue_returns_the_work(
    name: str, village: Village
) -> None:
    script = f"rework-{name}"
    edit = (
        "if grep -q 'a + b' sums.py; then sed -i 's/a + b/a - b/' sums.py; else sed -i 's/a - b/a + b/' sums.py; fi; "
        f"date +%N > {script}.txt"
    )
    steps = [edit, f"git add . && git commit --quiet --message '{script}'", "gt done"]
    bead = village.file_bead(script, steps, "Break it, then mend it")
    village.town.gt("sling", bead, "app", "--agent", name)

    story = village.await_status(bead, "closed", "escalated")

    assert story["status"] == "closed", json.dumps(story["attempts"], indent=1)
    first, second = village.attempts(bead)
    assert (first.state, second.reason, second.state) == ("submitted", "rework", "submitted")
    assert second.polecat == first.polecat
    assert second.agent_session_id != first.agent_session_id
    prompt = next(asked for asked in village.asked(script)[len(steps) + 1 :] if asked.step == 0)
    text = json.dumps(prompt.body)
    assert "The merge queue returned your work" in text
    assert "AssertionError: -1 != 5" in text, "the failing gate's output is not in the prompt"
    assert "a + b" in village.git("show", "main:sums.py")
    assert village.git("show", f"main:{script}.txt")


@pytest.mark.parametrize(("name", "status"), [("claude", 401), ("claude", 500), ("codex", 401)])
def test_attempts_say_why_and_a_person_is_asked_when_the_model_server_refuses(
    name: str, status: int, village: Village
) -> None:
    script = f"refused-{name}-{status}"
    bead = village.file_bead(script, [Fault(status)], "Cannot be done")
    village.town.gt("sling", bead, "app", "--agent", name)

    story = village.await_status(bead, "escalated", "closed", within_s=90)

    rows = village.attempts(bead)
    assert [row.state for row in rows] == ["failed"] * ATTEMPTS, story
    ends = events(story, "session.ended")
    (words,) = {end["error"]["error"] for end in ends}
    assert f"scripted fault {status}" in words
    assert all(words in row.outcome for row in rows), [row.outcome for row in rows]
    assert all(end["error"]["is_error"] for end in ends)
    assert {end["error"]["api_status"] for end in ends} == {status if name == "claude" else None}
    # Asking again helps where the server may have been busy, not where it refuses the key.
    assert {row.runs for row in rows} == {1 if (name, status) == ("claude", 401) else 2}
    comments = json.dumps(village.town.bd_json("show", bead), ensure_ascii=False)
    assert words in comments
    village.town.bd("close", bead, "--no-code", "--reason", "the test is over")
