"""Commands of other backends, and of services that are none of ours: what does the job here."""

from typing import Any

import click

from gastown.cli.commands import Command
from gastown.errors import Refused

_TRACKER = "Exchange files with it: `bd export` writes JSONL, `bd import` takes it in, keyed by external_ref."
_VERSIONS = "Each change is an event: `bd history ID`, `bd show ID --as-of TIME`, `bd restore ID`."
INSTEAD: dict[str, str] = {
    "dolt": "There is no server to run. `bd backup` copies the store, `bd sync` exchanges it through git.",
    "federation": "Exchange beads with `bd export` and `bd import`; hosts of one town share one database.",
    "vc": f"{_VERSIONS} Every command commits by itself.",
    "branch": "Branch the exchange file with git: `bd export`, `git switch -c NAME`, `bd import`.",
    "diff": f"{_VERSIONS} `git diff .beads/issues.jsonl` compares what was exported.",
    "flatten": "The store keeps no commits to squash. `bd admin compact` and `bd gc` make it smaller.",
    "compact": "The store keeps no commits to squash. `bd admin compact` shortens old beads, `bd gc` lets them decay.",
    "bootstrap": "`bd init` makes the store and takes in the issues.jsonl that lies there.",
    "repo": "`bd import` takes in another project's beads; in a town all rigs share one store.",
    "daemon": "There is none to start or stop: every command writes at once.",
    "daemons": "There are none to start or stop: every command writes at once.",
    "jira": _TRACKER,
    "linear": _TRACKER,
    "github": _TRACKER,
    "gitlab": _TRACKER,
    "ado": _TRACKER,
    "notion": _TRACKER,
}


class NotOfThisBackend(Refused):
    """A command that the store of ours has no use for."""


def command_for(name: str) -> Command:
    """A command that takes whatever is said, and answers what does the job here."""

    def answer(**_said: Any) -> None:
        raise NotOfThisBackend(f"`bd {name}` is not supported by this backend", hint=INSTEAD[name])

    return Command(
        name,
        callback=answer,
        params=[click.Argument(["words"], nargs=-1, type=click.UNPROCESSED)],
        context_settings={"ignore_unknown_options": True},
        add_help_option=False,
        hidden=True,
        in_session=True,
    )
