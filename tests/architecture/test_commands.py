"""Every command explains itself, by itself and in the documentation."""

import re

import click
import pytest

from gastown.cli import reference
from gastown.cli.commands import LazyGroup

COMMANDS = [
    pytest.param(name, command, id=name)
    for program in ("gt", "bd")
    for name, command in reference.walk(program)
    if not command.hidden
]


@pytest.mark.parametrize(("name", "command"), COMMANDS)
def test_command_shows_an_example(name: str, command: click.Command) -> None:
    _, marker, examples = (command.help or "").partition("\b")
    assert marker, f"{name}: no block that is shown as it is written"
    assert re.search(rf"\b{name.split()[0]} [-\w]", examples), f"{name}: no example"


@pytest.mark.parametrize(
    ("name", "command"), [param for param in COMMANDS if not isinstance(param.values[1], click.Group)]
)
def test_command_takes_json(name: str, command: click.Command) -> None:
    assert any("--json" in parameter.opts for parameter in command.params), name


@pytest.mark.parametrize(("name", "command"), COMMANDS)
def test_every_option_says_what_it_does(name: str, command: click.Command) -> None:
    silent = [
        option.opts[0]
        for option in command.params
        if isinstance(option, click.Option) and not (option.help or option.hidden)
    ]
    assert not silent, f"{name}: {silent}"


@pytest.mark.parametrize("program", ["gt", "bd"])
def test_listed_commands_are_called_what_the_list_says(program: str) -> None:
    commands = dict(reference.walk(program))
    root = commands[program]
    assert isinstance(root, LazyGroup)
    wrong = [name for name in root.lazy if commands[f"{program} {name}"].name != name]
    assert not wrong
