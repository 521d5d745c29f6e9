"""`gt doctor` on a town that is down."""

from .conftest import Town


def test_doctor_says_what_stands_still_and_exits_with_one(town: Town) -> None:
    said = town.gt("doctor", "--json")
    assert said.code == 1
    found = said.json
    assert found["errors"] >= 2
    failing = {item["check"]: item for item in found["findings"] if item["level"] == "error"}
    assert {"redis", "workers"} <= set(failing)
    assert "gt up" in failing["workers"]["hint"]
    assert {item["check"] for item in found["findings"] if item["level"] == "ok"} >= {"database", "git", "outbox"}


def test_doctor_is_read_by_people(town: Town) -> None:
    said = town.gt("doctor")
    assert said.code == 1
    assert "FAIL  workers" in said.out
    assert said.err == ""
    assert said.out.splitlines()[-1].endswith("warnings.") or said.out.splitlines()[-1].endswith("warning.")


def test_doctor_says_that_the_schema_is_of_another_version(town: Town) -> None:
    import sqlite3

    from gastown.cli import database

    with sqlite3.connect(town.folder / "gastown.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    database._checked.clear()
    said = town.gt("doctor", "--json")
    assert said.code == 1
    first = said.json["findings"][0]
    assert (first["check"], first["level"]) == ("database", "error")
    assert "newer version" in first["message"]
