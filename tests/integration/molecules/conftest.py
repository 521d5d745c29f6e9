from collections.abc import Callable

import pytest
from sqlmodel import Session

from gastown.molecules import Order, Poured, Shelf, Vessel, fulfil
from tests.support.recipes import Recipes

ADA = "ada"


class Kitchen:
    """A shelf of formulas, and a session to pour them into."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.recipes = Recipes()
        self.shelf = Shelf(_Shelved(self.recipes), "app")  # type: ignore[arg-type]

    def pour(self, text: str = "", name: str = "", **said: object) -> Poured:
        """Pour a document, or the formula (or template) of this name."""
        word = self.recipes.add(text).name if text else name
        given = said.pop("given", {})
        order = Order(word, Vessel("app", **said), given)  # type: ignore[arg-type]
        return fulfil(self.session, order, self.shelf, actor=ADA)


class _Shelved:
    """The formulas of the test, where commands look in folders."""

    folders = ()

    def __init__(self, recipes: Recipes) -> None:
        self.recipes = recipes
        self.load: Callable[[str], object] = recipes.load

    def has(self, name: str) -> bool:
        return name in self.recipes.formulas


@pytest.fixture
def kitchen(session: Session) -> Kitchen:
    """Formulas by name, and what pours them."""
    return Kitchen(session)
