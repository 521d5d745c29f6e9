"""`gt help` and `gt completion`."""

import click

from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context

_PROGRAMS = ("gt", "bd")


@command("help", in_session=True)
@click.argument("topic", required=False)
@pass_context
def help_topic(context: Context, topic: str | None) -> None:
    """Read a page of the documentation; without a topic, list the pages.

    \b
    Examples:
      gt help
      gt help glossary
    """
    from gastown.cli.pages import list_topics, read_topic

    if topic is None:
        topics = list_topics()
        if context.json:
            context.print_json([{"topic": name, "title": title} for name, title in topics.items()])
            return
        width = max(map(len, topics))
        for name, title in topics.items():
            context.echo(f"{name:{width}}  {title}")
        context.echo("`gt help TOPIC` shows a page; `gt COMMAND --help` explains a command.")
        return
    text = read_topic(topic)
    if context.json:
        context.print_json({"topic": topic, "text": text})
    elif context.is_terminal:
        from rich.console import Console
        from rich.markdown import Markdown

        Console(file=context.out).print(Markdown(text))
    else:
        context.echo(text.rstrip())


@command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@pass_context
def completion(context: Context, shell: str) -> None:
    """Print the script that completes `gt` and `bd` in a shell; have the shell's start-up file evaluate it.

    \b
    Example:
      echo 'eval "$(gt completion bash)"' >> ~/.bashrc
    """
    from click.shell_completion import get_completion_class

    scripts = []
    for program in _PROGRAMS:
        completer = get_completion_class(shell)
        assert completer is not None  # the three are click's own
        scripts.append(completer(click.Group(program), {}, program, f"_{program.upper()}_COMPLETE").source())
    if context.json:
        context.print_json({"shell": shell, "script": "\n".join(scripts)})
    else:
        context.echo("\n".join(scripts))
