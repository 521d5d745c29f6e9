"""`gt config`, `convoy`, `feed`, `log`, `help`, `completion` on a town without services."""

import io
import json
import subprocess
import threading

import pytest

from gastown import beads, convoys
from gastown.cli import app
from gastown.cli.context import Context

from .conftest import Town


def make_bead(town: Town, title: str = "work") -> str:
    with town.write() as session:
        return str(beads.create(session, beads.NewBead(title=title, prefix="app"), actor="pat").id)


def test_setting_is_changed_read_and_unset(town: Town) -> None:
    assert town.ok("config", "get", "cap.reworks").out == "5\n"
    assert town.ok("config", "set", "cap.reworks", "7", "--json").json == {"name": "cap.reworks", "value": 7}
    assert "(default 5)" in town.ok("config", "list").out
    assert town.ok("config", "unset", "cap.reworks").out == "5\n"


@pytest.mark.parametrize(
    "words",
    [
        ("set", "cap.rework", "7"),
        ("set", "cap.reworks", "many"),
        ("set", "cap.reworks", "0"),
        ("get", "no.such"),
        ("unset", "x" * 300),
        ("set", "agents.claude", "x"),
        ("set", "agents.claude.no_such_key", "x"),
        ("set", "agents.bad/name.shell", "x"),
    ],
)
def test_setting_is_refused_when_name_or_value_is_wrong(town: Town, words: tuple[str, ...]) -> None:
    said = town.gt("config", *words)
    assert said.code == 2, said.err
    assert said.err.count("\n") <= 2


def test_nearest_setting_is_named_when_one_is_misspelt(town: Town) -> None:
    assert "cap.reworks" in town.gt("config", "get", "cap.rework").err


def test_agent_preset_is_made_of_settings(town: Town) -> None:
    from gastown import policy, runtimes

    town.ok("config", "set", "agents.mine.shell", "my-agent --yes 'two words'")
    town.ok("config", "set", "agents.claude.extra_args", "--model opus")
    town.ok("config", "set", "agents.mine.env", "LEVEL=3 NAME='a b'")
    with town.read() as session:
        known = policy.presets(session)
    assert runtimes.catalog.get("mine", known).shell == "my-agent --yes 'two words'"
    assert runtimes.catalog.get("claude", known).extra_args == ("--model", "opus")
    assert runtimes.catalog.get("mine", known).env["NAME"] == "a b"
    assert "agents.claude.extra_args" in town.ok("config", "list").out
    assert town.ok("config", "get", "agents.claude.extra_args").out == "--model opus\n"
    town.ok("config", "unset", "agents.claude.extra_args")
    town.ok("config", "unset", "agents.mine.shell")
    town.ok("config", "unset", "agents.mine.env")
    with town.read() as session:
        assert policy.presets(session) == {}


def test_convoy_is_made_listed_and_shown(town: Town) -> None:
    one, two = make_bead(town, "first"), make_bead(town, "second")
    made = town.ok("convoy", "create", "both", one, two, "--json").json
    assert made["id"].startswith("hq-cv-")
    assert (made["total"], made["done"], made["status"]) == (2, 0, "open")
    with town.write() as session:
        beads.close(session, [one], actor="pat")
        convoys.check_landed(session, one, actor="pat")
    assert town.ok("convoy", "list", "--json").json[0]["done"] == 1
    shown = town.ok("convoy", "status", made["id"])
    assert "progress: 1/2" in shown.out
    assert "second" in shown.out


def test_convoy_takes_short_bead_ids(town: Town) -> None:
    bead_id = make_bead(town)
    made = town.ok("convoy", "create", "one", bead_id.partition("-")[2], "--json").json
    assert [member["id"] for member in made["members"]] == [bead_id]


