"""Reading a formula's document, TOML or JSON. What no formula has is noted; what no formula can mean is refused."""

import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from gastown.molecules import formula as made
from gastown.molecules.errors import FormulaInvalid
from gastown.molecules.formula import Formula, FormulaType, Step
from gastown.molecules.tables import Table

TOML, JSON = ".formula.toml", ".formula.json"
SIZE_LIMIT = 4_000_000  # bytes of one document
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_TYPES = {"string": "string", "int": "int", "integer": "int", "number": "int", "bool": "bool", "boolean": "bool"}
_GATES = ("human", "timer", "gh:run", "gh:pr", "bead", "mail")
_CHILDREN_OF = re.compile(r"children-of\(([^()]+)\)")
_PHASES = ("", "liquid", "vapor")

T = TypeVar("T")


def check_name(name: str) -> str:
    """The name of a formula; refuses what could be a path."""
    if NAME.fullmatch(name) is None:
        raise FormulaInvalid(
            "", "", f"not a formula name: {name[:60]!r}", hint="A name is letters, digits, - and _; it is not a path."
        )
    return name


def parse(raw: bytes, source: str) -> Formula:
    """The formula that a document holds; `source` is its file, whose ending says the format."""
    if len(raw) > SIZE_LIMIT:
        raise FormulaInvalid(source, "", f"longer than {SIZE_LIMIT // 1_000_000} MB")
    unknown: list[str] = []
    return _formula(Table(_decode(raw, source), source, "", unknown), unknown)


def _decode(raw: bytes, source: str) -> dict[str, Any]:
    try:
        text = raw.decode()
        data = json.loads(text) if source.endswith(".json") else tomllib.loads(text)
    except UnicodeDecodeError:
        raise FormulaInvalid(source, "", "not UTF-8 text") from None
    except (ValueError, RecursionError) as error:
        kind = "JSON" if source.endswith(".json") else "TOML"
        raise FormulaInvalid(source, "", f"not {kind}: {str(error)[:200]}", hint="Mend the line it names.") from None
    if not isinstance(data, dict):
        raise FormulaInvalid(source, "", "not a table of keys")
    return data


def _formula(top: Table, unknown: list[str]) -> Formula:
    name = top.need("formula")
    if NAME.fullmatch(name) is None:
        raise top.refuse(f"formula: not a name: {name[:60]!r}", hint="A name is letters, digits, - and _.")
    found = Formula(
        name=name,
        source=top.source,
        description=top.text("description").strip(),
        version=top.number("version", 1),
        type=_type(top),
        extends=top.texts("extends"),
        vars=_variables(top, "vars") | _variables(top, "inputs"),
        steps=_each(top, "steps", _step),
        template=_each(top, "template", _step),
        compose=_compose(top.table("compose")),
        advice=_each(top, "advice", _advice),
        pointcuts=_each(top, "pointcuts", _pointcut),
        phase=top.text("phase"),
        pour=top.flag("pour") if top.has("pour") else None,
        legs=_each(top, "legs", _leg) + _each(top, "aspects", _leg),
        synthesis=_synthesis(top.table("synthesis")),
        prompts=top.scalars("prompts"),
        output=_output(top.table("output")),
        presets=_presets(top),
        settings={key: top.data[key] for key in ("agent", "review_only", "squash") if top.scalar(key) is not None},
    )
    if found.version < 1:
        raise top.refuse("version must be 1 or more")
    if found.phase not in _PHASES:
        raise top.refuse(f"phase: {found.phase[:40]!r} is neither liquid nor vapor")
    top.text("source")  # written by others into what they convert; the file's own place counts
    top.end()
    return replace(
        found,
        unknown=tuple(unknown),
        steps=_located(found.steps, found.name, "steps"),
        template=_located(found.template, found.name, "template"),
    )


def _located(steps: tuple[Step, ...], name: str, place: str) -> tuple[Step, ...]:
    located = []
    for number, step in enumerate(steps):
        here = f"{place}[{number}]"
        loop = step.loop and replace(step.loop, body=_located(step.loop.body, name, f"{here}.loop.body"))
        children = _located(step.children, name, f"{here}.children")
        located.append(replace(step, source_formula=name, source_location=here, loop=loop, children=children))
    return tuple(located)


def _type(top: Table) -> FormulaType:
    said = top.text("type")
    if said:
        if said not in FormulaType.__members__.values():
            raise top.refuse(f"type: {said[:40]!r} is none of {', '.join(FormulaType)}")
        return FormulaType(said)
    for key, kind in (
        ("legs", FormulaType.CONVOY),
        ("template", FormulaType.EXPANSION),
        ("aspects", FormulaType.ASPECT),
        ("pointcuts", FormulaType.ASPECT),
    ):
        if top.has(key) and not top.has("steps"):
            return kind
    return FormulaType.WORKFLOW


