"""Formulas for tests: documents as text, read the way files are, without a file."""

from pathlib import Path

from gastown.molecules import Formula, FormulaNotFound, Protomolecule, cook, parse

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "formulas"


class Recipes:
    """Formulas by name, each from its TOML text."""

    def __init__(self, *texts: str) -> None:
        self.formulas: dict[str, Formula] = {}
        for text in texts:
            self.add(text)

    def add(self, text: str, source: str = "") -> Formula:
        """Take in one more document; of the first there is no other name than its own."""
        found = parse(text.encode(), source or "test.formula.toml")
        self.formulas[found.name] = found
        return found

    def load(self, name: str) -> Formula:
        """The formula of this name."""
        if name not in self.formulas:
            raise FormulaNotFound(f"no formula {name!r}")
        return self.formulas[name]

    def cook(self, name: str = "", **given: str) -> Protomolecule:
        """Cook the formula of this name, or the one that was taken in last."""
        return cook(self.formulas[name or list(self.formulas)[-1]], self.load, given)


def needs(proto: Protomolecule) -> dict[str, list[str]]:
    """Of each step, what it waits for."""
    found: dict[str, list[str]] = {step.id: [] for step in proto.steps}
    for edge in proto.edges:
        found[edge.step].append(edge.target)
    return found


def workflow(*steps: str, more: str = "", name: str = "w") -> str:
    """A workflow whose steps are `id` or `id<need,need`."""
    lines = [f'formula = "{name}"', more]
    for step in steps:
        ident, _, after = step.partition("<")
        wanted = ", ".join(f'"{one}"' for one in after.split(",") if one)
        lines += ["[[steps]]", f'id = "{ident}"', f'title = "Do {ident}"', f"needs = [{wanted}]"]
    return "\n".join(lines)
