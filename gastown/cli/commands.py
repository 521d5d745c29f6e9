"""How a command is declared: lazily imported, with `--json` everywhere, and closed to agents unless opened to them."""

import importlib
from collections.abc import Callable, Container, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from gastown.cli.context import Context
from gastown.errors import Refused

F = TypeVar("F", bound=Callable[..., Any])


class ReaderGone(Exception):
    """The reader of our output (head, grep -q) went away; nothing is wrong."""


def _show_help(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        obj = context.find_object(Context)
        text = context.get_help()
        if obj is None:
            click.echo(text)
        else:
            obj.echo(text)
        context.exit()


class Command(click.Command):
    """A command with `--json`; `in_session`: an agent may call it; `resident`: a child of the resident may run it."""

    def __init__(self, *args: Any, in_session: bool = False, resident: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.in_session = in_session
        self.resident = resident
        self.params.append(
            click.Option(
                ["--json", "as_json"], is_flag=True, expose_value=False, callback=_set_json, help="Print JSON."
            )
        )
        # Behind the verb, too, as people are used to; the verb's own options of the same name come first.
        taken = {word for parameter in self.params for word in parameter.opts}
        self.params += global_options(taken, hidden=True)

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Help goes where the context's output goes."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.callback = _show_help
        return option

    def invoke(self, ctx: click.Context) -> Any:
        """Refuse an agent a command that is not for agents."""
        obj = ctx.find_object(Context)
        if obj is not None and obj.session_pass is not None and not self.in_session:
            raise Refused(
                f"`{ctx.command_path}` is not for agents",
                hint="Work on the bead on your hook; `gt prime` says which, `gt done` submits it.",
            )
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # which click would turn into exit status 1
            raise ReaderGone from None


def _set_json(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    obj = ctx.find_object(Context)
    if value and obj is not None:
        obj.json = True


# What `bd` takes before and behind every verb: the words, the field of the context, and its meaning.
_GLOBAL: tuple[tuple[tuple[str, ...], str, str, Any], ...] = (
    (("-C", "--directory"), "start", "Work as if called in this folder.", click.Path(path_type=Path)),
    (("--db",), "db", "The database file of a folder's own store.", str),
    (("--actor",), "actor_given", "Who acts (default: git's user name).", str),
    (("-q", "--quiet"), "quiet", "No confirmations.", bool),
    (("-v", "--verbose"), "verbose", "Say which store is used, and who acts.", bool),
    (("--readonly",), "readonly", "Refuse to change anything.", bool),
    (("--sandbox",), "sandbox", "Do nothing but what is asked for: no automatic export.", bool),
    (("--format",), "json", "", click.Choice(["json"])),
)
# An agent is who its session says, and works where its session is.
_NOT_FOR_AGENTS = frozenset({"start", "db", "actor_given"})


def global_options(taken: Container[str] = (), *, hidden: bool = False) -> list[click.Parameter]:
    """The options that every command of `bd` has, but for the words in `taken`."""
    made: list[click.Parameter] = []
    for words, field, meaning, kind in _GLOBAL:
        free = [word for word in words if word not in taken]
        if free and free[-1].startswith("--"):
            flag = {"is_flag": True} if kind is bool else {"type": kind}
            made.append(
                click.Option(
                    [*free, f"for_all_{field}"],
                    expose_value=False,
                    callback=_set_global,
                    hidden=hidden or not meaning,
                    help=meaning,
                    **flag,
                )
            )
    return made


def _set_global(ctx: click.Context, parameter: click.Parameter, value: object) -> None:
    obj = ctx.find_object(Context)
    if not value or obj is None:
        return
    if obj.program != "bd":
        raise click.NoSuchOption(parameter.opts[-1], ctx=ctx)
    field = (parameter.name or "").removeprefix("for_all_")
    if obj.session_pass is None or field not in _NOT_FOR_AGENTS:
        setattr(obj, field, True if field == "json" else value)


class LazyGroup(click.Group):
    """A group whose members are imported when called; their one-line help is listed here so that `--help` is fast."""

    command_class = Command

    def __init__(
        self,
        *args: Any,
        lazy: Mapping[str, tuple[str, str]] | None = None,
        sections: Mapping[str, Mapping[str, tuple[str, str]]] | None = None,
        aliases: Mapping[str, str] | None = None,
        unlisted: Callable[[str], click.Command | None] = lambda _name: None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.sections = dict(sections or {"Commands": lazy or {}})
        self.lazy = {name: entry for members in self.sections.values() for name, entry in members.items()}
        self.aliases = dict(aliases or {})
        self.unlisted = unlisted
        """Commands that are known, and not in the list."""

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Help goes where the context's output goes."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.callback = _show_help
        return option

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every member, imported or not."""
        return sorted({*super().list_commands(ctx), *self.lazy})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the member that was named."""
        name = self.aliases.get(cmd_name, cmd_name)
        if name in self.lazy:
            module, _, attribute = self.lazy[name][0].partition(":")
            command: click.Command = getattr(importlib.import_module(module), attribute)
            return command
        return super().get_command(ctx, name) or self.unlisted(name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest commands when there is none of that name."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            close = difflib.get_close_matches(args[0], self.list_commands(ctx), n=3)
            if close:
                raise click.UsageError(f"{error.message} Did you mean {' or '.join(close)}?", ctx) from None
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List members without importing them; the first line is what tools look for."""
        if len(self.sections) > 1:
            formatter.write("\nAvailable Commands:\n")
        for title, members in self.sections.items():
            rows = [(name, entry[1]) for name, entry in members.items()]
            if title == "Commands":
                rows = sorted(rows + self._made_here())
            if rows:
                with formatter.section("Available Commands" if title == "Commands" else title):
                    formatter.write_dl(rows)

    def _made_here(self) -> list[tuple[str, str]]:
        return [
            (name, member.get_short_help_str(80))
            for name, member in self.commands.items()
            if name not in self.lazy and not member.hidden
        ]


def command(
    name: str, *, in_session: bool = False, resident: bool = True, **kwargs: Any
) -> Callable[[Callable[..., Any]], Command]:
    """Declare a command; `in_session` opens it to agents.

    `resident=False` runs it in the process that was started for it: for what starts processes that outlive it, takes
    over the terminal, or serves for hours. Its name then belongs into `resident/client.py`, too.
    """

    def wrap(function: Callable[..., Any]) -> Command:
        made: Command = click.command(name, cls=Command, in_session=in_session, resident=resident, **kwargs)(function)
        return made

    return wrap


def group(name: str, **kwargs: Any) -> Callable[[Callable[..., Any]], LazyGroup]:
    """Declare a group."""

    def wrap(function: Callable[..., Any]) -> LazyGroup:
        made: LazyGroup = click.group(name, cls=LazyGroup, **kwargs)(function)
        return made

    return wrap


def pass_context(function: F) -> F:
    """Give the command its `Context` as first argument."""
    return click.make_pass_decorator(Context)(function)  # type: ignore[return-value]
