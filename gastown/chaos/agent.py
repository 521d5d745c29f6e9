"""The agent of a chaos run: commits one file, hands it in, and says what it did in a journal outside of the system.

Run as `python3 -I -S agent.py ORDERS JOURNAL`, where the folder ORDERS has a file for each bead: its kind, the seconds
to spend, and the file to write. It starts a thousand times, so it imports next to nothing; standard library only.
"""

from __future__ import annotations

import os
import sys
import time

ATTEMPT_IS_OVER = 5
NOBODY_ANSWERED = 6
NUDGE = b"Your session ended"
LOST = 127
PROMPT_BYTES = 1 << 20


def main(orders: str, journal: str) -> int:
    """Work on the bead of this session; 0 when it was handed in or is over."""
    bead = os.environ["GT_BEAD"]
    order = read(os.path.join(orders, bead)).split("\t")
    kind, seconds, path = order[0], float(order[1]), order[2]
    note(journal, "start")
    if NUDGE in os.read(0, PROMPT_BYTES):
        note(journal, "nudged")
    if kind == "hopeless":
        note(journal, "end", detail="hopeless")
        return 3
    returned = not os.environ["GT_BRANCH"].endswith("@1")
    if returned:
        catch_up(path, bead)
    is_bad = kind == "bad" and not os.path.exists(os.path.join(orders, f"{bead}.handed-in"))
    write(path, bead, "RED" if is_bad else "GREEN")
    time.sleep(seconds)
    if commit(path, bead) != 0:
        note(journal, "end", detail="git failed")
        return 1
    oid = git("rev-parse", "HEAD")[1].strip()
    note(journal, "work", oid)
    code = hand_in()
    if code == 0 and is_bad:
        os.close(os.open(os.path.join(orders, f"{bead}.handed-in"), os.O_CREAT | os.O_WRONLY, 0o600))
    note(journal, "done" if code == 0 else "refused" if code == ATTEMPT_IS_OVER else "end", oid, f"exit {code}")
    if code not in (0, ATTEMPT_IS_OVER):
        return code
    note(journal, "end", oid)
    return 0


def catch_up(path: str, bead: str) -> None:
    """Bring the branch up to date with the target; where both changed a file, the lines of both live."""
    if git("merge", "--quiet", "--no-edit", "origin/main")[0] == 0 or not os.path.exists(path):
        return
    marks = ("<<<<<<< ", "||||||| ", "=======", ">>>>>>> ")
    lines = [line for line in read(path).splitlines() if not line.startswith(marks)]
    put(path, "".join(f"{line}\n" for line in dict.fromkeys(lines)))
    git("add", "--", path)
    git("commit", "--quiet", "--no-edit")


def write(path: str, bead: str, colour: str) -> None:
    """Have our own line in the file, once, and leave the lines of others."""
    lines = read(path).splitlines() if os.path.exists(path) else []
    others = [line for line in lines if not line.endswith(f" {bead}")]
    put(path, "".join(f"{line}\n" for line in [*others, f"{colour} {bead}"]))


def commit(path: str, bead: str) -> int:
    """Commit the file, unless an earlier run did; 0 when it is committed."""
    code = git("add", "--", path)[0]
    if code == 0 and git("diff", "--cached", "--quiet")[0] != 0:
        code = git("commit", "--quiet", "--message", f"Work on {bead}")[0]
    return code


def hand_in() -> int:
    """`gt done`, once more where nobody answered; its exit status."""
    code = run("gt", "done")[0]
    return run("gt", "done")[0] if code == NOBODY_ANSWERED else code


def note(journal: str, word: str, oid: str = "", detail: str = "") -> None:
    """Append a line with one write, which no other agent's can tear."""
    fence = os.environ["GT_BRANCH"].rpartition("@")[2]
    line = (
        f'{{"at": {time.time():.6f}, "note": "{word}", "bead": "{os.environ["GT_BEAD"]}", "fence": {fence}, '
        f'"session": {os.environ["GT_SESSION"]}, "pid": {os.getpid()}, "oid": "{oid}", "detail": "{detail}"}}\n'
    )
    descriptor = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, line.encode())
    os.close(descriptor)


def git(*words: str) -> tuple[int, str]:
    """Run git in the worktree, without anybody's settings."""
    return run("git", "-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0", *words)


def run(*words: str) -> tuple[int, str]:
    """Run a command; its exit status, and what it printed."""
    mine, its = os.pipe()
    actions = [(os.POSIX_SPAWN_DUP2, its, 1), (os.POSIX_SPAWN_CLOSE, mine)]
    environ = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "GIT_EDITOR": "true"}
    try:
        child = os.posix_spawnp(words[0], words, environ, file_actions=actions)
    except OSError:
        os.close(mine)
        return LOST, ""
    finally:
        os.close(its)
    said = b""
    while part := os.read(mine, 65536):
        said += part
    os.close(mine)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said.decode(errors="replace")


def read(path: str) -> str:
    """A file's text."""
    with open(path, encoding="utf-8") as file:
        return file.read()


def put(path: str, text: str) -> None:
    """Write a file, and the folder it is in."""
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
