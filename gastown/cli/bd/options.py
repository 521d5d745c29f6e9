"""Options that several verbs share: texts, times, filters."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import click

from gastown.cli.context import Context
from gastown.errors import Invalid

F = TypeVar("F", bound=Callable[..., Any])


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


def remark(context: Context, words: Sequence[str], file: str | None, *, stdin: bool) -> str:
    """A text given as words, in a file or on standard input."""
    if sum((bool(words), file is not None, stdin)) > 1:
        raise BadOption("give the text once: as words, by -f or by --stdin")
    return context.read_text(file or "-") if file or stdin else " ".join(words)


DESIGN = stack(
    click.option("--design", help="How to do it."),
    click.option("--design-file", help="Read the design from a file (- is standard input)."),
)
DESCRIPTION = stack(
    click.option("-d", "--description", help="What is to be done, and how to see that it is."),
    click.option("--body-file", help="Read the description from a file (- is standard input)."),
    click.option("--stdin", is_flag=True, help="Read the description from standard input."),
)


def limit(default: int | None) -> Callable[[F], F]:
    """`--limit` with this default."""
    return click.option(
        "-n",
        "--limit",
        type=click.IntRange(0, 1_000_000),
        default=default,
        show_default=default is not None,
        help="How many (0: all)."
        if default is not None
        else "How many (0: all)  [default: 50; with BD_AGENT_MODE=1: 20]",
    )
