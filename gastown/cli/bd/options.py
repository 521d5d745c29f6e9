"""Options that several verbs share: texts, times, filters."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gastown.cli.context import Context
from gastown.errors import Invalid

if TYPE_CHECKING:
    from gastown.beads import Filters

F = TypeVar("F", bound=Callable[..., Any])
_MANY = ("types", "exclude_types", "labels", "labels_any", "exclude_labels", "ids")
_AS_SAID = (
    *("assignee", "unassigned", "no_labels", "no_parent", "pinned", "overdue", "reverse"),
    *("title_contains", "desc_contains", "notes_contains"),
)
_SORTS = ("priority", "created", "updated", "closed", "status", "id", "title", "type", "assignee")


class BadOption(Invalid):
    """An option's value is not one that it takes."""


def stack(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Several option decorators as one, in the order in which help shows them."""

    def wrap(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return wrap


def words(values: Sequence[str]) -> tuple[str, ...]:
    """Repeated and comma-separated values as one tuple."""
    return tuple(word.strip() for value in values for word in value.split(",") if word.strip())


def priority(text: str) -> int:
    """0 to 4, also as P0 to P4."""
    digits = text[1:] if text[:1] in "pP" else text
    if digits not in ("0", "1", "2", "3", "4"):
        raise BadOption(f"invalid priority {text[:20]!r}", hint="Give 0 (most urgent) to 4.")
    return int(digits)


def when(text: str, option: str) -> datetime:
    """A time as people type it."""
    from gastown import clock
    from gastown.beads import parse_when

    return parse_when(text, clock.now(), option=option)


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is not a number")


def metadata(context: Context, text: str) -> dict[str, Any]:
    """A JSON object, also from `@FILE`."""
    said = context.read_text(text[1:]) if text.startswith("@") else text
    try:
        value = json.loads(said, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise BadOption("--metadata is not a JSON object", hint="""Write it like '{"key": "value"}'.""")
    return value


def _one_of(context: Context, said: dict[str, Any], text: str, file: str) -> str | None:
    given = [name for name in (text, file, "stdin") if said.get(name) not in (None, False)]
    if text != "description":
        given = [name for name in given if name != "stdin"]
    if len(given) > 1:
        words = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise BadOption(f"{words} exclude each other")
    if given == ["stdin"]:
        return context.read_text("-")
    if given == [file]:
        return context.read_text(said[file])
    found: str | None = said.get(text)
    return found


def long_text(context: Context, said: dict[str, Any]) -> str | None:
    """The description: from --description, --body-file or --stdin; None when none is given."""
    return _one_of(context, said, "description", "body_file")


def design_text(context: Context, said: dict[str, Any]) -> str | None:
    """The design: from --design or --design-file; None when none is given."""
    if said.get("design_file") == "-" and (said.get("stdin") or said.get("body_file") == "-"):
        raise BadOption("standard input can be read once: for the description or for the design")
    return _one_of(context, said, "design", "design_file")


def owner(context: Context) -> str:
    """The person who answers for new beads: the author's address of git; of an agent's beads nobody."""
    if context.session_pass is not None:
        return ""
    from gastown import config, git

    return (config.environment().get("GIT_AUTHOR_EMAIL") or git.user_email())[:255]


DESIGN = stack(
    click.option("--design", help="How to do it."),
    click.option("--design-file", help="Read the design from a file (- is standard input)."),
)
DESCRIPTION = stack(
    click.option("-d", "--description", help="What is to be done, and how to see that it is."),
    click.option("--body-file", help="Read the description from a file (- is standard input)."),
    click.option("--stdin", is_flag=True, help="Read the description from standard input."),
)

FILTERS = stack(
    click.option("-s", "--status", "statuses", multiple=True, help="Status, or several with commas, or `all`."),
    click.option("-t", "--type", "types", multiple=True, help="Type, or several with commas."),
    click.option("--exclude-type", "exclude_types", multiple=True, help="Not these types."),
    click.option("-p", "--priority", help="Exactly this priority."),
    click.option("--priority-min", help="At least this number."),
    click.option("--priority-max", help="At most this number."),
    click.option("-a", "--assignee", help="Assigned to this name."),
    click.option("--no-assignee", "-u", "--unassigned", "unassigned", is_flag=True, help="Assigned to nobody."),
    click.option("-l", "--label", "labels", multiple=True, help="With all of these labels."),
    click.option("--label-any", "labels_any", multiple=True, help="With one of these labels."),
    click.option("--exclude-label", "exclude_labels", multiple=True, help="With none of these labels."),
    click.option("--no-labels", is_flag=True, help="Without labels."),
    click.option("--title", "--title-contains", "title_contains", default="", help="Text in the title."),
    click.option("--desc-contains", default="", help="Text in the description."),
    click.option("--notes-contains", default="", help="Text in the notes."),
    click.option("--parent", help="Children of this bead."),
    click.option("--no-parent", is_flag=True, help="Without a parent."),
    click.option("--id", "ids", multiple=True, help="Exactly these ids."),
    click.option("--rig", help="Of this rig."),
    click.option("--pinned/--no-pinned", default=None, help="Marked as context, or not."),
    click.option("--overdue", is_flag=True, help="Past their due date."),
    *(
        click.option(f"--{name}-{side}", f"{name}_{side}", help=f"{name.capitalize()} {side} this time.")
        for name in ("created", "updated", "closed", "due")
        for side in ("after", "before")
    ),
    click.option("-r", "--reverse", is_flag=True, help="The other way round."),
)


def limit(default: int) -> Callable[[F], F]:
    """`--limit` with this default."""
    return click.option(
        "-n",
        "--limit",
        type=click.IntRange(0, 1_000_000),
        default=default,
        show_default=True,
        help="How many (0: all).",
    )


def sort(default: str, *more: str) -> Callable[[F], F]:
    """`--sort` with the orders of a listing."""
    return click.option(
        "--sort", type=click.Choice([*_SORTS, *more]), default=default, show_default=True, help="The order."
    )


def filters(context: Context, session: Any, said: dict[str, Any], **more: Any) -> "Filters":
    """What the options of FILTERS ask for; refuses what no bead can be."""
    from gastown import beads
    from gastown.cli.bd.scope import prefix_for, resolve

    spans = {
        name: beads.Between(
            **{side: when(text, f"--{name}-{side}") for side in ("after", "before") if (text := said[f"{name}_{side}"])}
        )
        for name in ("created", "updated", "closed", "due")
    }
    statuses = words(said["statuses"])
    numbers = {name: priority(text) for name in ("priority", "priority_min", "priority_max") if (text := said[name])}
    family = "below" if more.pop("deep", False) else "parent"
    values: dict[str, Any] = {
        "statuses": () if "all" in statuses else statuses,
        "any_status": "all" in statuses,
        family: resolve(context, session, said["parent"]).id if said["parent"] else "",
        "prefix": prefix_for(context, session, said["rig"]) if said["rig"] else "",
        "sort": beads.Sort(said.get("sort") or "priority"),
        "limit": said.get("limit", 0),
        **{name: words(said[name]) for name in _MANY},
        **{name: said[name] for name in _AS_SAID},
        **numbers,
        **spans,
    }
    values["any_status"] |= more.pop("any_status", False)
    asked = beads.Filters(**values, **more)
    beads.check_filters(session, asked)
    return asked
