"""The program's own source, parsed once, for tests that look at its shape."""

import ast
import io
import tokenize
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("gastown", "workers", "beat")


@dataclass(frozen=True)
class Source:
    """One module."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """Its path from the top, with slashes."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def module(self) -> str:
        """Its dotted name."""
        return self.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@cache
def read(folder: str) -> tuple[Source, ...]:
    """Every module below a top-level folder."""
    found = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        found.append(Source(path, text, ast.parse(text, filename=str(path))))
    return tuple(found)


def program() -> tuple[Source, ...]:
    """Every module of the program; tests are not among them."""
    return tuple(source for package in PACKAGES for source in read(package))


def code_lines(source: Source) -> int:
    """Lines that hold code: no blank lines, no comments, no docstrings."""
    docstrings: set[int] = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            docstrings |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    idle = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        if token.type not in idle:
            lines |= set(range(token.start[0], token.end[0] + 1))
    return len(lines - docstrings)


def imports(source: Source) -> list[tuple[int, str, str]]:
    """Every import, as (line, module, name); name is empty for `import module`."""
    found = []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source.name}:{node.lineno}: imports are absolute"
            found += [(node.lineno, node.module or "", alias.name) for alias in node.names]
    return found
