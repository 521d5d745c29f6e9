"""`gt install`: what it makes, what it refuses, and that a refusal changes nothing."""

import stat
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import Session

from gastown import config, events
from gastown.db import get_engine
from gastown.errors import GastownError
from gastown.ids import BadName
from gastown.town import schema, setup
from gastown.town.queries import get_town
from gastown.town.urls import BadUrl

Install = Callable[..., setup.Installed]


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below, with what it holds."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_private_folder_with_a_founded_town_is_made(install: Install, tmp_path: Path) -> None:
    made = install(tmp_path / "deep" / "My Town", slots=3)

    assert (made.founded, made.changed, made.name) == (True, True, "my-town")
    folder = made.settings.town
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "town.toml").stat().st_mode) == 0o600
    assert made.settings.slots == 3
    assert schema.current(made.settings.database) == schema.head()
    with Session(get_engine(made.settings.database)) as session:
        town = get_town(session)
        founding = events.latest(session, kinds=[events.EventKind.TOWN_FOUNDED])
        assert (town.id, town.name) == (made.id, "my-town")
        assert [(event.actor, event.payload["id"]) for event in founding] == [("tester", made.id)]


def test_nothing_is_changed_when_the_folder_is_a_town_already(install: Install, tmp_path: Path) -> None:
    first = install(tmp_path / "town", slots=3)
    before = (tmp_path / "town" / "town.toml").read_bytes()

    second = install(tmp_path / "town")

    assert (second.changed, second.founded, second.id) == (False, False, first.id)
    assert (tmp_path / "town" / "town.toml").read_bytes() == before


def test_an_install_that_was_cut_short_is_finished_by_the_next(install: Install, tmp_path: Path) -> None:
    first = install(tmp_path / "town")
    (tmp_path / "town" / "town.toml").rename(tmp_path / "town" / "town.toml.new")

    second = install(tmp_path / "town")

    assert (second.id, second.changed) == (first.id, True)


def test_a_second_host_joins_when_it_names_database_and_redis(
    install: Install, tmp_path: Path, empty_postgres: str, redis_url: str
) -> None:
    first = install(tmp_path / "one", database=empty_postgres, redis=redis_url, name="both")

    second = install(tmp_path / "two", database=empty_postgres, redis=redis_url, host="second", name="ignored")

    assert (second.id, second.name, second.founded, second.changed) == (first.id, "both", False, True)
    assert second.settings.host_id == "second"
    settings = tomllib.loads((tmp_path / "two" / "town.toml").read_text())
    assert settings == {"database_url": empty_postgres, "redis_url": redis_url, "host": "second"}


def test_joining_without_the_towns_redis_is_refused(
    install: Install, tmp_path: Path, empty_postgres: str, redis_url: str
) -> None:
    install(tmp_path / "one", database=empty_postgres, redis=redis_url)

    with pytest.raises(setup.RedisNotNamed):
        install(tmp_path / "two", database=empty_postgres)

    assert not (tmp_path / "two").exists()


def refused(install: Install, tmp_path: Path, kind: type[GastownError], folder: Path, **wanted: str) -> str:
    """Install where that must be refused with nothing changed; return what was said."""
    before = tree(tmp_path)
    folders = sorted(tmp_path.rglob("*"))

    with pytest.raises(kind) as error:
        install(folder, **wanted)

    assert tree(tmp_path) == before
    assert sorted(tmp_path.rglob("*")) == folders
    assert "\n" not in error.value.message
    assert error.value.hint
    return error.value.message + error.value.hint


def test_a_folder_with_something_in_it_is_refused(install: Install, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("dear")

    refused(install, tmp_path, setup.FolderTaken, tmp_path / "home")


def test_a_file_is_refused(install: Install, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    refused(install, tmp_path, setup.BadFolder, tmp_path / "file")


def test_a_folder_inside_a_town_is_refused(install: Install, tmp_path: Path) -> None:
    install(tmp_path / "town")

    with pytest.raises(setup.FolderTaken, match="inside the town"):
        install(tmp_path / "town" / "rigs" / "second")

    assert not (tmp_path / "town" / "rigs").exists()


@pytest.mark.parametrize("name", ["a?b", "a#b", "a%20b", "a;b", "a\nb", "a\x1bb"])
def test_a_path_that_would_break_addresses_is_refused(install: Install, tmp_path: Path, name: str) -> None:
    refused(install, tmp_path, setup.BadFolder, tmp_path / name)


@pytest.mark.parametrize("name", ["../up", "-rf", "a b", "$(id)", "x" * 300, "Über"])
def test_a_name_that_is_none_is_refused(install: Install, tmp_path: Path, name: str) -> None:
    refused(install, tmp_path, BadName, tmp_path / "town", name=name)


def test_a_database_that_is_away_is_refused(install: Install, tmp_path: Path) -> None:
    said = refused(
        install, tmp_path, schema.SchemaAway, tmp_path / "town", database="postgresql://me:hush@127.0.0.1:1/town"
    )

    assert "hush" not in said


def test_a_redis_that_is_away_is_refused(install: Install, tmp_path: Path) -> None:
    said = refused(install, tmp_path, setup.RedisAway, tmp_path / "town", redis="redis://:hush@127.0.0.1:1/0")

    assert "hush" not in said


def test_an_address_of_something_else_is_refused(install: Install, tmp_path: Path) -> None:
    refused(install, tmp_path, BadUrl, tmp_path / "town", database="mysql://h/d")


def test_a_database_of_a_newer_version_is_refused(install: Install, tmp_path: Path) -> None:
    made = install(tmp_path / "town")
    with get_engine(made.settings.database).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(schema.NewerSchema):
        install(tmp_path / "town")
    with pytest.raises(schema.NewerSchema):
        install(tmp_path / "two", database=f"sqlite:///{tmp_path}/town/gastown.db")

    assert not (tmp_path / "two").exists()
    assert schema.current(made.settings.database) == "9999"


def test_another_database_for_an_existing_town_is_refused(install: Install, tmp_path: Path) -> None:
    install(tmp_path / "town")

    with pytest.raises(setup.FolderTaken, match="--database"):
        install(tmp_path / "town", database="postgresql://h/d")


def test_a_read_only_disk_is_refused(install: Install) -> None:
    """/proc takes no folders from anybody, root included."""
    with pytest.raises(setup.CannotWrite) as error:
        install(Path("/proc/gastown-town"))

    assert error.value.exit_code == 6


def test_settings_of_the_environment_do_not_reach_the_file(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GASTOWN_SLOTS", "77")

    install(tmp_path / "town")

    assert config.load(tmp_path / "town", {}).slots == 8
