"""The small part of Go's text templates that convoy prompts use: fields, `if`, `else`, `range`, `end`, and trimming.

A field that nothing is known of stays as it is written where it is printed, and counts as empty in `if` and `range`.
"""

import re
from collections.abc import Mapping

_ACTION = re.compile(r"\{\{(-\s)?\s*(.*?)\s*(\s-)?\}\}", re.DOTALL)
_FIELD = re.compile(r"\.(?:[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)?")
_NESTING = 20


def render(text: str, said: Mapping[str, object]) -> str:
    """The text with its actions done; actions of any other kind stay as they are."""
    if "{{" not in text:
        return text
    parts = _parts(text)
    found, _ = _block(parts, 0, said, "", 0)
    return found


def _parts(text: str) -> list[tuple[bool, str, str]]:
    """(is an action, what it says, how it is written), in order, with blanks trimmed where the actions ask for it."""
    parts: list[tuple[bool, str, str]] = []
    position, trims = 0, False
    for found in _ACTION.finditer(text):
        between = text[position : found.start()]
        between = between.lstrip() if trims else between
        parts.append((False, between.rstrip() if found[1] else between, ""))
        parts.append((True, found[2], found[0]))
        position, trims = found.end(), bool(found[3])
    rest = text[position:]
    parts.append((False, rest.lstrip() if trims else rest, ""))
    return parts


def _block(
    parts: list[tuple[bool, str, str]], position: int, said: Mapping[str, object], item: str, depth: int
) -> tuple[str, int]:
    """The text up to the `else` or `end` that closes this block, and where that is; `.` is `item`."""
    found: list[str] = []
    while position < len(parts):
        is_action, text, written = parts[position]
        word, _, field = text.partition(" ")
        if not is_action:
            found.append(text)
        elif text in ("else", "end"):
            if depth:
                break
            found.append(written)
        elif word in ("if", "range") and _FIELD.fullmatch(field.strip()) and depth < _NESTING:
            done, position = _conditional(parts, position, said, item, depth)
            found.append(done)
        else:
            found.append(_shown(text, written, said, item))
        position += 1
    return "".join(found), position


def _conditional(
    parts: list[tuple[bool, str, str]], position: int, said: Mapping[str, object], item: str, depth: int
) -> tuple[str, int]:
    word, _, field = parts[position][1].partition(" ")
    value = _value(field.strip(), said, item)
    start = position + 1
    rounds = [said] if word == "if" else [_inside(said, one) for one in value] if isinstance(value, list) else []
    done, end = _block(parts, start, said, item, depth + 1)
    if word == "range":
        done = "".join(
            _block(parts, start, one, str(value[number]), depth + 1)[0]  # type: ignore[index]
            for number, one in enumerate(rounds)
        )
    otherwise = ""
    if end < len(parts) and parts[end][1] == "else":
        otherwise, end = _block(parts, end + 1, said, item, depth + 1)
    return (done if value else otherwise), end


def _inside(said: Mapping[str, object], one: object) -> Mapping[str, object]:
    return {**said, **one} if isinstance(one, dict) else said


def _value(field: str, said: Mapping[str, object], item: str) -> object:
    if field == ".":
        return item
    value: object = said
    for name in field[1:].split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _shown(text: str, written: str, said: Mapping[str, object], item: str) -> str:
    if _FIELD.fullmatch(text) is None:
        return written
    value = _value(text, said, item)
    return str(value) if isinstance(value, str) and value else written
