"""The files of a deployment, checked without an engine."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gastown import config
from gastown.town.processes import WORKER_ROLES
from tests.support.towns import ROOT

SYSTEMD = ROOT / "deploy" / "systemd"
# Settings of other programs that the same file holds.
FOREIGN = {"POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB", "REDISCLI_AUTH", "FLOWER_BASIC_AUTH"}


def test_compose_file_is_what_its_schema_says() -> None:
    tool = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [tool, "--builtin-schema", "vendor.compose-spec", ROOT / "compose.yaml"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_units_are_accepted_without_a_word(tmp_path: Path) -> None:
    """`systemd-analyze verify` prints unknown keys and bad values, and still ends with 0."""
    if shutil.which("systemd-analyze") is None:
        if os.environ.get("CI"):
            pytest.fail("systemd-analyze is missing")
        pytest.skip("systemd-analyze is not installed")
    shutil.copytree(SYSTEMD, tmp_path, dirs_exist_ok=True)
    for path in tmp_path.glob("*.service"):
        path.write_text(path.read_text().replace("/opt/gastown/bin/gt", "/bin/true"))
    for role in ("sessions", "refinery", "gates", "town"):
        shutil.copy(tmp_path / "gastown-worker@.service", tmp_path / f"gastown-worker@{role}.service")
    units = [path for path in tmp_path.iterdir() if path.suffix in {".service", ".target"} and "@." not in path.name]

    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, sorted(units))],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert len(units) >= 9


def test_every_unit_runs_a_role_that_there_is() -> None:
    roles = {
        match
        for path in SYSTEMD.glob("*.service")
        for match in re.findall(r"^ExecStart=/opt/gastown/bin/gt run (\S+)$", path.read_text(), re.MULTILINE)
    }

    assert roles == {"keeper", "beat", "flower", "%i"}


def test_the_runbook_enables_every_role() -> None:
    readme = (ROOT / "deploy" / "README.md").read_text()
    enabled = re.search(r"^    systemctl enable (.*)$", readme, re.MULTILINE)

    assert enabled
    workers = {f"gastown-worker@{role}" for role in WORKER_ROLES}
    assert set(enabled[1].split()) == {"gastown.target", "gastown-beat", *workers}


def test_every_role_of_the_compose_file_is_one_of_the_entrypoint() -> None:
    entrypoint = (ROOT / "deploy" / "entrypoint.sh").read_text()
    commands = set(re.findall(r"^    command: \[(\w+)\]$", (ROOT / "compose.yaml").read_text(), re.MULTILINE))

    assert commands == {"migrate", "keeper", "sessions", "refinery", "gates", "town", "beat"}
    assert all(re.search(rf"\b{command}\b", entrypoint) for command in commands)


def test_example_settings_are_settings(tmp_path: Path) -> None:
    lines = (ROOT / "deploy" / "env.example").read_text().splitlines()
    names = {line.partition("=")[0] for line in lines if line and not line.startswith("#")}
    own = {name.removeprefix("GASTOWN_").lower() for name in names - FOREIGN}

    assert own - {"town"} <= set(vars(config.Settings(Path("/"))))
    values = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    (tmp_path / config.TOWN_FILE).write_text("")
    loaded = config.load(tmp_path, {**values, "GASTOWN_TOWN": ""})
    assert loaded.database.startswith("postgresql+psycopg://")


@pytest.mark.parametrize(
    ("arguments", "becomes"),
    [
        (["migrate"], "gt install --upgrade /town"),
        (["sessions"], "gt run sessions"),
        (["keeper"], "gt run keeper"),
        (["healthy", "gates"], "celery -A workers inspect ping --timeout 10 --destination gates@here"),
        (["bd", "list", "a b"], "bd list a b"),
    ],
)
def test_the_entrypoint_becomes_what_it_is_told(tmp_path: Path, arguments: list[str], becomes: str) -> None:
    for name in ("gt", "bd", "celery"):
        (tmp_path / name).write_text('#!/bin/sh\necho "${0##*/} $*"\n')
        (tmp_path / name).chmod(0o755)

    done = subprocess.run(
        ["sh", ROOT / "deploy" / "entrypoint.sh", *arguments],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "GASTOWN_TOWN": "/town", "GASTOWN_HOST": "here"},
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )

    assert done.stdout.strip() == becomes


def test_what_the_image_copies_is_there() -> None:
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    sources = [
        word
        for line in re.findall(r"^COPY (.*)$", dockerfile, re.MULTILINE)
        for word in line.split()[:-1]
        if not word.startswith("--")
    ]

    assert len(sources) >= 7
    assert [source for source in sources if not (ROOT / source).exists()] == []
