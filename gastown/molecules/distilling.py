"""Documents from what is there: an epic or molecule becomes a formula, and JSON becomes TOML."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sqlmodel import Session

from gastown import beads
from gastown.beads import DependencyType
from gastown.errors import Unavailable
from gastown.molecules.binding import named
from gastown.molecules.documents import JSON, TOML, check_name, parse
from gastown.molecules.errors import FormulaExists, FormulaInvalid, VariableInvalid
from gastown.molecules.library import Library
from gastown.molecules.protomolecule import Protomolecule, ProtoStep
from gastown.molecules.trees import read_proto

_NO_TABLES: tuple[Any, ...] = ("", (), {}, None, False)


@dataclass(frozen=True)
class Distilled:
    """A formula that was made from beads."""

    name: str
    document: dict[str, object]
    steps: int
    variables: list[str]

    def as_json(self, path: Path) -> dict[str, object]:
        """What `--json` shows of it, written to `path`."""
        return {
            "formula_name": self.name,
            "formula_path": str(path),
            "steps": self.steps,
            "variables": self.variables,
        }


def distill(session: Session, bead_id: str, name: str, replacing: Sequence[str]) -> Distilled:
    """The formula that an epic or a molecule is, with the texts that `replacing` names (`value=name`) as variables."""
    proto = read_proto(session, bead_id)
    wanted = check_name(name or _name(proto))
    pairs = _pairs(proto, replacing)
    proto = _with_variables(proto, pairs)
    _check_sayable(proto)
    document = to_document(replace(proto, formula=wanted), pairs)
    return Distilled(wanted, document, len(proto.steps), list(named(proto)))


def _check_sayable(proto: Protomolecule) -> None:
    """Refuse what a document has no word for, rather than leave it out."""
    for edge in proto.edges:
        if not edge.gate and edge.type != DependencyType.BLOCKS:
            raise FormulaInvalid(
                "", f"step {edge.step}", f"a formula cannot say {edge.type}", hint="Distill its parts."
            )
    for step in proto.steps:
        if len(step.conditions) > 1:
            raise FormulaInvalid("", f"step {step.id}", "a formula's step has one condition", hint="Distill its parts.")


def _name(proto: Protomolecule) -> str:
    words = "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in proto.title.lower()).split()
    return "-".join(words)[:60].strip("-") or "distilled"


def _pairs(proto: Protomolecule, replacing: Sequence[str]) -> dict[str, str]:
    """Name -> the text it replaces. Both orders are taken: the side that the beads hold is the text."""
    texts = "\n".join(_all_texts(proto))
    found: dict[str, str] = {}
    for said in replacing:
        left, equals, right = said.partition("=")
        if not equals or not left or not right:
            raise VariableInvalid(
                f"--var {said[:60]!r} is not VALUE=NAME", hint="Say it like --var 'payments=feature'."
            )
        pair = next(
            ((name, text) for text, name in ((left, right), (right, left)) if text in texts and name.isidentifier()),
            None,
        )
        if pair is None or not pair[0].isascii():
            raise VariableInvalid(
                f"--var {said[:60]!r}: the steps hold neither text, or the other is no name of a variable",
                hint="A name is letters, digits and _.",
            )
        found[pair[0]] = pair[1]
    return found


def _all_texts(proto: Protomolecule) -> list[str]:
    texts = [proto.title, proto.description]
    for step in proto.steps:
        texts += [step.title, step.description, step.notes, step.acceptance, step.assignee, *step.labels]
    return texts


def _with_variables(proto: Protomolecule, pairs: Mapping[str, str]) -> Protomolecule:
    # The longest text first: a shorter one may be inside it.
    order = sorted(pairs.items(), key=lambda pair: -len(pair[1]))

    def put(text: str) -> str:
        parts = [text]
        for name, value in order:
            parts = [
                piece
                for part in parts
                for piece in ([part] if part.startswith("{{") else _split(part, value, f"{{{{{name}}}}}"))
            ]
        return "".join(parts)

    def step(one: ProtoStep) -> ProtoStep:
        return replace(
            one,
            title=put(one.title),
            description=put(one.description),
            notes=put(one.notes),
            acceptance=put(one.acceptance),
            assignee=put(one.assignee),
            labels=tuple(put(label) for label in one.labels),
        )

    return replace(proto, description=put(proto.description), steps=tuple(step(one) for one in proto.steps))


def _split(text: str, value: str, instead: str) -> list[str]:
    pieces: list[str] = []
    for number, part in enumerate(text.split(value)):
        pieces += [instead, part] if number else [part]
    return pieces


def to_document(proto: Protomolecule, pairs: Mapping[str, str]) -> dict[str, object]:
    """A plan as a formula's document."""
    declared: dict[str, dict[str, object]] = {
        variable.name: {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(variable).items()
            if key != "name" and value not in _NO_TABLES and (key, value) != ("type", "string")
        }
        for variable in proto.variables
    }
    for name in named(proto):
        said = {"description": f"Was: {pairs[name]}"[:200]} if name in pairs else {}
        declared.setdefault(name, {**said, "required": True})
    document: dict[str, object] = {
        "formula": proto.formula,
        "description": proto.description,
        "version": proto.version,
        "type": "workflow",
        "phase": proto.phase,
        "vars": declared,
        "steps": [_step(one, proto) for one in proto.steps if not one.parent],
    }
    return {key: value for key, value in document.items() if value not in ("", {})}


