"""A hosted repository for tests: a real bare repository with a protected branch, and `gh` to ask for pull requests."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support import gh_stand_in
from tests.support.refinery_town import run_git

SLUG = "git.example.com/team/app"
URL = f"https://{SLUG}.git"
PASSED = {"__typename": "CheckRun", "name": "build", "status": "COMPLETED", "conclusion": "SUCCESS"}
FAILED = {**PASSED, "conclusion": "FAILURE", "detailsUrl": "https://ci.example.com/1"}
PENDING = {**PASSED, "status": "IN_PROGRESS", "conclusion": ""}
_PROTECTED = """#!/bin/sh
while read old new ref; do
  if [ "$ref" = refs/heads/main ]; then echo "GH006: Protected branch update failed for $ref." >&2; exit 1; fi
done
"""


class Hosted:
    """The service, as its users and its administrators act on it."""

    def __init__(self, folder: Path, repository: Path) -> None:
        self.folder = folder
        self.repository = repository
        (folder / "bin").mkdir(parents=True)
        script = folder / "bin" / "gh"
        script.write_text(f"#!{sys.executable} -I\n{Path(gh_stand_in.__file__).read_text()}")
        script.chmod(0o755)
        rules = {"needs_review": True, "must_be_current": False, "required_checks": [], "merge_commits": True}
        kept = {"pulls": [], "checks": {}, "default_checks": [PASSED], "faults": {}, "calls": []}
        self._path.write_text(json.dumps({"repository": str(repository), "slug": SLUG, **rules, **kept}))

    def use(self, patch: pytest.MonkeyPatch) -> None:
        """Let this process find `gh`, and git the repository behind its address."""
        settings = self.folder / "gitconfig"
        settings.write_text(f'[url "{self.repository}"]\n\tinsteadOf = {URL}\n')
        patch.setenv("GIT_CONFIG_GLOBAL", str(settings))
        patch.setenv("PATH", f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}")

    def protect(self) -> None:
        """From now on nobody pushes to main."""
        hook = self.repository / "hooks" / "pre-receive"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(_PROTECTED)
        hook.chmod(0o755)

    @property
    def _path(self) -> Path:
        return self.folder / "service.json"

    @contextmanager
    def edit(self) -> Iterator[dict[str, Any]]:
        """What the service knows, to be changed."""
        state = json.loads(self._path.read_text())
        yield state
        self._path.write_text(json.dumps(state))

    @property
    def state(self) -> dict[str, Any]:
        return dict(json.loads(self._path.read_text()))

    def set(self, **rules: object) -> None:
        """Change rules of the branch, checks of new heads, or what fails (`faults`: by verb, by verb and number or
        branch, or `all`).
        """
        with self.edit() as state:
            assert rules.keys() <= state.keys()
            state.update(rules)

    def pull(self, number: int = 1) -> dict[str, Any]:
        return dict(self.state["pulls"][number - 1])

    def head(self, number: int = 1) -> str:
        """What the branch of a pull request holds."""
        return run_git(self.repository, "rev-parse", f"refs/heads/{self.pull(number)['branch']}")

    def review(self, verdict: str, *, number: int = 1, text: str = "", author: str = "reviewer") -> None:
        """Somebody reviews what the pull request shows."""
        said = {"author": {"login": author}, "state": verdict, "body": text, "submittedAt": "2026-01-02T03:04:05Z"}
        said["commit"] = {"oid": self.head(number)}
        with self.edit() as state:
            state["pulls"][number - 1]["reviews"].append(said)

    def approve(self, number: int = 1) -> None:
        self.review("APPROVED", number=number)

    def close(self, number: int = 1, *, text: str = "") -> None:
        """A person closes it, and says why."""
        with self.edit() as state:
            pull = state["pulls"][number - 1]
            pull["state"], pull["head"] = "CLOSED", self.head(number)
            said = {"author": {"login": "maintainer"}, "body": text, "createdAt": "2026-01-02T03:04:05Z"}
            pull["comments"].append(said)

    def change(self, number: int = 1, **values: object) -> None:
        """Somebody changes a pull request: into which branch it goes (`base`), or what keeps it from being merged."""
        with self.edit() as state:
            state["pulls"][number - 1].update(values)

    def squash(self, number: int = 1) -> str:
        """A person merges it as one commit, whatever the rules say; returns that."""
        pull, head = self.pull(number), self.head(number)
        base = f"refs/heads/{pull['base']}"
        tree = run_git(self.repository, "merge-tree", "--write-tree", base, head)
        made = run_git(self.repository, "commit-tree", "-p", base, "-m", str(pull["title"]), tree)
        run_git(self.repository, "update-ref", base, made)
        self.change(number, state="MERGED", head=head, merge=made)
        return made

    def drop_branch(self, number: int = 1) -> None:
        """Somebody deletes its branch, as a click does once it is merged or closed."""
        run_git(self.repository, "update-ref", "-d", f"refs/heads/{self.pull(number)['branch']}")

    def check(self, *checks: dict[str, Any], number: int = 1) -> None:
        """The hosted checks of what the pull request shows."""
        with self.edit() as state:
            state["checks"][self.head(number)] = list(checks)

    def push(self, person: Path, branch: str, oid: str) -> None:
        """An administrator's way past the protection, and anybody's to another branch."""
        run_git(person, "push", "--quiet", str(self.repository), f"{oid}:refs/hidden/{oid}")
        run_git(self.repository, "update-ref", f"refs/heads/{branch}", oid)
        run_git(self.repository, "update-ref", "-d", f"refs/hidden/{oid}")

    def calls(self, verb: str) -> int:
        """How often `gh pr VERB` was called."""
        return sum(call[1] == verb for call in self.state["calls"])
