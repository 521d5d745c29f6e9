"""What a bead's fields may hold, where the store need not be asked."""

from gastown.beads.errors import BadField
from gastown.beads.models import LOWEST_PRIORITY, TITLE_LIMIT

LABEL_LIMIT = 255


def check_title(title: str) -> str:
    """The title without blanks around it; refuses an empty or an overlong one."""
    title = title.strip()
    if not title:
        raise BadField("title cannot be empty", hint="Say in one line what is to be done.")
    if len(title) > TITLE_LIMIT:
        raise BadField(f"title is longer than {TITLE_LIMIT} characters", hint="Put the rest into the description.")
    return check_text("title", title)


def check_text(name: str, text: str) -> str:
    """The text itself; refuses what a database cannot store."""
    if "\x00" in text:
        raise BadField(f"{name} holds a null character")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise BadField(f"{name} is not UTF-8 text") from None
    return text


def check_short(name: str, text: str) -> str:
    """A name or reference of at most 255 characters."""
    if len(text) > LABEL_LIMIT:
        raise BadField(f"{name} is longer than {LABEL_LIMIT} characters")
    return check_text(name, text)


def check_priority(priority: int) -> int:
    """0 (most urgent) to 4."""
    if not 0 <= priority <= LOWEST_PRIORITY:
        raise BadField(f"invalid priority {priority}", hint=f"Give 0 (most urgent) to {LOWEST_PRIORITY}.")
    return priority


def check_label(label: str) -> str:
    """The label without blanks around it; refuses an empty one."""
    label = label.strip()
    if not label:
        raise BadField("label cannot be empty")
    return check_short("label", label)


def check_estimate(minutes: int | None) -> int | None:
    """Minutes, or None."""
    if minutes is not None and not 0 <= minutes < 2**31:
        raise BadField("estimate must be a non-negative number of minutes")
    return minutes
