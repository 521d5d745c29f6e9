"""Who acts is a word of the caller's, too: `--actor`, the environment, git's user name."""

import io

import pytest

from gastown.cli import app
from gastown.cli.context import Context

from .conftest import Town
from .test_names import NAMES, faults_of

UNFIT = {"300 characters", "300 wide characters", "two lines", "a terminal's words", "C1 controls", "NUL", "no UTF-8"}
COMMANDS = [
    "gt config set cap.reworks 7",
    "bd create title --rig app",
    "bd update {bead} --claim",
    "bd comment {bead} hi",
]


@pytest.mark.parametrize("kind", NAMES)
def test_actor_is_taken_or_refused_in_one_line(town: Town, kind: str) -> None:
    for command in COMMANDS:
        program, *argv = command.replace("{bead}", town.bead).split()
        before = town.contents()
        said = town.run(program, f"--actor={NAMES[kind]}", *argv)
        assert (said.code != 0) == (kind in UNFIT), (command, said)
        if said.code:
            assert not faults_of(said, program), (command, said)
            assert town.contents() == before
        feed = town.run("gt", "feed", is_terminal=True)
        assert feed.out.replace("\n", "").isprintable()


def test_variable_is_no_better_than_the_option(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GT_ACTOR", "x" * 300)
    context = Context("gt", io.StringIO(), io.StringIO(), io.StringIO(), is_terminal=False)
    assert app.invoke(context, ["config", "set", "cap.reworks", "7"]) == 2
    assert context.text_err().startswith("Error: who acts")
