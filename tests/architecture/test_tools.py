"""The tools that judge the whole program have nothing to say."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.source_tree import ROOT

_BIN = Path(sys.executable).parent


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("lint-imports", "--no-cache"), id="layers"),
        pytest.param(("ruff", "check", "--no-cache", "."), id="lint"),
        pytest.param(("ruff", "format", "--no-cache", "--check", "."), id="format"),
        pytest.param(("mypy",), id="types"),
    ],
)
def test_tool_is_content_with_the_program(words: tuple[str, ...]) -> None:
    done = subprocess.run([_BIN / words[0], *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout[-4000:]}\n{done.stderr[-2000:]}"
