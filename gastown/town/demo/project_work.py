"""What the demo has done in the clone of a real repository: small modules, each with its test. Pure."""

from gastown.town.demo.work import Edit, Work, module


def _tested(folder: str, name: str, code: str, test: str) -> list[Edit]:
    """A module and its test. The prefix keeps both from standing in for a module of Python's own."""
    body = f"""import unittest

from demo_{name} import *  # noqa: F403


class {name.title()}Test(unittest.TestCase):
    def test_{name}(self) -> None:
{test}"""
    return [module(f"{folder}/demo_{name}.py", code), module(f"{folder}/test_demo_{name}.py", body)]


_WORDS = '''"""Words of a text."""


def words(text: str) -> list[str]:
    """The words of a text in small letters."""
    return "".join(letter if letter.isalnum() else " " for letter in text.lower()).split()
'''
_WORDS_TEST = '        self.assertEqual(words("Red, green; BLUE"), ["red", "green", "blue"])\n'

_SLUG = '''"""Names for addresses."""


def slug(title: str) -> str:
    """A title as a part of an address."""
    return "-".join("".join(letter for letter in word if letter.isalnum()) for word in title.lower().split())
'''
_SLUG_TEST = '        self.assertEqual(slug("The Town, runs!"), "the-town-runs")\n'

_COUNTS = '''"""How often words occur."""

from collections import Counter

from demo_words import words


def most_common(text: str) -> str:
    """The most common word of a text."""
    return Counter(words(text)).most_common(1)[0][0]
'''
_COUNTS_TEST = '        self.assertEqual(most_common("a rig, a bead, a town"), "a")\n'

_WRAP = '''"""Lines of a length."""

import textwrap


def wrap(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` characters."""
    return textwrap.wrap(text, width)
'''
_WRAP_TEST = '        self.assertEqual(wrap("one two three", 7), ["one two", "three"])\n'

_INDEX = '''"""An index of titles."""

from demo_slug import slug
from demo_words import words


def index(titles: list[str]) -> dict[str, list[str]]:
    """The addresses of titles, by the words in them."""
    found: dict[str, list[str]] = {}
    for title in titles:
        for word in words(title):
            found.setdefault(word, []).append(slug(title))
    return found
'''
_INDEX_TEST = '        self.assertEqual(index(["Red rig", "Rig two"])["rig"], ["red-rig", "rig-two"])\n'

_REPORT = '''"""A report over an index."""

from demo_index import index


def report(titles: list[str]) -> str:
    """A line for each word, with how many titles have it."""
    return "\\n".join(f"{word}: {len(found)}" for word, found in sorted(index(titles).items()))
'''
_REPORT_TEST = '        self.assertEqual(report(["red rig", "rig"]), "red: 1\\nrig: 2")\n'

_NOTES = """# What the demo's agents made

Words, slugs, counts and an index of titles, each with its test.
"""


def works(folder: str) -> tuple[Work, ...]:
    """The beads of the first rig; their files lie in `folder`."""
    return (
        Work(
            key="words",
            title="Find the words of a text",
            text="In small letters, without punctuation.",
            edits=_tested(folder, "words", _WORDS, _WORDS_TEST),
            priority=1,
        ),
        Work(
            key="slug",
            title="Make addresses from titles",
            text="Its agent is told to die in its first run: the next one goes on from what it left.",
            edits=_tested(folder, "slug", _SLUG, _SLUG_TEST),
            priority=1,
            dies=True,
        ),
        Work(
            key="wrap",
            title="Wrap text into lines",
            text="Lines of at most so many characters.",
            edits=_tested(folder, "wrap", _WRAP, _WRAP_TEST),
            is_spare=True,
        ),
        Work(
            key="counts",
            title="Count words",
            text="The most common word of a text.",
            edits=_tested(folder, "counts", _COUNTS, _COUNTS_TEST),
            needs=("words",),
        ),
        Work(
            key="index",
            title="Index titles by their words",
            text="Needs words and addresses, and waits for the other rig's discounts: titles are sold at one.",
            edits=_tested(folder, "index", _INDEX, _INDEX_TEST),
            needs=("words", "slug", "discount"),
        ),
        Work(
            key="notes",
            title="Write down what there is",
            text="A short page for readers.",
            edits=[module(f"{folder}/NOTES.md", _NOTES)],
            needs=("counts",),
        ),
        Work(
            key="report",
            title="Report over the index",
            text="How many titles have each word; goes out with the other rig's receipts.",
            edits=_tested(folder, "report", _REPORT, _REPORT_TEST),
            needs=("index", "receipt"),
        ),
    )


def filler(number: int, folder: str) -> Work:
    """One more bead, apart from all others."""
    name = f"times_{number}"
    code = f'''"""Multiples of {number}."""


def times_{number}(value: int) -> int:
    """`value` times {number}."""
    return {number} * value
'''
    return Work(
        key=name,
        title=f"Multiply by {number}",
        text=f"Multiples of {number}.",
        edits=_tested(folder, name, code, f"        self.assertEqual(times_{number}(3), {3 * number})\n"),
    )