@pytest.mark.parametrize(
    ("words", "code"),
    [(("create", "t"), 2), (("create", "t", "app-none"), 4), (("create", "", "x"), 4), (("status", "hq-cv-none"), 4)],
)
def test_convoy_command_fails_with_its_code(town: Town, words: tuple[str, ...], code: int) -> None:
    said = town.gt("convoy", *words)
    assert said.code == code
    assert town.ok("convoy", "list", "--json").json == []


def test_feed_shows_the_newest_last(town: Town) -> None:
    ids = [make_bead(town, str(number)) for number in range(5)]
    found = town.ok("feed", "--limit", "3", "--json").json
    assert [event["bead"] for event in found] == ids[-3:]
    assert found[-1]["kind"] == "bead.created"
    assert ids[-1] in town.ok("feed").out
    assert town.gt("feed", "--rig", "unknown").code == 4


def test_feed_keeps_what_an_agent_wrote_on_its_line(town: Town) -> None:
    bead_id = make_bead(town)
    with town.write() as session:
        beads.update(session, bead_id, {"notes": "two\nlines \x1b[2J"}, actor="app/polecats/nux")
    out = town.ok("feed").out
    assert "\x1b" not in out
    assert len(out.splitlines()) == 2


class Stop(io.StringIO):
    """Output that interrupts its writer, as ctrl-C does, once `wanted` was written."""

    def __init__(self, wanted: str) -> None:
        super().__init__()
        self.wanted = wanted

    def flush(self) -> None:
        if self.wanted in self.getvalue():
            raise KeyboardInterrupt


def test_feed_follows_until_it_is_interrupted(town: Town) -> None:
    make_bead(town, "before")
    out = Stop('"followed"')
    context = Context("gt", out=out, err=io.StringIO(), stdin=io.StringIO(), is_terminal=False, actor_given="pat")
    writer = threading.Timer(0.2, make_bead, (town, "followed"))
    writer.start()
    code = app.invoke(context, ["feed", "--follow", "--limit", "0", "--json"])
    writer.join()
    assert code == 130
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["kind"] for line in lines] == ["bead.created"]
    assert "followed" in json.dumps(lines)
    assert context.err.getvalue().strip() == ""  # type: ignore[attr-defined]


def test_log_tells_what_happened_to_a_bead(town: Town) -> None:
    from gastown import assignments, rigs

    with town.write() as session:
        rigs.add(session, rigs.NewRig("app", "app", "/r", "main", no_gates=True), actor="pat")
    bead_id = make_bead(town)
    with town.write() as session:
        attempt = assignments.NewAttempt(bead_id, "app", "command", assignments.Reason.SLING)
        assignments.open_attempt(session, attempt, actor="pat", ready=True)
    story = town.ok("log", bead_id, "--json").json
    assert [row["state"] for row in story["attempts"]] == ["offered"]
    assert [event["kind"] for event in story["events"]][:2] == ["bead.created", "assignment.slung"]
    told = town.ok("log", bead_id).out
    assert "ATTEMPTS" in told
    assert "assignment.offered" in told
    assert town.gt("log", "app-none").code == 4


def test_help_reads_the_documentation(town: Town) -> None:
    assert "glossary" in town.ok("help").out
    assert "polecat" in town.ok("help", "glossary").out
    assert "Did you mean 'glossary'" in town.gt("help", "glosary").err
    assert town.gt("help", "../../config").code == 4
    assert town.ok("help", "0001", "--json").json["text"].startswith("# ")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_completes_both_programs(town: Town, shell: str) -> None:
    script = town.ok("completion", shell).out
    assert "_GT_COMPLETE" in script
    assert "_BD_COMPLETE" in script
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    assert town.gt("completion", "tcsh").code == 2


def test_command_outside_a_town_says_what_to_do(town: Town, tmp_path_factory: pytest.TempPathFactory) -> None:
    from gastown import config

    config.use(None)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    said = town.gt("--town", str(elsewhere), "rig", "list")
    assert said.code == 4
    assert "gt install" in said.err
