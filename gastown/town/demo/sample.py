"""The demo's second repository: a small till with real tests. Text only; `repositories.py` makes it a repository."""

GATE = "-m unittest discover -s tests -t ."
"""What the interpreter is asked to do as this repository's gate."""

_UNITS = '''"""The units that things are sold in."""

UNITS = [
    "piece",
    "kilogram",
]


def is_known(unit: str) -> bool:
    """Whether anything is sold in this unit."""
    return unit in UNITS
'''

_MONEY = '''"""Money is counted in cents."""


def show(cents: int) -> str:
    """Cents as people write them: 1205 is 12.05."""
    return f"{cents // 100}.{cents % 100:02d}"
'''

_BASKET = '''"""What somebody buys."""


def total(lines: list[tuple[int, int]]) -> int:
    """The price in cents of lines of count and price."""
    return sum(count * price for count, price in lines)
'''

_TEST_UNITS = """import unittest

from till.units import UNITS, is_known


class UnitsTest(unittest.TestCase):
    def test_known_units(self) -> None:
        self.assertTrue(is_known("piece"))
        self.assertFalse(is_known("furlong"))

    def test_every_unit_is_there_once(self) -> None:
        self.assertEqual(len(UNITS), len(set(UNITS)))
"""

_TEST_MONEY = """import unittest

from till.money import show


class MoneyTest(unittest.TestCase):
    def test_show_has_two_decimals(self) -> None:
        self.assertEqual(show(1205), "12.05")
        self.assertEqual(show(50), "0.50")
"""

_TEST_BASKET = """import unittest

from till.basket import total


class BasketTest(unittest.TestCase):
    def test_total(self) -> None:
        self.assertEqual(total([(2, 150), (1, 99)]), 399)
        self.assertEqual(total([]), 0)
"""

_README = """# till

Units, money and baskets of a small shop. The tests: `python3 -m unittest discover -s tests -t .`
"""

FILES = {
    ".gitignore": "__pycache__/\n",
    "README.md": _README,
    "till/__init__.py": '"""A small till."""\n',
    "till/units.py": _UNITS,
    "till/money.py": _MONEY,
    "till/basket.py": _BASKET,
    "tests/__init__.py": "",
    "tests/test_units.py": _TEST_UNITS,
    "tests/test_money.py": _TEST_MONEY,
    "tests/test_basket.py": _TEST_BASKET,
}

PROJECT_FILES = {
    ".gitignore": "__pycache__/\n",
    "README.md": "# A notebook\n\nNo repository was named or found, so the demo made this one.\n",
    "notebook.py": '"""Nothing yet."""\n',
}
