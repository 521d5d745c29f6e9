"""Names that reach git, paths, shells and terminals: refused in one line wherever they are given, changing nothing."""

from pathlib import Path

import pytest

from .conftest import Said, Town

NAMES = {
    "parents": "../../up",
    "a slash": "a/../b",
    "spaces": "has space",
    "a dash": "-dash",
    "an option": "--upload-pack=touch pwned",
    "shell characters": "$(touch pwned);`touch pwned`|&",
    "quotes": "a'\"b",
    "300 characters": "x" * 300,
    "300 wide characters": "é" * 300,
    "two lines": "a\nError: b",
    "a terminal's words": "\x1b]0;pwned\x07\x1b[2J\u202e",
    "C1 controls": "a\x9b2Jb",
    "NUL": "a\x00b",
    "no UTF-8": "a\udcff",
    "a transport": "ext::sh -c 'touch pwned'",
    "wildcards": "%_",
}
# {} is the name; {bead} is a bead and {remote} a repository that exist.
COMMANDS = {
    "rigs": [
        "gt rig add --no-gates -- {} {remote}",
        "gt rig add new {remote} --no-gates --prefix={}",
        "gt rig add new {remote} --no-gates --branch={}",
        "gt rig add new {remote} --no-gates --agent={}",
        "gt rig add new {remote} --gate={}=true",
        "gt rig add new --no-gates -- {}",
        "gt rig show -- {}",
        "gt rig park -- {}",
        "gt rig unpark -- {}",
        "gt rig remove -- {}",
    ],
    "work": [
        "gt sling -- {bead} {}",
        "gt sling -- {} app",
        "gt sling {bead} app --agent={}",
        "gt unsling -- {}",
        "gt hook -- {}",
        "gt prime -- {}",
        "gt peek -- {}",
        "gt log -- {}",
    ],
    "town": [
        "gt convoy create title -- {}",
        "gt convoy status -- {}",
        "gt mq list -- {}",
        "gt mq status -- {}",
        "gt mq retry -- {}",
        "gt feed --rig={}",
        "gt config get -- {}",
        "gt config set -- {} 1",
        "gt config set agents.{}.shell true",
        "gt config unset -- {}",
        "gt help -- {}",
        "gt completion -- {}",
        "gt run -- {}",
        "gt up --only={}",
        "gt {}",
    ],
    "beads": [
        "bd show -- {}",
        "bd children -- {}",
        "bd create title --rig={}",
        "bd create title --parent={}",
        "bd create title --id={}",
        "bd create title --type={}",
        "bd create title --priority={}",
        "bd create title --due={}",
        "bd list --rig={}",
        "bd list --status={}",
        "bd ready --parent={}",
        "bd import -- {}",
        "bd {}",
    ],
    "changes to beads": [
        "bd update -p 1 -- {}",
        "bd update {bead} --status={}",
        "bd update {bead} --parent={}",
        "bd close -- {}",
        "bd reopen -- {}",
        "bd delete --force -- {}",
        "bd defer -- {}",
        "bd undefer -- {}",
        "bd comment -- {} text",
        "bd comments -- {}",
        "bd label add -- {} label",
        "bd label list -- {}",
        "bd dep add -- {} {bead}",
        "bd dep add -- {bead} {}",
        "bd dep remove -- {bead} {}",
        "bd dep list -- {}",
        "bd dep tree -- {}",
        "bd link -- {bead} {}",
    ],
}
EXIT_CODES = {"gt": {2, 3, 4}, "bd": {1, 2}}


def words_of(command: str, name: str, town: Town, remote: Path) -> list[str]:
    """The command line, each of its words whole."""
    return [
        word.replace("{bead}", town.bead).replace("{remote}", str(remote)).replace("{}", name)
        for word in command.split()
    ]


def faults_of(said: Said, program: str) -> list[str]:
    """What is wrong with the way in which something was refused."""
    lines = said.err.split("\n")[:-1]
    found = []
    if said.code not in EXIT_CODES[program]:
        found.append(f"exit status {said.code}")
    if not lines or not lines[0].startswith("Error"):
        found.append("no error line")
    if len(lines) > 2 or (len(lines) == 2 and not lines[1].startswith("Hint: ")):
        found.append("more than an error line and a hint")
    if any(len(line) > 600 for line in lines):
        found.append("a line of more than 600 characters")
    if not said.err.replace("\n", "").replace("\ufffd", "").isprintable():
        found.append("words that steer a terminal")
    return found


@pytest.mark.parametrize("group", COMMANDS)
def test_name_is_refused_in_one_line_when_it_could_do_harm(town: Town, remote: Path, group: str) -> None:
    before = town.contents()
    wrong = []
    for command in COMMANDS[group]:
        for kind, name in NAMES.items():
            program, *argv = words_of(command, name, town, remote)
            said = town.run(program, *argv)
            wrong += [f"{command} with {kind}: {fault}: {said.err!r}" for fault in faults_of(said, program)]
    assert not wrong, "\n".join(wrong)
    assert town.contents() == before
    assert not list(town.folder.parent.rglob("pwned"))


@pytest.mark.parametrize("group", COMMANDS)
def test_error_is_one_object_when_json_is_asked_for(town: Town, remote: Path, group: str) -> None:
    for command in COMMANDS[group]:
        asked = command.replace(" -- ", " --json -- ") if " -- " in command else f"{command} --json"
        program, *argv = words_of(asked, "no such", town, remote)
        said = town.run(program, *argv)
        assert said.code in EXIT_CODES[program], asked
        assert said.json["error"], asked
        assert said.err.startswith("Error"), asked
