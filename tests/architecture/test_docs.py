"""The documentation is complete, current, and leads somewhere."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from gastown.cli import pages, reference
from tests.support.source_tree import ROOT

DOCS = ROOT / "gastown" / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md", *ROOT.glob("deploy/*.md")])
_LINK = re.compile(r"\[[^\]]*\]\(([^)#]+)(#[^)]*)?\)")


@pytest.mark.parametrize("name", reference.PAGES)
def test_generated_page_is_current(name: str) -> None:
    expected = reference.PAGES[name]()
    assert (DOCS / name).read_text() == expected, "run: python -m gastown.cli.reference"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_files(page: Path) -> None:
    targets = [found for found, _ in _LINK.findall(page.read_text()) if "://" not in found]
    broken = [target for target in targets if not (page.parent / target).exists()]
    assert not broken


def test_decisions_are_numbered_once_and_have_every_part() -> None:
    found = sorted((DOCS / "decisions").glob("*.md"))
    numbers = [page.name[:4] for page in found]
    assert len(numbers) == len(set(numbers))
    for page in found:
        assert re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", page.name)
        missing = [
            part
            for part in ("Context", "Decision", "Consequences", "Alternatives")
            if f"## {part}" not in page.read_text()
        ]
        assert not missing, f"{page.name}: {missing}"


def test_celery_page_gives_a_reason_for_every_setting() -> None:
    tree = ast.parse((ROOT / "gastown" / "queue.py").read_text())
    calls = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "app.conf.update"
    ]
    assert len(calls) == 1
    options = [keyword.value for keyword in calls[0].keywords if isinstance(keyword.value, ast.Dict)]
    names = [keyword.arg for keyword in calls[0].keywords]
    names += [ast.literal_eval(key) for option in options for key in option.keys if key is not None]
    text = (DOCS / "celery.md").read_text()
    unexplained = [name for name in names if f"| `{name}` |" not in text]
    assert not unexplained


def test_help_lists_every_page() -> None:
    topics = pages.list_topics()
    assert {"glossary", "states", "commands", "settings", "celery", "agents", "security"} <= set(topics)
    assert all(topics.values()), "every page begins with a title"
    assert all(pages.read_topic(topic).strip() for topic in topics)


def test_readme_names_every_package() -> None:
    text = (ROOT / "README.md").read_text()
    packages = [path.parent.name for path in (ROOT / "gastown").glob("*/__init__.py")]
    assert not [name for name in packages if f"`{name}`" not in text]


def test_nothing_committed_names_the_machine_it_was_written_on() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    # Put together here, so that this file is clean itself.
    folders = "|".join(("work", "root"))
    index_hosts = "|".join(("pypi" + r"\.org", "python" + "hosted", "registry" + r"\.npmjs", "index" + "-url"))
    forbidden = re.compile(rf"(?<![\w.~$}}-])/({folders})/|{index_hosts}")
    found = []
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if not path.is_file():
            continue
        for number, line in enumerate(path.read_bytes().decode("utf-8", "replace").splitlines(), start=1):
            if forbidden.search(line):
                found.append(f"{name}:{number}: {line.strip()[:100]}")
    assert not found, "\n".join(found)
