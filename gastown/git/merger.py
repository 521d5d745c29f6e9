"""Many merges in one repository, one on top of the other, at the cost of one git process each.

The processes that write the commits and look for changed `.gitattributes` stay. The one that merges cannot: git 2.39
keeps what `merge-tree --stdin` has to say until its input ends, and each of our merges stands on the one before it.
"""

import contextlib
import secrets
import shutil
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from gastown.errors import Bug
from gastown.git import attributes, scratch
from gastown.git.disk import on_disk
from gastown.git.errors import GitFailed
from gastown.git.history import Commit
from gastown.git.merge import Conflicted, Draft, Merged, Person, commit_text, commit_tree, merge_in
from gastown.git.names import check_oid
from gastown.git.run import Place, as_text
from gastown.git.talk import Talk

_COMMIT = ("hash-object", "-t", "commit", "-w", "--stdin-paths")
_DIFF = ("diff-tree", "--stdin", "-r", "-z", "--raw", "--no-renames", "--no-commit-id", "--", attributes.NAMES)

# Of the commits that tell git what to take for the base of a merge, and that no ref will ever hold.
_NOBODY = Person("nobody", "nobody@localhost")
_NEVER = datetime.fromtimestamp(0, UTC)


class Merger:
    """Merges and commits in `repo`, to the letter like `merge_trees` and `commit_tree`, until its block ends.

    What one of the processes does not answer well is asked again of a command of its own, whose errors have a meaning.
    One merger belongs to one thread.
    """

    def __init__(self, repo: Path) -> None:
        self.repo = repo
        self._talks: dict[tuple[str, ...], Talk] = {}
        self._open = contextlib.ExitStack()
        self._folder: Path | None = None
        self._base: str | None = None
        self._has_attributes = False

    @on_disk
    def __enter__(self) -> "Merger":
        self._folder = Path(self._open.enter_context(scratch.make_folder()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for words in list(self._talks):
            self._hang_up(words)
        self._open.close()

    @on_disk
    def merge(self, base: str, head: str) -> Merged | Conflicted:
        """Merge commit `head` into commit `base`; as `merge_trees`, errors included."""
        try:
            self._stand_on(check_oid(base))
            return merge_in(self.repo, self._tree, base, head)
        except BaseException:
            self._base = None  # what was read of a commit that is not whole is no ground to go on from
            raise

    def replay(self, tree: str, commit: Commit) -> Merged | Conflicted:
        """Apply to `tree` what `commit`, which has a parent, changes against its first one; errors as `merge`.

        Git 2.39 cannot be told the base of a merge: so both trees are given that parent, which then is their base.
        """
        drafts = [Draft(one, commit.parents[:1], "Side", _NOBODY, _NOBODY, _NEVER) for one in (tree, commit.tree)]
        onto, change = (self.write(draft) for draft in drafts)
        return self.merge(onto, change)

    @on_disk
    def write(self, draft: Draft) -> str:
        """Write the commit and return its id; no ref moves."""
        if self._folder is None:
            return commit_tree(self.repo, draft)
        path = self._folder / "commit"
        path.write_bytes(commit_text(draft).encode())
        try:
            talk = self._talk(_COMMIT)
            talk.ask(str(path))
            return check_oid(talk.hear(b"\n").decode())
        except GitFailed:
            self._hang_up(_COMMIT)
            return commit_tree(self.repo, draft)

    @property
    def _tree(self) -> Path | None:
        """The folder with the `.gitattributes` of the commit that is merged into."""
        return self._folder / "tree" if self._folder and self._has_attributes else None

    def _stand_on(self, base: str) -> None:
        """Have the attributes of `base` hold."""
        if base == self._base:
            return
        folder = self._folder
        if folder is None:
            raise Bug("a merger works within its block only")
        if self._base is None:
            shutil.rmtree(folder / "tree", ignore_errors=True)
            (folder / "tree").mkdir(exist_ok=True)
            files = attributes.changed(self.repo, None, base)
        else:
            files = self._changed(self._base, base)
        self._base = None
        attributes.lay_out(self.repo, folder / "tree", files)
        self._has_attributes = self._has_attributes or bool(files)
        self._base = base

    def _changed(self, since: str, until: str) -> dict[str, str | None]:
        try:
            talk = self._talk(_DIFF)
            mark = secrets.token_hex(8)
            talk.ask(f"{until} {since}")  # a commit, and what is to be taken for its parent
            talk.ask(mark)  # what is no object id comes back as it is
            return attributes.parse_raw(as_text(talk.hear(f"{mark}\n".encode())))
        except GitFailed:
            self._hang_up(_DIFF)
            return attributes.changed(self.repo, since, until)

    def _talk(self, words: tuple[str, ...]) -> Talk:
        if words not in self._talks:
            self._talks[words] = Talk(Place(self.repo), *words)
        return self._talks[words]

    def _hang_up(self, words: tuple[str, ...]) -> None:
        talk = self._talks.pop(words, None)
        if talk is not None:
            talk.close()
