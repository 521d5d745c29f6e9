"""The one door to the git executable: what it may read, what it may run, and how long it may take.

Two classes of call. *Ours* (the default) reads no configuration but that of the git directory named, and may use the
file transport only. *As the user* (`as_user=True`; the calls that talk to a rig's remote, and those that look at
somebody's own checkout) also reads the user's and the system's configuration and environment, because credential
helpers, ssh settings and `url.*.insteadOf` live there. Both run without hooks, fsmonitor, prompts, automatic
maintenance or foreign transports (`ext::`, `fd::`), and neither inherits `GIT_DIR` and its like from the caller.

GitPython is not used to run git: it hands on the whole environment, and on a time-out kills the processes that it
finds by listing them, where we end the process group.
"""

import contextlib
import os
import re
import signal
import subprocess
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO

from gastown import config
from gastown.git.errors import GitFailed, GitNotInstalled, GitTimedOut, WorktreeBroken

TIMEOUT_S = 60.0
"""For commands that touch this host's disk only."""
NETWORK_TIMEOUT_S = 300.0
"""For commands that talk to a rig's remote: a first fetch of a large repository takes minutes."""
OLDEST_GIT = (2, 38)
"""The first with `merge-tree --write-tree`."""

_TERM_GRACE_S = 2.0  # SIGTERM lets git remove its lock files; SIGKILL leaves them
_NOWHERE = Path("/dev/null")

_ALWAYS = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.alternateRefsCommand": "true",
    "core.pager": "cat",
    "core.editor": "false",
    "core.filesRefLockTimeout": "5000",
    "core.packedRefsTimeout": "5000",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "advice.detachedHead": "false",
    "submodule.recurse": "false",
    "fetch.recurseSubmodules": "false",
    "fetch.prune": "false",
    "push.recurseSubmodules": "no",
    "push.followTags": "false",
    "push.gpgSign": "false",
}
# Attributes of whoever runs the town would make one host merge differently from another.
_OURS_ONLY = {"core.attributesFile": "/dev/null"}

# Everything else that begins with GIT_ steers git away from what the call says.
_USER_GIT_VARIABLES = frozenset(
    {
        "GIT_SSH",
        "GIT_SSH_COMMAND",
        "GIT_SSH_VARIANT",
        "GIT_ASKPASS",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_SYSTEM",
        "GIT_CONFIG_NOSYSTEM",
        "GIT_EXEC_PATH",
        "GIT_PROXY_COMMAND",
        "GIT_HTTP_LOW_SPEED_LIMIT",
        "GIT_HTTP_LOW_SPEED_TIME",
        "GIT_HTTP_PROXY_AUTHMETHOD",
        "GIT_SSL_CAINFO",
        "GIT_SSL_CAPATH",
        "GIT_SSL_CERT",
        "GIT_SSL_KEY",
        "GIT_SSL_NO_VERIFY",
    }
)
_OWN_VARIABLES = ("PATH", "HOME", "TMPDIR", "GIT_EXEC_PATH", "LD_LIBRARY_PATH")


@dataclass(frozen=True)
class Place:
    """Where a command works. `git_dir` is taken as it is; None lets git look for one from `work_tree` up."""

    git_dir: Path | None
    common_dir: Path | None = None
    """Where configuration, objects and refs come from, when not where the git directory says."""
    work_tree: Path | None = None
    index: Path | None = None


NOWHERE = Place(_NOWHERE)
"""For commands that need no repository and must not find one."""


@dataclass(frozen=True)
class Options:
    """What a call needs beyond its words."""

    input: str | None = None
    env: dict[str, str] = field(default_factory=dict)
    """More variables, over the scrubbed ones."""
    settings: dict[str, str] = field(default_factory=dict)
    """More git configuration, over the fixed ones."""
    timeout_s: float | None = None
    as_user: bool = False
    """Read the user's configuration and credentials, and allow network transports."""
    expect: tuple[int, ...] | None = (0,)
    """Exit codes that mean something to the caller; any other raises `GitFailed`. None accepts all."""
    keep_open: tuple[int, ...] = ()
    """File descriptors the command inherits: a lock held through one outlives us for as long as git does."""


@dataclass(frozen=True)
class Result:
    """How a command ended. Bytes that are no UTF-8 are shown as `\\xNN`, so that every string can be stored."""

    code: int
    stdout: str
    stderr: str

    @property
    def line(self) -> str:
        """The output without surrounding white space."""
        return self.stdout.strip()

    @property
    def fields(self) -> list[str]:
        """The NUL-separated parts of the output."""
        return self.stdout.split("\0")[:-1] if self.stdout else []

    @property
    def complaint(self) -> str:
        """What git says went wrong, on one line, without passwords; for people, never for decisions."""
        lines = [line.strip() for line in redact(self.stderr).splitlines() if line.strip()]
        spoken = [line for line in lines if line.startswith(("fatal:", "error:", "remote:"))] or lines
        return "; ".join(spoken)[:400]


