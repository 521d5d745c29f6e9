"""The pages that ship with the program, for `gt help`; agents read them offline."""

import difflib
from importlib.resources import files
from importlib.resources.abc import Traversable

from gastown.errors import NotFound


class NoSuchTopic(NotFound):
    """No page has this name."""


def _pages() -> dict[str, Traversable]:
    top = files("gastown") / "docs"
    pages = {page.name.removesuffix(".md"): page for page in top.iterdir() if page.name.endswith(".md")}
    decisions = top / "decisions"
    pages |= {
        f"decisions/{page.name.removesuffix('.md')}": page for page in decisions.iterdir() if page.name.endswith(".md")
    }
    return dict(sorted(pages.items()))


def list_topics() -> dict[str, str]:
    """Every page's name and title."""
    return {name: page.read_text("utf-8").partition("\n")[0].lstrip("# ").strip() for name, page in _pages().items()}


def read_topic(name: str) -> str:
    """The text of a page, or NoSuchTopic; a decision may be named by its number alone."""
    pages = _pages()
    found = pages.get(name) or next((page for key, page in pages.items() if key.startswith(f"decisions/{name}-")), None)
    if found is None:
        close = difflib.get_close_matches(name, pages, n=1)
        hint = f"Did you mean {close[0]!r}?" if close else "`gt help` lists the pages."
        raise NoSuchTopic(f"no page is called {name[:60]!r}", hint=hint)
    return found.read_text("utf-8")
