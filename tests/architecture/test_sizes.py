"""Nothing is too big to be read at once, and the edges stay thin."""

import ast

import pytest

from tests.support.source_tree import Source, code_lines, program, read

FUNCTION_LINES = 50
MODULE_LINES = 400
TEST_LINES = 600
# Commands, workers and the schedule, as a share of all code. An edge that grows past it has taken over a noun's work.
EDGE_SHARE = 0.25
_EDGES = ("gastown/cli/", "workers/", "beat/")


def _body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """From `def` to the end, without the docstring; a function that only returns a table is data and counts nothing."""
    body = function.body
    explained = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    if len(body) - explained == 1 and isinstance(body[-1], ast.Return):
        return 0
    docstring = (body[0].end_lineno or 0) - body[0].lineno + 1 if explained else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


def test_functions_are_short() -> None:
    too_long = [
        f"{source.name}:{node.lineno} {node.name} has {lines} lines"
        for source in program()
        if not source.name.startswith("gastown/migrations/versions/")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (lines := _body_lines(node)) > FUNCTION_LINES
    ]
    assert not too_long, "\n".join(too_long)


@pytest.mark.parametrize(
    ("sources", "limit"), [(program, MODULE_LINES), (lambda: read("tests"), TEST_LINES)], ids=["program", "tests"]
)
def test_modules_are_short(sources: object, limit: int) -> None:
    found: tuple[Source, ...] = sources()  # type: ignore[operator]
    too_long = [
        f"{source.name} has {lines} lines" for source in found if (lines := len(source.text.splitlines())) > limit
    ]
    assert not too_long, "\n".join(too_long)


def test_edges_are_a_small_share_of_the_code() -> None:
    lines = {source.name: code_lines(source) for source in program()}
    edges = sum(count for name, count in lines.items() if name.startswith(_EDGES))
    share = edges / sum(lines.values())
    print(f"edges: {edges} of {sum(lines.values())} lines of code, {share:.1%} (limit {EDGE_SHARE:.0%})")
    assert share <= EDGE_SHARE