def _step(step: ProtoStep, proto: Protomolecule) -> dict[str, object]:
    edges = [edge for edge in proto.edges if edge.step == step.id]
    waits = next((f"children-of({edge.target})" for edge in edges if edge.gate), "")
    gates = [
        {
            "type": gate.type,
            "await_id": gate.await_id,
            "timeout": beads.format_duration(gate.timeout) if gate.timeout else "",
            "condition": gate.condition,
        }
        for gate in proto.gates
        if gate.step == step.id
    ]
    said: dict[str, object] = {
        "id": step.id,
        "title": step.title,
        "description": step.description,
        "notes": step.notes,
        "acceptance": step.acceptance,
        "type": "" if step.type == "task" else step.type,
        "priority": step.priority,
        "labels": list(step.labels),
        "assignee": step.assignee,
        "needs": [edge.target for edge in edges if not edge.gate],
        "waits_for": waits,
        "condition": step.conditions[0] if step.conditions else "",
        "metadata": {key: value for key, value in step.metadata.items() if key not in ("on_complete", "loop")},
        "on_complete": step.metadata.get("on_complete") or {},
        "gate": [{key: value for key, value in gate.items() if value} for gate in gates],
        "children": [_step(one, proto) for one in proto.steps if one.parent == step.id],
    }
    return {key: value for key, value in said.items() if value not in ("", [], {})}


def as_json(document: Mapping[str, object]) -> str:
    """The document as a `.formula.json` holds it."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def as_toml(document: Mapping[str, object]) -> str:
    """The document as a `.formula.toml` holds it."""
    import tomlkit

    return tomlkit.dumps(_without_nulls(document))


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        kept = [(key, _without_nulls(item)) for key, item in value.items() if item is not None]
        return dict(sorted(kept, key=lambda pair: _is_table(pair[1])))  # what follows a table would belong to it
    if isinstance(value, list):
        return [_without_nulls(item) for item in value if item is not None]
    return value


def _is_table(value: object) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(item, dict) for item in value))


def convert(path: Path) -> tuple[Path, str]:
    """The TOML of a JSON formula, and the file it belongs in; refuses what would not read as the same formula."""
    if not path.name.endswith(JSON):
        raise FormulaInvalid(str(path), "", f"not a {JSON} file", hint="Only JSON formulas are converted, to TOML.")
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise Unavailable(f"cannot read {path}: {error.strerror}") from None
    before = parse(raw, str(path))
    text = as_toml(json.loads(raw))
    after = parse(text.encode(), str(path.with_name(before.name + TOML)))
    if replace(after, source="") != replace(before, source=""):
        raise FormulaInvalid(str(path), "", "TOML cannot say the same", hint="Keep the JSON file: it works as it is.")
    return path.with_name(path.name.removesuffix(JSON) + TOML), text


def json_files(library: Library, names: Sequence[str], *, every: bool) -> list[Path]:
    """The JSON formulas that these words mean: files, names on the search path, or `every` one there."""
    if bool(names) == every:
        raise FormulaInvalid("", "", "name formulas, or say --all, and not both", hint="bd formula convert mol-feature")
    if every:
        return [path for path in library.names().values() if path.name.endswith(JSON)]
    return [Path(name) if name.endswith(JSON) else library.path(name) for name in names]


def write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet, whole or not at all; refuses to write over one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.write_text(text, encoding="utf-8")
        try:
            os.link(draft, path)
        finally:
            draft.unlink()
    except FileExistsError:
        raise FormulaExists(f"{path} is there already", hint="Choose another name.") from None
    except OSError as error:
        raise Unavailable(f"cannot write {path}: {error.strerror}") from None
