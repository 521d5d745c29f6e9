"""Variables: what a formula's texts name, which values they take, and putting the values in."""

import re
from collections.abc import Callable, Iterable, Mapping

from gastown.molecules.errors import VariableInvalid
from gastown.molecules.formula import Variable

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAMED = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
_SINGLE = re.compile(r"(?<!\{)\{([A-Za-z_][A-Za-z0-9_.]*)\}(?!\})")
_CONDITION = re.compile(
    r"\s*(?:(?P<negated>!)\s*)?\{\{\s*(?P<name>[A-Za-z_]\w*)\s*\}\}\s*(?:(?P<compared>[!=]=)\s*(?P<value>.*?)\s*)?"
)
_FALSE = frozenset({"", "false", "0", "no", "off"})
VALUE_LIMIT = 65_536  # characters
# A pattern of a formula is run on a value of at most this many characters: some patterns take for ever on long ones.
_PATTERN_LIMIT = 1_000


def parse_values(said: Iterable[str]) -> dict[str, str]:
    """The values that `NAME=VALUE` texts give; refuses other texts, and a name that is given two values."""
    found: dict[str, str] = {}
    for text in said:
        name, equals, value = text.partition("=")
        if not equals or _NAME.fullmatch(name.strip()) is None:
            raise VariableInvalid(f"--var {text[:60]!r} is not NAME=VALUE", hint="Say it like --var feature=login.")
        if found.setdefault(name.strip(), value) != value:
            raise VariableInvalid(f"--var gives {name.strip()} two values", hint="Give one.")
    return found


def names_in(texts: Iterable[str]) -> tuple[str, ...]:
    """The variables that these texts name, each once, in order."""
    return tuple(dict.fromkeys(name for text in texts for name in _NAMED.findall(text)))


def substitute(text: str, values: Mapping[str, str]) -> str:
    """The text with `{{name}}` replaced where there is a value. What a value says is not looked at again."""
    return _NAMED.sub(lambda found: values.get(found[1], found[0]), text)


def substitute_single(text: str, values: Mapping[str, str]) -> str:
    """The text with `{name}` replaced where there is a value: loop variables, and what names a target."""
    return _SINGLE.sub(lambda found: values.get(found[1], found[0]), text)


def filling(values: Mapping[str, str]) -> Callable[[str], str]:
    """`substitute` with these values."""
    return lambda text: substitute(text, values)


def settle(variables: Mapping[str, Variable], named: Iterable[str], given: Mapping[str, str]) -> dict[str, str]:
    """The value of every variable: what was given, else the default. Unknown, missing and bad ones are refused.

    A variable that the texts name must have a value, also when no one declared it.
    """
    known = dict(variables) | {name: Variable(name) for name in named if name not in variables}
    for name in given:
        if name not in known:
            listed = ", ".join(sorted(known)) or "it has none"
            raise VariableInvalid(f"no variable {name[:60]!r}", hint=f"Variables: {listed}.")
    values = {name: check(known[name], value) for name, value in given.items()}
    for name, variable in known.items():
        if name not in values and variable.default is not None:
            values[name] = variable.default
    missing = [name for name in known if name not in values and _is_wanted(known[name], named, values)]
    if missing:
        raise VariableInvalid(
            f"missing required variable{'s' if len(missing) > 1 else ''}: {', '.join(missing)}",
            hint="Give each as --var NAME=VALUE." + "".join(_explained(known[name]) for name in missing[:5]),
        )
    return values


def _explained(variable: Variable) -> str:
    return f" {variable.name}: {variable.description[:200]}" if variable.description else ""


def _is_wanted(variable: Variable, named: Iterable[str], values: Mapping[str, str]) -> bool:
    if variable.required_unless:
        return not any(other in values for other in variable.required_unless)
    return variable.required or variable.name in tuple(named)


def check(variable: Variable, value: str) -> str:
    """The value itself; refuses one that the variable does not take."""
    if len(value) > VALUE_LIMIT or "\x00" in value:
        raise VariableInvalid(f"variable {variable.name}: longer than {VALUE_LIMIT} characters, or with a null one")
    if variable.enum and value not in variable.enum:
        raise VariableInvalid(
            f"variable {variable.name}: {value[:60]!r} is not allowed", hint=f"One of: {', '.join(variable.enum)}."
        )
    if variable.pattern and (len(value) > _PATTERN_LIMIT or re.search(variable.pattern, value) is None):
        raise VariableInvalid(f"variable {variable.name}: {value[:60]!r} does not fit {variable.pattern!r}")
    if variable.type == "int" and re.fullmatch(r"[+-]?[0-9]{1,18}", value) is None:
        raise VariableInvalid(f"variable {variable.name}: {value[:60]!r} is not a whole number")
    if variable.type == "bool" and value.lower() not in ("true", "false"):
        raise VariableInvalid(f"variable {variable.name}: {value[:60]!r} is neither true nor false")
    return value


def is_condition(text: str) -> bool:
    """Whether `text` is a condition: `{{v}}`, `!{{v}}`, `{{v}} == x` or `{{v}} != x`."""
    found = _CONDITION.fullmatch(text)
    return found is not None and not (found["negated"] and found["compared"])


def holds(condition: str, values: Mapping[str, str]) -> bool:
    """Whether a condition holds; a variable without a value is empty."""
    found = _CONDITION.fullmatch(condition)
    if found is None:
        return False
    value = values.get(found["name"], "")
    if found["compared"]:
        wanted = found["value"]
        if len(wanted) > 1 and wanted[0] == wanted[-1] and wanted[0] in "'\"":
            wanted = wanted[1:-1]
        return (value == wanted) == (found["compared"] == "==")
    return (value.lower() in _FALSE) == bool(found["negated"])
