"""Convoy formulas: legs that run side by side, each inside the base prompt, and a synthesis of what they find."""

from collections.abc import Mapping
from dataclasses import replace

from gastown.molecules.errors import FormulaInvalid
from gastown.molecules.formula import Formula, FormulaType, Leg, Step
from gastown.molecules.prompts import render

SYNTHESIS = "synthesis"


def legs_to_steps(formula: Formula, values: Mapping[str, str]) -> Formula:
    """The formula with a step for each leg, and for the synthesis, which waits for the legs that it names (or all)."""
    if not formula.legs:
        raise FormulaInvalid(formula.source, "", f"type {formula.type.value} without legs", hint="Add [[legs]].")
    names = [leg.id for leg in formula.legs]
    for preset, chosen in formula.presets.items():
        _check(formula, f"presets.{preset}", chosen, names)
    said = _said(formula, values)
    steps = [_leg(formula, leg, number, said) for number, leg in enumerate(formula.legs)]
    if formula.synthesis is not None:
        _check(formula, "synthesis.depends_on", formula.synthesis.depends_on, names)
        steps.append(
            Step(
                id=SYNTHESIS,
                title=formula.synthesis.title,
                description=render(formula.synthesis.description, said),
                needs=formula.synthesis.depends_on or tuple(names),
                source_formula=formula.name,
                source_location=SYNTHESIS,
            )
        )
    return replace(formula, steps=(*formula.steps, *steps))


def _check(formula: Formula, place: str, chosen: tuple[str, ...], names: list[str]) -> None:
    for name in chosen:
        if name not in names:
            raise FormulaInvalid(formula.source, place, f"no leg {name[:60]!r}", hint=f"Legs: {', '.join(names)}.")


def _leg(formula: Formula, leg: Leg, number: int, said: Mapping[str, object]) -> Step:
    about = {"id": leg.id, "title": leg.title, "focus": leg.focus, "description": leg.description}
    pattern = render(formula.output.leg_pattern, {**said, "leg": about})
    directory = render(formula.output.directory, said)
    mine = {**said, "leg": about, "output_path": f"{directory}/{pattern}" if pattern else directory}
    prompt = formula.prompts.get("base", "") if formula.type == FormulaType.CONVOY else ""
    settings: dict[str, object] = {"agent": leg.agent} if leg.agent else {}
    if leg.review_only:
        settings["review_only"] = True
    return Step(
        id=leg.id,
        title=leg.title or leg.focus or leg.id,
        description=render(prompt, mine)
        if prompt
        else "\n\n".join(part for part in (leg.description, leg.focus) if part),
        metadata=settings,
        source_formula=formula.name,
        source_location=f"legs[{number}]",
    )


def _said(formula: Formula, values: Mapping[str, str]) -> dict[str, object]:
    """What the prompts of a convoy may name."""
    output = {name: getattr(formula.output, name) for name in ("directory", "leg_pattern", "synthesis")}
    found: dict[str, object] = {**values, "formula_name": formula.name, "output": output}
    if "pr" in values:
        found["pr_number"] = values["pr"]
    if "files" in values:
        found["files"] = [name.strip() for name in values["files"].split(",") if name.strip()]
    subject = next((f"{name} {values[name]}" for name in ("pr", "branch", "files") if name in values), "")
    found["target_description"] = subject.replace("pr ", "PR #", 1) if subject.startswith("pr ") else subject
    return found