def redact(text: str) -> str:
    """Blank the user part of every URL in `text`: it may hold a password."""
    return re.sub(r"(?<=://)[^/@\s]+(?=@)", "***", text)


def git(place: Path | Place, *args: str, options: Options = Options()) -> Result:
    """Run one git command and wait for it. Raises `GitTimedOut`, or `GitFailed` on an exit code not expected."""
    where = Place(place) if isinstance(place, Path) else place
    timeout_s = options.timeout_s or (NETWORK_TIMEOUT_S if options.as_user else TIMEOUT_S)
    result = _run(["git", *args], where, options, timeout_s)
    if options.expect is not None and result.code not in options.expect:
        raise GitFailed(f"git {args[0]} ended with {result.code}: {result.complaint or 'no message'}")
    return result


def _run(argv: list[str], where: Place, options: Options, timeout_s: float) -> Result:
    data = None if options.input is None else options.input.encode("utf-8", "surrogateescape")
    # stderr goes to a file: an ssh connection left open for sharing would hold a pipe long after git has ended.
    with tempfile.TemporaryFile() as complaints:
        process = start(argv, where, options, complaints)
        try:
            stdout, _ = process.communicate(data, timeout=timeout_s)
        except BaseException as error:
            end(process)
            if isinstance(error, subprocess.TimeoutExpired):
                raise GitTimedOut(
                    f"git {argv[1]} did not end within {timeout_s:g} s", hint="Try again later."
                ) from None
            raise
        complaints.seek(0)
        stderr = complaints.read()
    return Result(process.returncode, as_text(stdout), as_text(stderr))


def start(argv: list[str], where: Place, options: Options, complaints: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a git command in a process group of its own, its stderr going to `complaints`; nobody waits for it yet."""
    try:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL if options.input is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env=_environment(where, options),
            cwd=where.work_tree or "/",
            start_new_session=True,
            pass_fds=options.keep_open,
        )
    except (FileNotFoundError, NotADirectoryError) as error:
        if error.filename == "git":
            raise GitNotInstalled("git is not installed", hint="Install git 2.38 or newer.") from None
        raise WorktreeBroken(f"{where.work_tree} is not there") from None


def as_text(raw: bytes) -> str:
    """Output as every string of ours shows it: bytes that are no UTF-8 as `\\xNN`."""
    return raw.decode("utf-8", "backslashreplace")


def end(process: subprocess.Popen[bytes]) -> None:
    """End the command's whole process group, kindly and then surely."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_TERM_GRACE_S)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()


def _environment(where: Place, options: Options) -> dict[str, str]:
    inherited = config.environment()
    if options.as_user:
        env = {k: v for k, v in inherited.items() if not k.startswith("GIT_") or k in _USER_GIT_VARIABLES}
        env["GIT_ALLOW_PROTOCOL"] = "file:git:http:https:ssh"
    else:
        env = {k: inherited[k] for k in _OWN_VARIABLES if k in inherited}
        env |= {
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_ALLOW_PROTOCOL": "file",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_DEFAULT_REF_FORMAT": "files",
            "GIT_COMMITTER_NAME": "gastown",
            "GIT_COMMITTER_EMAIL": "gastown@localhost",
        }
    env |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "GIT_PAGER": "cat"}
    places = {
        "GIT_DIR": where.git_dir,
        "GIT_COMMON_DIR": where.common_dir,
        "GIT_WORK_TREE": where.work_tree if where.git_dir else None,
        "GIT_INDEX_FILE": where.index,
    }
    env |= {key: str(path) for key, path in places.items() if path is not None}
    settings = _ALWAYS | ({} if options.as_user else _OURS_ONLY) | options.settings
    env["GIT_CONFIG_COUNT"] = str(len(settings))
    for number, (key, value) in enumerate(settings.items()):
        env[f"GIT_CONFIG_KEY_{number}"] = key
        env[f"GIT_CONFIG_VALUE_{number}"] = value
    return env | options.env


@cache
def version() -> tuple[int, ...]:
    """The version of the git on PATH. Raises `GitNotInstalled` where it is missing or too old for us."""
    found = tuple(int(number) for number in re.findall(r"\d+", git(NOWHERE, "version").stdout)[:3])
    if found[:2] < OLDEST_GIT:
        shown = ".".join(map(str, found))
        raise GitNotInstalled(f"git {shown} is too old", hint="Install git 2.38 or newer.")
    return found
