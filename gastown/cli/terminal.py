"""Text fit for a terminal: what agents and imported beads hold must not steer it."""

# What steers a terminal: C0 and C1 controls but for tab and newline, and the marks that turn the direction of text.
_STEERING = [*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_HARMLESS = dict.fromkeys(set(_STEERING) - {ord("\t"), ord("\n")}, "\ufffd")
_JSON_ESCAPES = {code: f"\\u{code:04x}" for code in _STEERING if code >= 0x7F}

_LONGEST_REPEATED = 60


def harmless(text: str) -> str:
    """`text` without what could steer the reader's terminal: agents and imported beads hold what they like."""
    return text.replace("\r\n", "\n").translate(_HARMLESS)


def harmless_json(text: str) -> str:
    """The same JSON, with escapes for the controls that JSON itself lets through."""
    return text.translate(_JSON_ESCAPES)


def brief(text: str) -> str:
    """What a person typed, fit to be repeated inside one line."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_REPEATED else line[: _LONGEST_REPEATED - 3] + "..."
