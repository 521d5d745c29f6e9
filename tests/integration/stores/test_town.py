"""A town's database on its way back to an older schema."""

import io
import json
from pathlib import Path

from gastown import config
from gastown.cli.app import invoke
from gastown.cli.context import Context
from gastown.cli.database import forget_checks
from gastown.town import schema


def run(*words: str) -> tuple[int, str, str]:
    context = Context(program="gt", out=io.StringIO(), err=io.StringIO(), stdin=io.StringIO(), is_terminal=False)
    forget_checks()
    return invoke(context, list(words)), context.text_out(), context.text_err()


def test_a_towns_schema_goes_back_with_a_copy_beside_it(project: Path) -> None:
    (project / "town.toml").touch()
    settings = config.Settings(town=project)
    schema.upgrade(settings.database)

    code, out, error = run("db", "downgrade", "0001", "--json")

    assert code == 0, error
    done = json.loads(out)
    assert (done["before"], done["after"]) == (schema.head(), "0001")
    assert Path(done["backup"]).is_file()
    assert schema.current(settings.database) == "0001"
    assert run("db", "downgrade", "nowhere")[0] == 4
    assert run("db", "upgrade")[0] == 0
    assert schema.current(settings.database) == schema.head()
