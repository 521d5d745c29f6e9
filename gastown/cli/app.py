"""Running one command line: find the command, run it, turn an error into words and an exit code."""

import importlib
import random
import time

import click

from gastown import clock, logs
from gastown.cli.commands import ReaderGone
from gastown.cli.context import Context, for_process
from gastown.errors import Bug, GastownError, Invalid, Unavailable

# `bd` keeps the exit codes of beads: general failure is 1.
BD_FAILURE = 1
_INTERRUPTED = 130
# Deadlocks and the like last milliseconds; SQLite has waited for half a minute before it says that it is busy.
_AGAIN_WITHIN_S = 5.0


def main(program: str, argv: list[str]) -> int:
    """Run `argv` for the person at the terminal; return the exit code."""
    context = for_process(program)
    logs.keep_quiet()
    try:
        code = invoke(context, argv)
        context.out.flush()  # here, where its failure can be told; not when the interpreter ends
        return code
    except KeyboardInterrupt:
        return _INTERRUPTED
    except (ReaderGone, BrokenPipeError):
        _forget_output()
        return 0
    except OSError as error:
        _forget_output()
        hint = "Check that the disk has room."
        return _fail(context, "unavailable", f"cannot write the output: {error.strerror}", hint, Unavailable.exit_code)
    except Exception as error:  # whoever reports this needs the traceback; programs get one line and a status
        import traceback

        traceback.print_exc(file=context.err)
        message = f"this is a defect of {program}: {type(error).__name__}: {error}"
        return _fail(context, "bug", message, "Please report it with the lines above.", Bug.exit_code)


def _forget_output() -> None:
    """Send what is still buffered nowhere, so that the interpreter does not try it once more at its end."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def invoke(context: Context, argv: list[str]) -> int:
    """Run `argv` with `context`; errors become text or JSON on its streams. Used by workers for agents, too."""
    root: click.Group = getattr(importlib.import_module(f"gastown.cli.{context.program}"), context.program)
    if "--json" in argv:
        context.json = True  # also for errors that come before options are parsed
    try:
        return _run_again(root, context, argv)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        context.echo(error.format_message())
        return 2
    except click.UsageError as error:
        hint = f"See `{error.ctx.command_path} --help`." if error.ctx else None
        return _fail(context, "invalid", error.format_message(), hint, 2)
    except click.ClickException as error:
        return _fail(context, "failed", error.format_message(), None, error.exit_code)
    except click.Abort:
        return _INTERRUPTED
    except GastownError as error:
        context.error = error
        code = _fail(context, _kind(error), error.message, error.hint, error.exit_code)
        return error.bd_exit_code if context.program == "bd" else code


def _check_words(argv: list[str]) -> None:
    """Refuse what neither database can store: words that are not UTF-8 or hold a null character."""
    for word in argv:
        # What the shell gave that is not UTF-8 arrives as halves of surrogate pairs.
        if "\x00" in word or any("\ud800" <= letter <= "\udfff" for letter in word):
            raise Invalid(f"not UTF-8 text: {word[:60]!a}", hint="Give the text in UTF-8.")


def _run_again(root: click.Group, context: Context, argv: list[str]) -> int:
    """Run the command line, from its start again while others stand in the way of its first write to the database."""
    deadline = clock.monotonic() + _AGAIN_WITHIN_S
    longest_pause = 0.05
    while True:
        try:
            return _run(root, context, argv)
        except GastownError:
            if not context.may_repeat or clock.monotonic() > deadline:
                raise
        context.may_repeat = False
        time.sleep(random.uniform(0, longest_pause))  # noqa: S311 - so that two do not meet once more
        longest_pause *= 2


def _run(root: click.Group, context: Context, argv: list[str]) -> int:
    _check_words(argv)
    try:
        result = root.main(args=argv, prog_name=context.program, obj=context, standalone_mode=False)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        hint = "Check that the disk has room, and who may write there; then run the command again."
        raise Unavailable(f"{where}{error.strerror or error}", hint=hint) from error
    return result if isinstance(result, int) else 0


def _kind(error: GastownError) -> str:
    """The error's class below the root, in snake case: a word for programs to branch on."""
    family = type(error).__mro__[type(error).__mro__.index(GastownError) - 1].__name__
    return {"NotFound": "not_found"}.get(family, family.lower())


def _fail(context: Context, kind: str, message: str, hint: str | None, code: int) -> int:
    one_line, hint = " ".join(message.split()), " ".join((hint or "").split())
    context.warn(f"Error: {one_line}")
    if hint:
        context.warn(f"Hint: {hint}")
    if context.json:
        error: dict[str, object] = {"error": one_line, "code": kind, "schema_version": 1}
        if hint:
            error["hint"] = hint
        context.print_json(error)
    return BD_FAILURE if context.program == "bd" else code
