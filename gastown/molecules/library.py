"""Where formulas are: the folders of the search path. A formula's name is never a path."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gastown.errors import GastownError, Unavailable
from gastown.molecules.documents import JSON, SIZE_LIMIT, TOML, check_name, parse
from gastown.molecules.errors import FormulaInvalid, FormulaNotFound
from gastown.molecules.formula import Formula, FormulaType

FOLDER = "formulas"
_ENDINGS = (TOML, JSON)
_MANY = 2_000  # files of one folder that are looked at


@dataclass
class Library:
    """The formulas in some folders; of two with one name the one in the earlier folder counts. Reads each once."""

    folders: tuple[Path, ...]
    _read: dict[str, Formula] = field(default_factory=dict)

    def load(self, name: str) -> Formula:
        """The formula of this name; refuses names that are paths, and those that no folder has."""
        check_name(name)
        if name not in self._read:
            self._read[name] = read_file(self.path(name))
            found = self._read[name].name
            if found != name:
                raise FormulaInvalid(self._read.pop(name).source, "formula", f"the file of {name!r} says {found!r}")
        return self._read[name]

    def path(self, name: str) -> Path:
        """The file of the formula of this name."""
        check_name(name)
        for folder in self.folders:
            for ending in _ENDINGS:
                if (folder / f"{name}{ending}").is_file():
                    return folder / f"{name}{ending}"
        places = ", ".join(str(folder) for folder in self.folders) or "no folder"
        raise FormulaNotFound(
            f"no formula {name!r}", hint=f"Looked in {places}. `bd formula list` shows what there is."
        )

    def has(self, name: str) -> bool:
        """Whether there is a formula of this name."""
        try:
            self.path(name)
        except GastownError:
            return False
        return True

    def names(self) -> dict[str, Path]:
        """Every formula's file by name, in the order of the names."""
        found: dict[str, Path] = {}
        for folder in self.folders:
            for file in _files(folder):
                name = next(file.name.removesuffix(ending) for ending in _ENDINGS if file.name.endswith(ending))
                found.setdefault(name, file)
        return dict(sorted(found.items()))


def _files(folder: Path) -> Iterator[Path]:
    try:
        inside = sorted(folder.iterdir())[:_MANY]
    except OSError:
        return
    for ending in _ENDINGS:
        yield from (file for file in inside if file.name.endswith(ending) and file.is_file())


def read_file(path: Path) -> Formula:
    """The formula in a file; refuses files that are too large or that are none."""
    try:
        with path.open("rb") as file:
            raw = file.read(SIZE_LIMIT + 1)
    except FileNotFoundError:
        raise FormulaNotFound(f"no such file: {path}") from None
    except OSError as error:
        raise Unavailable(f"cannot read {path}: {error.strerror}") from None
    return parse(raw, str(path))


@dataclass(frozen=True)
class Listed:
    """One line of the list of formulas; `problem` says why a file is none."""

    name: str
    path: Path
    type: str = ""
    description: str = ""
    steps: int = 0
    vars: int = 0
    problem: str = ""


def list_formulas(library: Library, *, kind: str = "") -> list[Listed]:
    """Every formula, broken ones too; `kind` is a type, or nothing for all."""
    if kind and kind not in FormulaType.__members__.values():
        raise FormulaInvalid("", "", f"no type {kind[:40]!r}", hint=f"One of: {', '.join(FormulaType)}.")
    found = []
    for name, path in library.names().items():
        try:
            one = library.load(name)
        except GastownError as error:
            found.append(Listed(name, path, problem=error.message))
            continue
        size = len(one.steps) or len(one.template) or len(one.legs) or len(one.advice)
        lines = one.description.strip().splitlines()
        found.append(Listed(name, path, one.type.value, lines[0] if lines else "", size, len(one.vars)))
    return [one for one in found if not kind or one.type == kind]


def search_path(*folders: Path | None) -> tuple[Path, ...]:
    """The folders of formulas inside these `.beads` folders, each once, in order."""
    return tuple(dict.fromkeys(folder / FOLDER for folder in folders if folder is not None))
