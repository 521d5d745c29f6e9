"""Every task that somebody may ring for has one body, short and named by the list."""

import ast

from gastown.queue import Task
from tests.support.source_tree import read

# The lines of a task's body: parse, call one function. What is longer belongs into a noun.
BODY_LINES = 25


def _bodies() -> dict[str, ast.FunctionDef]:
    found: dict[str, ast.FunctionDef] = {}
    for source in read("workers"):
        for node in ast.walk(source.tree):
            for decorator in node.decorator_list if isinstance(node, ast.FunctionDef) else ():
                if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "app.task":
                    name = next(ast.unparse(word.value) for word in decorator.keywords if word.arg == "name")
                    assert name not in found, f"{source.name}: {name} has two bodies"
                    found[name] = node  # type: ignore[assignment]
    return found


def test_every_task_has_one_body_that_is_named_by_the_list() -> None:
    assert set(_bodies()) == {f"Task.{task.name}.value" for task in Task}


def test_task_bodies_are_thin() -> None:
    too_long = [name for name, body in _bodies().items() if (body.end_lineno or 0) - body.lineno + 1 > BODY_LINES]
    assert not too_long
