"""`gt` and `bd` inside an agent's session: hand the command to the worker that serves the session's socket.

Standard library only, since agents call it more often than anything else; run by its path, without site-packages.
"""

import json
import os
import socket
import sys
import time

# A call made while no worker serves the socket (a restart, a deploy) waits this long.
PATIENCE_S = 60.0
# One that a worker cannot decide now (its database is away, the rig was stopped) waits longer: agents go on meanwhile.
AWAY_PATIENCE_S = 600.0
ANSWER_TIMEOUT_S = 120.0
STDIN_LIMIT = 1_000_000


def is_inside() -> bool:
    """Whether this process belongs to an agent's session."""
    return bool(os.environ.get("GT_SESSION_SOCKET"))


def forward(program: str, argv: list[str]) -> int:
    """Run the command in the worker; print what it prints; return its exit code, 6 when no worker came in a minute."""
    if program == "bd" and argv[:1] == ["mcp"]:
        # A server lives as long as its agent, and each of its calls comes back to this socket.
        # -I: nothing in the agent's worktree is imported.
        os.execv(sys.executable, [sys.executable, "-I", "-m", "gastown.cli.mcp"])  # noqa: S606 - ourselves
    answer = call(program, argv, _stdin(argv), is_terminal=sys.stdout.isatty())
    sys.stdout.write(answer.get("out", ""))
    sys.stdout.flush()
    sys.stderr.write(answer.get("err", ""))
    return int(answer.get("code", 1))


def call(program: str, argv: list[str], stdin: str, *, is_terminal: bool = False) -> dict[str, str]:
    """What the worker answers to a command line: `out`, `err` and `code`."""
    request = {
        "pass": os.environ.get("GT_SESSION_PASS", ""),
        "program": program,
        "argv": argv,
        "stdin": stdin,
        "terminal": is_terminal,
    }
    return _ask_patiently(request)


def _ask_patiently(request: dict[str, object]) -> dict[str, str]:
    began = time.monotonic()
    pause = 0.05
    while True:
        patience = PATIENCE_S
        try:
            answer = _ask(os.environ["GT_SESSION_SOCKET"], request)
            if not answer.get("away"):
                return answer
            patience = AWAY_PATIENCE_S
        except (OSError, ValueError) as error:
            answer = {"err": f"Error: no worker answers for this session ({error}).\n"}
        if time.monotonic() >= began + patience:
            hint = "Hint: Your work is safe in the worktree. Commit it, wait a minute and run the command again.\n"
            error_line = answer["err"].partition("\n")[0]
            return {"err": f"{error_line}\n{hint}", "code": "6"}
        time.sleep(pause)
        pause = min(pause * 1.5, 1.0)


def _ask(path: str, request: dict[str, object]) -> dict[str, str]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(ANSWER_TIMEOUT_S)
        connection.connect(path)
        connection.sendall(json.dumps(request).encode() + b"\n")
        connection.shutdown(socket.SHUT_WR)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    answer = json.loads(b"".join(parts))
    if not isinstance(answer, dict):
        raise ValueError("the answer makes no sense")
    return answer


def _stdin(argv: list[str]) -> str:
    """What was piped in, for commands that ask for it by `--stdin` or `-`; else nothing is read."""
    if "--stdin" not in argv and "-" not in argv:
        return ""
    return sys.stdin.read(STDIN_LIMIT)


if __name__ == "__main__":
    sys.exit(forward(sys.argv[1], sys.argv[2:]))
