"""What GitHub says of runs and pull requests, asked through its own program `gh`."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gastown.beads.conditions import Outcome, Verdict

TIMEOUT_S = 30.0
_RUN_FIELDS = "databaseId,status,conclusion"
_LIST_FIELDS = f"{_RUN_FIELDS},workflowName,headBranch,headSha,createdAt"
_PASSED = ("success", "skipped")


class GithubSilent(Exception):
    """`gh` is not there, did not answer, or refused."""


@dataclass(frozen=True)
class Run:
    """One run of a workflow."""

    id: str
    workflow: str
    branch: str
    sha: str
    created_at: datetime


def ask(arguments: Sequence[str], folder: Path) -> Any:
    """What `gh` prints as JSON when called in `folder`."""
    try:
        done = subprocess.run(
            ["gh", *arguments],
            cwd=folder,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError:
        raise GithubSilent("the program gh is not installed here (https://cli.github.com)") from None
    except subprocess.TimeoutExpired:
        raise GithubSilent(f"gh did not answer within {TIMEOUT_S:.0f} s") from None
    except OSError as error:
        raise GithubSilent(f"gh cannot be started: {error.strerror}") from None
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise GithubSilent(f"gh: {said[:200] or f'exit status {done.returncode}'}")
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise GithubSilent("gh answered with something that is not JSON") from None


def judge_outside(await_type: str, await_id: str, folder: Path) -> Verdict:
    """What GitHub knows of a gate's condition."""
    try:
        if await_type == "gh:pr":
            return _judge_pr(ask(["pr", "view", await_id, "--json", "state"], folder), await_id)
        return _judge_run(_run(await_id, folder))
    except GithubSilent as error:
        return Verdict(Outcome.ERROR, str(error))


def _run(await_id: str, folder: Path) -> Any:
    if not await_id:
        raise GithubSilent("no run is known yet; `bd gate discover` looks for it")
    if await_id.isdigit():
        return ask(["run", "view", await_id, "--json", _RUN_FIELDS], folder)
    found = ask(["run", "list", f"--workflow={await_id}", "--limit", "1", "--json", _RUN_FIELDS], folder)
    if not isinstance(found, list) or not found:
        raise GithubSilent(f"workflow {await_id!r} has no runs")
    return found[0]


def _judge_run(run: Any) -> Verdict:
    status, conclusion = (str(_field(run, name) or "") for name in ("status", "conclusion"))
    name = f"run {_field(run, 'databaseId')}"
    if status != "completed":
        return Verdict(Outcome.PENDING, f"{name} is {status}")
    passed = conclusion in _PASSED
    return Verdict(Outcome.RESOLVED if passed else Outcome.ESCALATED, f"{name} ended with {conclusion or 'nothing'}")


def _judge_pr(answer: Any, number: str) -> Verdict:
    state = str(_field(answer, "state") or "")
    known = {"MERGED": Outcome.RESOLVED, "CLOSED": Outcome.ESCALATED}
    return Verdict(known.get(state, Outcome.PENDING), f"pull request {number} is {state.lower()}")


def _field(answer: Any, name: str) -> Any:
    if not isinstance(answer, dict):
        raise GithubSilent("gh answered with JSON of another shape")
    return answer.get(name)


def recent_runs(folder: Path, *, branch: str = "", limit: int = 50) -> list[Run]:
    """The latest runs of the repository at `folder`."""
    asked = ["run", "list", "--limit", str(limit), "--json", _LIST_FIELDS]
    answer = ask([*asked, f"--branch={branch}"] if branch else asked, folder)
    if not isinstance(answer, list):
        raise GithubSilent("gh answered with JSON of another shape")
    try:
        return [
            Run(
                id=str(_field(run, "databaseId")),
                workflow=str(_field(run, "workflowName") or ""),
                branch=str(_field(run, "headBranch") or ""),
                sha=str(_field(run, "headSha") or ""),
                created_at=datetime.fromisoformat(str(_field(run, "createdAt"))).astimezone(UTC),
            )
            for run in answer
        ]
    except ValueError:
        raise GithubSilent("gh answered with a time that is none") from None
