"""What can be wrong with a formula, its variables, or a molecule."""

from gastown.errors import Conflict, Invalid, NotFound, Refused


class FormulaNotFound(NotFound):
    """No formula of this name is on the search path."""


class FormulaInvalid(Invalid):
    """A formula document says something that no formula can mean; the message names the file and the place."""

    def __init__(self, source: str, place: str, what: str, *, hint: str | None = None) -> None:
        super().__init__(": ".join(part for part in (source, place, what) if part), hint=hint)


class VariableInvalid(Invalid):
    """A variable is missing, unknown, or has a value that its formula does not take."""


class NotAMolecule(NotFound):
    """The bead that was named is no molecule, or has none."""


class MoleculeRefused(Refused):
    """Understood, and it would leave the molecule senseless."""


class FormulaExists(Conflict):
    """A file or a template of this name is there already."""