def _each(table: Table, key: str, read: Callable[[Table], T], *, or_one: bool = False) -> tuple[T, ...]:
    found = []
    for inner in table.tables(key, or_one=or_one):
        found.append(read(inner))
        inner.end()
    return tuple(found)


def _variables(top: Table, key: str) -> dict[str, made.Variable]:
    found = {}
    for name, said in top.named(key).items():
        if _VARIABLE.fullmatch(name) is None:
            raise top.refuse(f"{key}: not a variable's name: {name[:60]!r}", hint="Use letters, digits and _.")
        if isinstance(said, dict):
            inner = top.inside(f"{key}.{name}", said)
            found[name] = _variable(name, inner)
            inner.end()
        else:
            found[name] = made.Variable(name=name, default=top.inside(key, {name: said}).scalar(name))
    return found


def _variable(name: str, table: Table) -> made.Variable:
    said = table.text("type", "string")
    if said not in _TYPES:
        raise table.refuse(f"type: {said[:40]!r} is none of string, int, bool")
    default = table.scalar("default")
    found = made.Variable(
        name=name,
        description=table.text("description"),
        default=default,
        required=table.flag("required"),
        enum=table.words("enum"),
        pattern=table.text("pattern"),
        type=_TYPES[said],
        required_unless=table.texts("required_unless"),
    )
    if found.required and default is not None:
        raise table.refuse("it is required and has a default", hint="Leave one of the two out.")
    try:
        re.compile(found.pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise table.refuse(f"pattern: {error}") from None
    return found


def _step(table: Table) -> Step:
    priority = table.number("priority") if table.has("priority") else None
    if priority is not None and not 0 <= priority <= 4:
        raise table.refuse(f"priority: {priority} is not 0 (most urgent) to 4")
    step = Step(
        id=table.need("id"),
        title=table.text("title").strip(),
        description=table.text("description").strip(),
        notes=table.text("notes").strip(),
        acceptance=table.text("acceptance").strip(),
        type=table.text("type"),
        priority=priority,
        labels=table.texts("labels"),
        metadata=table.values("metadata") | _marks(table),
        needs=tuple(dict.fromkeys((*table.texts("depends_on"), *table.texts("needs")))),
        waits_for=_waits_for(table),
        assignee=table.text("assignee"),
        expand=table.text("expand"),
        expand_vars=table.scalars("expand_vars"),
        conditions=(said,) if (said := table.text("condition").strip()) else (),
        children=_each(table, "children", _step),
        gates=_each(table, "gate", _gate, or_one=True),
        loop=_loop(table.table("loop")),
        on_complete=_on_complete(table.table("on_complete")),
    )
    if not step.title and not step.expand and step.loop is None:
        raise table.refuse("title is required")
    if step.expand and (step.loop or step.children):
        raise table.refuse("a step with expand has neither loop nor children")
    if step.loop and step.children:
        raise table.refuse("a step with loop has no children", hint="Put them into loop.body.")
    return step


def _marks(table: Table) -> dict[str, bool]:
    """What a step says about how it is done, which the graph does not need."""
    return {key: True for key in ("parallel", "interactive") if table.flag(key)}


def _waits_for(table: Table) -> str:
    said = table.text("waits_for").strip()
    if said and said not in ("all-children", "any-children") and _CHILDREN_OF.fullmatch(said) is None:
        raise table.refuse(
            f"waits_for: {said[:60]!r} is none of all-children, any-children, children-of(STEP)",
        )
    return said


def _gate(table: Table) -> made.Gate:
    gate = made.Gate(
        type=table.text("type", "human"),
        await_id=table.scalar("await_id") or table.scalar("id") or "",
        timeout=table.text("timeout"),
        condition=table.text("condition"),
    )
    table.scalar("id")
    if gate.type not in _GATES:
        raise table.refuse(f"type: {gate.type[:40]!r} is none of {', '.join(_GATES)}")
    if gate.type == "timer" and not gate.timeout:
        raise table.refuse("a timer needs a timeout", hint='Write timeout = "1h".')
    return gate


def _loop(table: Table | None) -> made.Loop | None:
    if table is None:
        return None
    loop = made.Loop(
        body=_each(table, "body", _step),
        count=table.number("count"),
        until=table.text("until"),
        max=table.number("max"),
        range=table.text("range"),
        var=table.text("var"),
    )
    kinds = sum((table.has("count"), bool(loop.until), bool(loop.range)))
    if not loop.body:
        raise table.refuse("body is required")
    if kinds != 1:
        raise table.refuse("one of count, until or range is required, and only one")
    if table.has("count") and not 1 <= loop.count <= made.MAX_STEPS:
        raise table.refuse(f"count: {loop.count} is not 1 to {made.MAX_STEPS}")
    if loop.until and not 1 <= loop.max <= made.MAX_STEPS:
        raise table.refuse(f"until needs a max of 1 to {made.MAX_STEPS}")
    if loop.var and _VARIABLE.fullmatch(loop.var) is None:
        raise table.refuse(f"var: not a variable's name: {loop.var[:60]!r}")
    table.end()
    return loop


def _on_complete(table: Table | None) -> made.OnComplete | None:
    if table is None:
        return None
    done = made.OnComplete(
        for_each=table.text("for_each"),
        bond=table.text("bond"),
        vars=table.scalars("vars"),
        parallel=table.flag("parallel"),
        sequential=table.flag("sequential"),
    )
    if bool(done.for_each) != bool(done.bond):
        raise table.refuse("for_each and bond need each other")
    if done.for_each and not done.for_each.startswith("output."):
        raise table.refuse(f"for_each: {done.for_each[:60]!r} does not begin with output.")
    if done.parallel and done.sequential:
        raise table.refuse("parallel and sequential exclude each other")
    table.end()
    return done


def _advice(table: Table) -> made.Advice:
    around = table.table("around")
    before = _each(table, "before", _advice_step, or_one=True)
    after = _each(table, "after", _advice_step, or_one=True)
    if around is not None:
        before += _each(around, "before", _advice_step, or_one=True)
        after += _each(around, "after", _advice_step, or_one=True)
        around.end()
    return made.Advice(target=table.need("target"), before=before, after=after)


def _advice_step(table: Table) -> made.AdviceStep:
    metadata = {key: values for key in ("args", "output") if (values := table.scalars(key))}
    return made.AdviceStep(
        id=table.need("id"),
        title=table.text("title").strip(),
        description=table.text("description").strip(),
        type=table.text("type"),
        metadata=metadata,
    )


def _pointcut(table: Table) -> made.Pointcut:
    found = made.Pointcut(glob=table.text("glob"), type=table.text("type"), label=table.text("label"))
    if found == made.Pointcut():
        raise table.refuse("one of glob, type or label is required")
    return found


def _compose(table: Table | None) -> made.Compose:
    if table is None:
        return made.Compose()
    found = made.Compose(
        bond_points=_each(table, "bond_points", _bond_point),
        hooks=_each(table, "hooks", _hook),
        expand=_each(table, "expand", lambda inner: _expand(inner, "target")),
        map=_each(table, "map", lambda inner: _expand(inner, "select")),
        branch=_each(table, "branch", _branch),
        gate=_each(table, "gate", lambda inner: made.GateRule(inner.need("before"), inner.need("condition"))),
        aspects=table.texts("aspects"),
    )
    table.end()
    return found


def _bond_point(table: Table) -> made.BondPoint:
    point = made.BondPoint(
        id=table.need("id"),
        description=table.text("description"),
        after_step=table.text("after_step"),
        before_step=table.text("before_step"),
        parallel=table.flag("parallel"),
    )
    if point.after_step and point.before_step:
        raise table.refuse("after_step and before_step exclude each other")
    return point


def _hook(table: Table) -> made.Hook:
    trigger = table.need("trigger")
    if trigger.partition(":")[0] not in ("label", "type", "priority") or not trigger.partition(":")[2]:
        raise table.refuse(f"trigger: {trigger[:60]!r} is none of label:NAME, type:NAME, priority:N-N")
    return made.Hook(trigger=trigger, attach=table.need("attach"), at=table.text("at"), vars=table.scalars("vars"))


def _expand(table: Table, key: str) -> made.Expand:
    return made.Expand(target=table.need(key), formula=table.need("with"), vars=table.scalars("vars"))


def _branch(table: Table) -> made.Branch:
    steps = table.texts("steps")
    if not steps:
        raise table.refuse("steps is required")
    return made.Branch(start=table.need("from"), steps=steps, join=table.need("join"))


def _leg(table: Table) -> made.Leg:
    return made.Leg(
        id=table.need("id"),
        title=table.text("title").strip(),
        focus=table.text("focus").strip(),
        description=table.text("description").strip(),
        agent=table.text("agent"),
        review_only=table.flag("review_only"),
    )


def _synthesis(table: Table | None) -> made.Synthesis | None:
    if table is None:
        return None
    found = made.Synthesis(
        title=table.text("title", "Synthesis").strip(),
        description=table.text("description").strip(),
        depends_on=table.texts("depends_on"),
    )
    table.end()
    return found


def _output(table: Table | None) -> made.Output:
    if table is None:
        return made.Output()
    found = made.Output(table.text("directory"), table.text("leg_pattern"), table.text("synthesis"))
    table.end()
    return found


def _presets(top: Table) -> dict[str, tuple[str, ...]]:
    found = {}
    for name, said in top.named("presets").items():
        if not isinstance(said, dict):
            raise top.refuse(f"presets.{name[:60]} is not a table")
        inner = top.inside(f"presets.{name}", said)
        found[name] = inner.texts("legs")
        inner.text("description")
        inner.end()
    return found
