"""The demo's agent: a program that works as a coding agent would, with `gt`, `bd` and git, but without a model.

It reads its hook (`gt prime`), looks the bead up (`bd show`), edits the files of its worktree, commits and hands in
(`gt done`). What to edit stands in a block of the bead's description; everything else it finds out: whether somebody
was here before, why the merge queue returned its work, where the conflicts are. Standard library only.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

BLOCK = re.compile(r"^```gastown-demo\n(.*?)\n```$", re.MULTILINE | re.DOTALL)
COMMAND_TIMEOUT_S = 150
GATE_TIMEOUT_S = 120
# What `gt` answers when the attempt is over: it was handed in already, or given to somebody else.
ATTEMPT_IS_OVER = 5
NOBODY_ANSWERED = 6
TRIES = 2

# The settings of whoever runs the demo (signing, hooks, line endings) are none of this agent's.
GIT_ENVIRONMENT = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "GIT_EDITOR": "true", "LC_ALL": "C"}


def main() -> int:
    """Work on what hangs on the hook; 0 when it was handed in."""
    hook = json.loads(ask("gt", "prime", "--json"))
    bead_id = str(hook["bead_id"])
    say(f"on my hook: {bead_id}: {hook['title']} (attempt {hook['attempt']}, {hook['reason']})")
    shown = json.loads(ask("bd", "show", bead_id, "--json"))
    bead = shown[0] if isinstance(shown, list) else shown
    job = read_job(bead.get("description", ""))
    if job is None:
        say("the bead does not say what to do")
        return run("gt", "done", "--status", "ESCALATED", "--reason", "no instructions in the bead").returncode
    returned = hook.get("rework") or {}
    if hook["reason"] == "rework" and returned:
        mend(hook, job, returned)
    else:
        work(hook, job)
    commit(f"{bead['title']}\n\nFor {bead_id}.")
    return hand_in()


def read_job(description: str) -> dict[str, Any] | None:
    """The instructions in a bead's description."""
    found = BLOCK.search(description)
    job = json.loads(found.group(1)) if found else None
    return job if isinstance(job, dict) else None


def work(hook: dict[str, Any], job: dict[str, Any]) -> None:
    """Make the edits; go on from what an earlier run left."""
    bead_id = hook["bead_id"]
    fresh = hook["attempt"] == 1 and not git("status", "--porcelain").stdout and not is_made(job["edits"][0])
    if not fresh:
        say("somebody was here before me and left work: going on from it")
        run("bd", "comment", bead_id, "Found work of an earlier run in the worktree; going on from it.")
    edits = job["edits"]
    for number, edit in enumerate(edits, start=1):
        time.sleep(job["seconds"] / len(edits))
        apply(edit)
        say(f"edited {edit['file']} ({number} of {len(edits)})")
        if job.get("dies") and fresh and number == 1:
            say("and here I die")
            os.kill(os.getpid(), signal.SIGKILL)
    if fresh and job.get("finds"):
        run("bd", "create", job["finds"], "--deps", f"discovered-from:{bead_id}")


def mend(hook: dict[str, Any], job: dict[str, Any], returned: dict[str, Any]) -> None:
    """Bring the branch up to date, resolve conflicts so that both sides live, and mend what the gates complained of."""
    kind, target = returned.get("kind", ""), hook["target"]
    say(f"the merge queue returned my work: {kind}")
    merged = git("merge", "--no-edit", f"origin/{target}")
    conflicts = [path for path in git("diff", "--name-only", "-z", "--diff-filter=U").stdout.split("\0") if path]
    for path in conflicts:
        keep_both(Path(path))
        say(f"resolved {path}: both sides live")
    if merged.returncode and not conflicts:
        say(f"the merge failed: {merged.stderr.strip()}")
    time.sleep(job["seconds"] / 2)
    complaint = str(returned.get("tail", ""))
    mended = [fix for fix in job.get("mends", []) if fix["when"] in complaint]
    for fix in mended:
        for edit in fix["edits"]:
            apply(edit)
        say(f"the gates complained of {fix['when']}: mended")
    done = [f"resolved {path}" for path in conflicts] + [f"mended {fix['when']}" for fix in mended]
    run("bd", "comment", hook["bead_id"], f"Returned ({kind}). Merged {target}; {', '.join(done) or 'nothing else'}.")
    commit(f"Bring up to date with {target}")
    for name, command in hook["gates"]:
        passed = run("sh", "-c", command, timeout=GATE_TIMEOUT_S).returncode == 0
        say(f"ran gate {name} myself: {'green' if passed else 'red'}")


def is_made(edit: dict[str, str]) -> bool:
    """Whether the file is as the edit leaves it."""
    path = Path(edit["file"])
    if not path.is_file():
        return False
    text = path.read_text()
    return text == edit["text"] if "text" in edit else edit["put"] in text


def apply(edit: dict[str, str]) -> None:
    """Make one edit; nothing where it was made already. The file is committed also where the repository ignores it."""
    path = Path(edit["file"])
    if is_made(edit):
        return
    if "text" in edit:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(edit["text"])
    elif edit["find"] not in path.read_text():
        say(f"{path} does not hold {edit['find']!r}: left as it is")
        return
    else:
        path.write_text(path.read_text().replace(edit["find"], edit["put"], 1))
    git("add", "--force", "--", str(path))


def keep_both(path: Path) -> None:
    """Resolve the conflicts of a file by keeping our lines, then theirs."""
    kept, side = [], ""
    for line in path.read_text().splitlines(keepends=True):
        mark = line[:7]
        if mark == "<<<<<<<":
            side = "ours"
        elif mark == "|||||||" and side:
            side = "base"
        elif mark == "=======" and side:
            side = "theirs"
        elif mark == ">>>>>>>" and side:
            side = ""
        elif side != "base":
            kept.append(line)
    path.write_text("".join(kept))


def commit(message: str) -> None:
    """Commit what there is to commit, a merge that is under way included."""
    git("add", "--all")
    under_way = git("rev-parse", "--quiet", "--verify", "MERGE_HEAD").returncode == 0
    if under_way or git("diff", "--cached", "--quiet").returncode:
        made = git("commit", "--quiet", "--message", message)
        say("committed" if made.returncode == 0 else f"could not commit: {made.stderr.strip()}")


def hand_in() -> int:
    """Submit the work; what cannot be submitted is said on standard output, which people see with `gt peek`."""
    done = run("gt", "done")
    if done.returncode == NOBODY_ANSWERED:
        done = run("gt", "done")
    say((done.stdout + done.stderr).strip())
    return 0 if done.returncode in (0, ATTEMPT_IS_OVER) else done.returncode


def ask(*words: str) -> str:
    """What a command prints; ends this program when it fails twice."""
    for _ in range(TRIES):
        done = run(*words)
        if done.returncode == 0:
            return done.stdout
    say(f"{' '.join(words)} failed: {done.stderr.strip()}")
    sys.exit(1)


def git(*words: str) -> subprocess.CompletedProcess[str]:
    """Run git in the worktree."""
    return run("git", *words, env={**os.environ, **GIT_ENVIRONMENT})


def run(
    *words: str, timeout: float = COMMAND_TIMEOUT_S, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command and wait for it."""
    return subprocess.run(
        words,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout,
        check=False,
    )


def say(text: str) -> None:
    """Tell whoever watches."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
