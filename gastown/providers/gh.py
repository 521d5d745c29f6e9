"""GitHub's pull requests through its own command `gh`, with the credential that whoever runs the town gave to it.

Follows the manual of gh 2 as of July 2026 (`gh pr create|list|view|merge|close`, `gh help environment`, `gh help
exit-codes`): 0 done, 1 failed, 2 cancelled, 4 not logged in. An exit code of 1 has no meaning that a program could
read, so that the words of the message choose which of our errors is raised, and with it the advice and the patience.
Nothing hangs on them: whether a pull request was merged is read from the remote's target.

`gh` is called without a shell, away from any repository, with the variables that it documents and nothing else of ours.
What it prints is never logged but for the line of a complaint.
"""

import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from gastown import config
from gastown.errors import GastownError
from gastown.providers.errors import (
    BadPullRemote,
    CredentialMissing,
    ProviderAway,
    ProviderMissing,
    RepositoryMissing,
)
from gastown.providers.gh_answers import LIST, VIEW, read, read_own, read_view, unreadable
from gastown.providers.provider import Merge, Pull, PullState, PullView

TIMEOUT_S = 30.0
_NOT_LOGGED_IN = 4
# What `gh help environment` names, less what changes how it prints; and what any program needs to find its files,
# its keyring and a way out.
_VARIABLES = (
    *("GH_TOKEN", "GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN", "GH_CONFIG_DIR"),
    *("PATH", "HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"),
    *("DBUS_SESSION_BUS_ADDRESS", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
)
_FIXED = {
    "GH_PROMPT_DISABLED": "1",
    "GH_NO_UPDATE_NOTIFIER": "1",
    "GH_NO_EXTENSION_UPDATE_NOTIFIER": "1",
    "GH_SPINNER_DISABLED": "1",
    "GH_PAGER": "cat",
    "NO_COLOR": "1",
    "LC_ALL": "C",
}
_REMOTES = (
    re.compile(r"(?:https?|ssh|git)://(?:[^/@]+@)?([^/:]+)(?::\d+)?/([^/]+)/([^/]+?)(?:\.git)?/?"),
    re.compile(r"(?:[^/@]+@)([^/:]+):([^/]+)/([^/]+?)(?:\.git)?/?"),
)
# By what a complaint contains: the error, and what to do. The first that fits.
_MEANINGS: tuple[tuple[re.Pattern[str], type[GastownError], str], ...] = (
    (re.compile(r"rate limit", re.I), ProviderAway, "It is asked again by itself; nothing is to be done."),
    (
        re.compile(r"error connecting|dial tcp|timeout|timed out|no such host|connection re|HTTP 5\d\d|EOF", re.I),
        ProviderAway,
        "It is asked again by itself; nothing is to be done.",
    ),
    (
        re.compile(r"HTTP 40[13]|gh auth|Bad credentials|Resource not accessible|must have push access", re.I),
        CredentialMissing,
        "Run `gh auth login` as the user that runs the town, with an account that may write to the repository.",
    ),
    (
        re.compile(r"Could not resolve to a Repository|HTTP 404", re.I),
        RepositoryMissing,
        "Check the rig's remote, and that the account of `gh auth status` sees the repository.",
    ),
)
_LONGEST_TITLE, _LONGEST_BODY, _LONGEST_SAID = 200, 20_000, 300
# Any number of forks may have a branch of the name of ours.
_MOST_LISTED = "1000"


@dataclass(frozen=True)
class _Answer:
    code: int
    out: str
    said: str


@dataclass(frozen=True)
class GitHub:
    """One repository on GitHub, or on a GitHub Enterprise server."""

    repository: str
    """HOST/OWNER/NAME, as `gh --repo` takes it."""

    @classmethod
    def of(cls, remote_url: str) -> "GitHub":
        """The repository to which a remote's address leads; refuses a path and other addresses."""
        for form in _REMOTES:
            found = form.fullmatch(remote_url)
            if found:
                return cls("/".join(found.groups()))
        raise BadPullRemote(
            "the rig's remote is no repository on a server of GitHub's kind",
            hint="It must be like https://github.com/OWNER/NAME.git or git@github.com:OWNER/NAME.git.",
        )

    def open_or_find(self, branch: str, target: str, title: str, body: str) -> Pull:
        """See `Provider`. `gh pr create` refuses a second one for a branch, so that two at once open one."""
        found = self._find(branch, target)
        if found is not None:
            return found
        words = ["--head", branch, "--base", target, "--title", title[:_LONGEST_TITLE], "--body", body[:_LONGEST_BODY]]
        made = self._run("create", *words)
        found = self._find(branch, target)
        if found is None:
            raise _error(made) if made.code else ProviderAway("gh opened a pull request and does not show it")
        return found

    def _find(self, branch: str, target: str) -> Pull | None:
        """The open one of the repository's own branch: gh also lists those of forks that have a branch of that name."""
        words = ["--head", branch, "--base", target, "--state", "open", "--limit", _MOST_LISTED, "--json", LIST]
        rows = read(self._done("list", *words))
        if not isinstance(rows, list):
            raise unreadable()
        pulls = [pull for row in rows if (pull := read_own(row)) is not None]
        return min(pulls, key=lambda pull: pull.number, default=None)

    def look(self, number: int) -> PullView:
        """See `Provider`."""
        return read_view(read(self._done("view", str(number), "--json", VIEW)))

    def merge(self, number: int, expected_head: str) -> Merge:
        """See `Provider`. Rules of the branch are obeyed: `--admin` is never used."""
        answer = self._run("merge", str(number), "--merge", "--match-head-commit", expected_head)
        if answer.code == 0:
            return Merge(taken=True)
        error = _error(answer)
        if isinstance(error, ProviderAway) and _meaning(answer) is not None:
            raise error
        return Merge(taken=False, reason=error.message)

    def close(self, number: int) -> None:
        """See `Provider`."""
        answer = self._run("close", str(number))
        if answer.code and self.look(number).state is PullState.OPEN:
            raise _error(answer)

    def _done(self, *words: str) -> str:
        answer = self._run(*words)
        if answer.code:
            raise _error(answer)
        return answer.out

    def _run(self, *words: str) -> _Answer:
        return _call(["gh", "pr", *words, "--repo", self.repository])


def _call(argv: Sequence[str]) -> _Answer:
    """Run `gh` in a process group of its own and wait for it, but not for longer than `TIMEOUT_S`."""
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(config.environment()),
            cwd="/",
            start_new_session=True,
        )
    except FileNotFoundError:
        raise ProviderMissing(
            "the command gh is not installed here", hint="Install it (https://cli.github.com) and run `gh auth login`."
        ) from None
    except OSError as error:
        raise ProviderMissing(f"gh cannot be started: {error.strerror}", hint="Check how gh is installed.") from None
    try:
        out, said = process.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise ProviderAway(f"gh did not answer within {TIMEOUT_S:g} s", hint="It is asked again by itself.") from None
    finally:
        _end(process)
    return _Answer(process.returncode, out.decode(errors="replace"), said.decode(errors="replace"))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Leave nothing of it behind; after a time-out its helpers hold the pipes."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe:
            pipe.close()


def _environment(inherited: Mapping[str, str]) -> dict[str, str]:
    return {name: inherited[name] for name in _VARIABLES if name in inherited} | _FIXED


def _complaint(answer: _Answer) -> str:
    lines = [line.strip() for line in answer.said.splitlines() if line.strip()]
    shown = re.sub(r"(?<=://)[^/@\s]+(?=@)|\bgh[a-z]_\w+|\bgithub_pat_\w+", "***", "; ".join(lines[:3]))
    return f"gh: {shown[:_LONGEST_SAID] or f'exit status {answer.code}'}"


def _meaning(answer: _Answer) -> tuple[type[GastownError], str] | None:
    return next(((kind, hint) for form, kind, hint in _MEANINGS if form.search(answer.said)), None)


def _error(answer: _Answer) -> GastownError:
    """Our error for an exit code that is not 0; what nobody knows is taken for a passing trouble."""
    if answer.code == _NOT_LOGGED_IN:
        return CredentialMissing("gh is not logged in here", hint=_MEANINGS[2][2])
    kind, hint = _meaning(answer) or (ProviderAway, "See whether the same works by hand; it is tried again by itself.")
    return kind(_complaint(answer), hint=hint)
