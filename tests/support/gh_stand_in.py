"""Plays the command `gh` in front of a bare repository that stands for a hosted one.

Speaks what `gastown/providers/gh.py` uses of gh 2, as its manual and its source of 2026 have it (cli/cli: `pkg/cmd/pr`,
`api/export_pr.go`, `api/queries_pr.go`): sub-commands, flags, names of JSON fields, exit codes (0, 1, and 4 without a
login), and the words on stderr. What it keeps is in `service.json` beside its folder; who tests writes that file, too.
"""

import fcntl
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

HOME = Path(__file__).resolve().parent.parent
FIELDS = {
    *("additions", "author", "baseRefName", "baseRefOid", "body", "closed", "comments", "commits", "headRefName"),
    *("headRefOid", "isDraft", "latestReviews", "mergeCommit", "mergeStateStatus", "mergeable", "mergedAt", "number"),
    *("isCrossRepository", "reviewDecision", "reviews", "state", "statusCheckRollup", "title", "url"),
}
FAULTS = {
    "away": "error connecting to api.example.com\ncheck your internet connection or https://githubstatus.com",
    "rate": "GraphQL: API rate limit already exceeded for user ID 1.",
    "no_repository": "GraphQL: Could not resolve to a Repository with the name 'team/app'. (repository)",
    "forbidden": "HTTP 401: Bad credentials (https://api.example.com/graphql)\nTry authenticating with:  gh auth login",
}
Row = dict[str, Any]


def fail(words: str, code: int = 1) -> NoReturn:
    print(words, file=sys.stderr)
    raise SystemExit(code)


