import importlib
import io
from pathlib import Path
from typing import Any

import click
import pytest

from gastown import config
from gastown.cli.app import invoke
from gastown.cli.bd import ALIASES
from gastown.cli.bd import bd as group
from gastown.cli.commands import Command
from gastown.cli.context import Context


def all_commands() -> list[tuple[str, click.Command]]:
    found = []
    for name, (where, _) in group.lazy.items():
        module, _, attribute = where.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        found.append((name, command))
        if isinstance(command, click.Group):
            found += [(f"{name} {sub}", each) for sub, each in command.commands.items()]
    return found


@pytest.mark.parametrize(("name", "command"), [pytest.param(*each, id=each[0]) for each in all_commands()])
def test_every_command_has_help_an_example_and_json(name: str, command: click.Command) -> None:
    assert command.help
    assert "bd " in command.help
    if isinstance(command, Command):
        assert any("--json" in parameter.opts for parameter in command.params)


def test_aliases_name_commands() -> None:
    assert set(ALIASES.values()) <= set(group.lazy)


def test_version_where_and_prime(bd: Any, tmp_path: Path) -> None:
    assert bd("version").out.startswith("bd version ")
    assert set(bd("version", "--json").json) >= {"version", "build"}
    where = bd("where", "--json").json
    assert (where["path"], where["prefix"]) == (str(tmp_path), "hq")
    assert "gt done" in bd("prime").out


def test_an_unknown_verb_names_the_nearest(bd: Any) -> None:
    refused = bd("lst")
    assert (refused.code, "list" in refused.err) == (1, True)


def test_outside_of_a_town_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GASTOWN_TOWN", raising=False)
    config.use(None)
    for argv, code in ((["ready"], 1), (["prime"], 0)):
        out, err = io.StringIO(), io.StringIO()
        context = Context(program="bd", out=out, err=err, stdin=io.StringIO(), is_terminal=False)
        assert invoke(context, argv) == code
        assert ("bd init" in err.getvalue()) == (code == 1)
        assert out.getvalue() == ""
