"""Git is there and new enough."""

from collections.abc import Iterable

from gastown import git
from gastown.patrols.findings import Category, Check, Fault, Here


def look(_here: Here) -> Iterable[Fault]:
    """Raises GitNotInstalled, which says what is wanted."""
    git.version()
    return ()


CHECK = Check("git", look, "git is new enough (2.38)", category=Category.INFRASTRUCTURE, needs_sql=False)
