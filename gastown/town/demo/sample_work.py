"""What the demo has done in its sample repository: two beads meet on one line, one breaks a test. Pure."""

from gastown.town.demo.work import Work, change, module

_BROKEN = 'return f"{cents // 100:,}.{cents % 100}"'
_MENDED = 'return f"{cents // 100:,}.{cents % 100:02d}"'


def _unit(name: str, *, seconds: float) -> Work:
    test = f'''import unittest

from till.units import is_known


class {name.title()}Test(unittest.TestCase):
    def test_{name}_is_known(self) -> None:
        self.assertTrue(is_known("{name}"))
'''
    return Work(
        key=name,
        title=f"Sell by the {name}",
        text=f"Add the {name} to the units. Somebody else adds another unit at the same place just now.",
        edits=[
            change("till/units.py", '    "kilogram",\n]', f'    "kilogram",\n    "{name}",\n]'),
            module(f"tests/test_{name}.py", test),
        ],
        priority=0,
        seconds=seconds,
    )


_THOUSANDS_TEST = """import unittest

from till.money import show


class ThousandsTest(unittest.TestCase):
    def test_thousands_are_separated(self) -> None:
        self.assertEqual(show(123456789), "1,234,567.89")
"""

_DISCOUNT = '''

def discounted(cents: int, percent: int) -> int:
    """The price less `percent`, rounded in the customer's favour."""
    return cents * (100 - percent) // 100
'''

_DISCOUNT_TEST = """import unittest

from till.basket import discounted


class DiscountTest(unittest.TestCase):
    def test_discount_is_rounded_down(self) -> None:
        self.assertEqual(discounted(999, 10), 899)
"""

_DEPOSIT = '''"""Deposits on bottles."""

from till.units import is_known


def deposit(unit: str, count: int) -> int:
    """Cents of deposit: 25 for each bottle, which is what is sold by the litre."""
    return 25 * count if unit == "litre" and is_known(unit) else 0
'''

_DEPOSIT_TEST = """import unittest

from till.deposit import deposit


class DepositTest(unittest.TestCase):
    def test_bottles_only(self) -> None:
        self.assertEqual(deposit("litre", 4), 100)
        self.assertEqual(deposit("piece", 4), 0)
"""

_RECEIPT = '''"""Receipts."""

from till.basket import total
from till.money import show
from till.units import is_known


def receipt(lines: list[tuple[int, str, int]]) -> str:
    """A line for each count, unit and price, and the sum."""
    for _, unit, _ in lines:
        if not is_known(unit):
            raise ValueError(f"nothing is sold by the {unit}")
    rows = [f"{count} {unit} at {show(price)}" for count, unit, price in lines]
    return "\\n".join([*rows, f"sum {show(total([(count, price) for count, _, price in lines]))}"])
'''

_RECEIPT_TEST = """import unittest

from till.receipt import receipt


class ReceiptTest(unittest.TestCase):
    def test_receipt_adds_up(self) -> None:
        text = receipt([(2, "litre", 120000), (1, "metre", 5)])
        self.assertEqual(text, "2 litre at 1,200.00\\n1 metre at 0.05\\nsum 2,400.05")
"""

WORKS = (
    _unit("litre", seconds=1.0),
    _unit("metre", seconds=1.2),
    Work(
        key="thousands",
        title="Show thousands with commas",
        text="Amounts shall read 1,234.50. Hurry; nobody has looked at the other tests.",
        edits=[
            change("till/money.py", 'return f"{cents // 100}.{cents % 100:02d}"', _BROKEN),
            module("tests/test_thousands.py", _THOUSANDS_TEST),
        ],
        priority=1,
        mends=[
            {
                "when": "test_show_has_two_decimals",
                "edits": [change("till/money.py", _BROKEN, _MENDED)],
            }
        ],
    ),
    Work(
        key="discount",
        title="Give discounts",
        text="Prices less some percent, rounded in the customer's favour.",
        edits=[
            change("till/basket.py", "for count, price in lines)\n", f"for count, price in lines)\n{_DISCOUNT}"),
            module("tests/test_discount.py", _DISCOUNT_TEST),
        ],
        finds="Decide who may give discounts",
    ),
    Work(
        key="deposit",
        title="Take a deposit on bottles",
        text="What is sold by the litre comes in bottles: 25 cents each.",
        edits=[module("till/deposit.py", _DEPOSIT), module("tests/test_deposit.py", _DEPOSIT_TEST)],
        needs=("litre",),
        is_spare=True,
    ),
    Work(
        key="receipt",
        title="Print receipts",
        text="Every unit, with thousands separated, and the sum.",
        edits=[module("till/receipt.py", _RECEIPT), module("tests/test_receipt.py", _RECEIPT_TEST)],
        needs=("litre", "metre", "thousands"),
    ),
    Work(
        key="manual",
        title="Describe receipts in the README",
        text="Say how to print a receipt. The other repository's index must be there: the text refers to it.",
        edits=[
            change("README.md", "# till\n", "# till\n\nReceipts: `till.receipt.receipt([(2, 'litre', 120)])`.\n"),
        ],
        needs=("receipt", "index"),
    ),
)


def filler(number: int, _folder: str) -> Work:
    """One more bead, apart from all others."""
    name = f"tax_{number}"
    code = f'''"""Tax of class {number}."""


def tax(cents: int) -> int:
    """Cents of tax, rounded down."""
    return cents * {number} // 100
'''
    test = f"""import unittest

from till.{name} import tax


class Tax{number}Test(unittest.TestCase):
    def test_tax(self) -> None:
        self.assertEqual(tax(1000), {10 * number})
"""
    return Work(
        key=name,
        title=f"Compute tax of class {number}",
        text=f"Class {number} is taxed at {number} percent.",
        edits=[module(f"till/{name}.py", code), module(f"tests/test_{name}.py", test)],
    )
