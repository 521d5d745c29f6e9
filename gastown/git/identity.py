"""Who git says the user is."""

from gastown.errors import GastownError
from gastown.git.run import NOWHERE, Options, git


def user_name() -> str:
    """The user's `user.name`, or the empty string when none is set or git is not there."""
    return _ask("user.name")


def user_email() -> str:
    """The user's `user.email`, or the empty string when none is set or git is not there."""
    return _ask("user.email")


def _ask(key: str) -> str:
    try:
        result = git(NOWHERE, "config", "--get", key, options=Options(as_user=True, expect=None, timeout_s=5.0))
    except GastownError:
        return ""
    return result.line if result.code == 0 else ""
