"""What an agent's process is given: nothing of the town's but its session, nothing of the worker's but what its preset
names. Pure, except for the folder of the two commands.
"""

import os
import shlex
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from gastown import config, runtimes
from gastown.assignments import Assignment
from gastown.config import Settings
from gastown.runtimes import Preset
from gastown.sessions.paths import socket_path

EMAIL_DOMAIN = "gastown.local"
DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"


def bin_dir(settings: Settings) -> Path:
    """The folder with the agents' `gt` and `bd`: apart from our own interpreter's, which is none of the agents'."""
    return settings.town / "bin"


def write_commands(settings: Settings) -> Path:
    """Write the agents' `gt` and `bd`: they start our interpreter on the session client, nothing else."""
    client = Path(config.__file__).parents[1] / "cli" / "session_client.py"
    folder = bin_dir(settings)
    folder.mkdir(parents=True, exist_ok=True)
    for program in ("gt", "bd"):
        words = " ".join(shlex.quote(word) for word in (config.python(), "-I", "-S", str(client), program))
        text = f'#!/bin/sh\nexec {words} "$@"\n'
        path = folder / program
        if not path.exists() or path.read_text() != text:
            # Sessions that start at once each write their own.
            aside = folder / f".{program}.{os.getpid()}-{threading.get_ident()}.new"
            aside.write_text(text)
            aside.chmod(0o755)
            aside.rename(path)
    return folder


# Runs the set-up command with its output aside, then becomes the agent, which starts also when the set-up failed: that
# may be what it has to mend.
_SET_UP = """sh -c "$0" </dev/null >"$TMPDIR/setup.log" 2>&1
echo "exit status $?" >>"$TMPDIR/setup.log"
exec "$@"
"""


def with_setup(argv: Sequence[str], command: str) -> tuple[str, ...]:
    """The command line that runs the rig's set-up command in the worktree and then becomes the agent."""
    return ("sh", "-c", _SET_UP, command, *argv)


def agent_environment(
    settings: Settings,
    row: Assignment,
    *,
    worker: Mapping[str, str],
    preset: Preset,
    session_pass: str,
    scratch: Path,
) -> dict[str, str]:
    """The whole environment of an agent; `worker` is the worker's, of which only named variables are taken."""
    name = (row.polecat or "").rpartition("/")[2]
    address = row.polecat or ""
    email = f"{address.replace('/', '.')}@{EMAIL_DOMAIN}"
    assert row.id is not None
    return {
        **runtimes.environment(preset, worker, uid=os.getuid()),
        "PATH": f"{bin_dir(settings)}:{worker.get('PATH', DEFAULT_PATH)}",
        "TERM": "dumb",
        "TMPDIR": str(scratch),
        "GT_ROLE": "polecat",
        "GT_RIG": row.rig,
        "GT_POLECAT": name,
        "GT_BEAD": row.bead_id,
        "GT_BRANCH": row.branch,
        "GT_SESSION": str(row.id),
        "GT_SESSION_SOCKET": str(socket_path(settings, row.id)),
        "GT_SESSION_PASS": session_pass,
        "GASTOWN_RESIDENT": "off",
        "BD_ACTOR": address,
        "BEADS_ACTOR": address,
        "GIT_AUTHOR_NAME": address,
        "GIT_AUTHOR_EMAIL": email,
        "GIT_COMMITTER_NAME": address,
        "GIT_COMMITTER_EMAIL": email,
        "GIT_TERMINAL_PROMPT": "0",
    }