@contextmanager
def service() -> Iterator[Row]:
    """What the service knows, written back at the end; one at a time."""
    path = HOME / "service.json"
    with (HOME / "service.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        state = json.loads(path.read_text())
        try:
            yield state
        finally:
            path.write_text(json.dumps(state, indent=1))


def git(state: Row, *words: str, expect: tuple[int, ...] = (0,)) -> str:
    names = ("-c", "user.name=Web", "-c", "user.email=web@example.com")
    done = subprocess.run(["git", *names, *words], cwd=state["repository"], capture_output=True, text=True, check=False)
    if done.returncode not in expect:
        fail(f"HTTP 500: {done.stderr.strip()}")
    return done.stdout.strip()


def tip(state: Row, branch: str) -> str:
    return git(state, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}", expect=(0, 1))


def contains(state: Row, what: str, where: str) -> bool:
    return not git(state, "rev-list", "--max-count=1", what, f"^{where}")


def head(state: Row, pull: Row) -> str:
    """An open one follows its branch; afterwards it shows what it showed last."""
    if pull["state"] == "OPEN":
        pull["head"] = ("" if "fork" in pull else tip(state, pull["branch"])) or pull["head"]
    return str(pull["head"])


def checks(state: Row, pull: Row) -> list[Row]:
    found: list[Row] = state["checks"].get(head(state, pull), state["default_checks"])
    return found


def decision(state: Row, pull: Row) -> str:
    latest = {
        review["author"]["login"]: review["state"] for review in pull["reviews"] if review["state"] != "COMMENTED"
    }
    if "CHANGES_REQUESTED" in latest.values():
        return "CHANGES_REQUESTED"
    if not state["needs_review"]:
        return ""
    return "APPROVED" if "APPROVED" in latest.values() else "REVIEW_REQUIRED"


def merged_tree(state: Row, pull: Row) -> str | None:
    words = ("merge-tree", "--write-tree", pull["base"], head(state, pull))
    answer = git(state, *words, expect=(0, 1)).splitlines()
    return answer[0] if len(answer) == 1 else None


def merge_state(state: Row, pull: Row) -> str:
    if pull["state"] != "OPEN":
        return "UNKNOWN"
    if merged_tree(state, pull) is None:
        return "DIRTY"
    passed = {check["name"] for check in checks(state, pull) if check.get("conclusion") == "SUCCESS"}
    if decision(state, pull) in ("REVIEW_REQUIRED", "CHANGES_REQUESTED") or set(state["required_checks"]) - passed:
        return "BLOCKED"
    if state["must_be_current"] and not contains(state, pull["base"], head(state, pull)):
        return "BEHIND"
    return "CLEAN" if len(passed) == len(checks(state, pull)) else "UNSTABLE"


def export(state: Row, pull: Row, fields: str) -> Row:
    unknown = [name for name in fields.split(",") if name not in FIELDS]
    if unknown:
        fail(f'Unknown JSON field: "{unknown[0]}"')
    is_open = pull["state"] == "OPEN"
    known = {
        "number": pull["number"],
        "url": pull["url"],
        "state": pull["state"],
        "headRefOid": head(state, pull),
        "mergeCommit": {"oid": pull["merge"]} if pull["merge"] else None,
        "mergeable": ("CONFLICTING" if merged_tree(state, pull) is None else "MERGEABLE") if is_open else "UNKNOWN",
        "mergeStateStatus": merge_state(state, pull),
        "reviewDecision": decision(state, pull),
        "statusCheckRollup": checks(state, pull) if is_open else [],
        "reviews": pull["reviews"],
        "comments": pull["comments"],
        "baseRefName": pull["base"],
        "isCrossRepository": pull.get("fork", False),
    }
    return {name: known[name] for name in fields.split(",")}


def find(state: Row, number: str) -> Row:
    for pull in state["pulls"]:
        if pull["number"] == int(number):
            found: Row = pull
            return found
    fail(f"GraphQL: Could not resolve to a PullRequest with the number of {number}. (repository.pullRequest)")


def list_(state: Row, flags: Row) -> None:
    rows = [
        export(state, pull, flags["json"])
        for pull in state["pulls"]
        if (pull["branch"], pull["base"], pull["state"]) == (flags["head"], flags["base"], flags["state"].upper())
    ]
    print(json.dumps(rows))


def create(state: Row, flags: Row) -> None:
    branch, base = flags["head"], flags["base"]
    for pull in state["pulls"]:
        if (pull["branch"], pull["base"], pull["state"], "fork" in pull) == (branch, base, "OPEN", False):
            fail(f'a pull request for branch "{branch}" into branch "{base}" already exists:\n{pull["url"]}')
    there = tip(state, branch)
    if not there:
        fail("pull request create failed: GraphQL: Head ref must be a branch (createPullRequest)")
    if contains(state, there, base):
        fail(f"pull request create failed: GraphQL: No commits between {base} and {branch} (createPullRequest)")
    number = len(state["pulls"]) + 1
    url = f"https://{flags['repo']}/pull/{number}"
    named = {"number": number, "url": url, "state": "OPEN", "branch": branch, "base": base, "head": there, "merge": ""}
    state["pulls"].append({**named, "title": flags["title"], "body": flags["body"], "reviews": [], "comments": []})
    print(url)


def merge(state: Row, pull: Row, flags: Row) -> None:
    number = pull["number"]
    if pull["state"] == "MERGED":
        print(f"! Pull request #{number} was already merged", file=sys.stderr)
        return
    if pull["state"] == "CLOSED":
        fail("GraphQL: Pull request is closed (mergePullRequest)")
    reasons = {
        "BLOCKED": "the base branch policy prohibits the merge",
        "BEHIND": "the head branch is not up to date with the base branch",
        "DIRTY": "the merge commit cannot be cleanly created",
    }
    blocked = reasons.get(merge_state(state, pull))
    if blocked:
        fail(f"X Pull request #{number} is not mergeable: {blocked}.")
    if flags["match-head-commit"] != head(state, pull):
        fail("GraphQL: Head branch was modified. Review and try the merge again. (mergePullRequest)")
    if not state["merge_commits"]:
        fail("GraphQL: Merge commits are not allowed on this repository. (mergePullRequest)")
    if pull.get("refused"):
        fail(f"GraphQL: {pull['refused']} (mergePullRequest)")
    base = tip(state, pull["base"])
    words = ("commit-tree", str(merged_tree(state, pull)), "-p", base, "-p", head(state, pull), "-m", pull["title"])
    pull["merge"] = git(state, *words)
    git(state, "update-ref", f"refs/heads/{pull['base']}", pull["merge"], base)
    pull["state"] = "MERGED"


def close(pull: Row) -> None:
    if pull["state"] == "MERGED":
        fail(f"X Pull request #{pull['number']} ({pull['title']}) can't be closed because it was already merged")
    if pull["state"] == "CLOSED":
        print(f"! Pull request #{pull['number']} ({pull['title']}) is already closed", file=sys.stderr)
    pull["state"] = "CLOSED"


def parse(words: list[str]) -> tuple[list[str], Row]:
    plain: list[str] = []
    flags: Row = {}
    rest = iter(words)
    for word in rest:
        if word == "--merge":
            flags["merge"] = True
        elif word.startswith("--"):
            flags[word[2:]] = next(rest)
        else:
            plain.append(word)
    return plain, flags


def begin(verb: str, what: str) -> str:
    """Note the call, and fail it if somebody wants it to; else what is to go wrong at its end."""
    with service() as state:
        state["calls"].append(sys.argv[1:])
        faults = (state["faults"].get(key) for key in (f"{verb} {what}", verb, "all"))
        fault = next((str(found) for found in faults if found), "")
    if fault == "logged_out":
        fail("To get started with GitHub CLI, please run:  gh auth login", 4)
    if fault == "hangs":
        time.sleep(600)
    if fault in FAULTS:
        fail(FAULTS[fault])
    return fault


def main() -> None:
    (noun, verb, *numbers), flags = parse(sys.argv[1:])
    assert noun == "pr"
    fault = begin(verb, numbers[0] if numbers else flags.get("head", ""))
    with service() as state:
        if flags["repo"] != state["slug"]:
            fail(FAULTS["no_repository"])
        match verb:
            case "list":
                list_(state, flags)
            case "create":
                create(state, flags)
            case "view":
                print(json.dumps(export(state, find(state, numbers[0]), flags["json"])))
            case "merge":
                merge(state, find(state, numbers[0]), flags)
            case "close":
                close(find(state, numbers[0]))
            case _:
                fail(f'unknown command "{verb}" for "gh pr"')
    if fault == "lost":  # it was done, and the answer never came
        fail(FAULTS["away"])


if __name__ == "__main__":
    main()
