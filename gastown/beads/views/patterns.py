"""Regular expressions that cannot be made to run for ever.

Python's own engine tries one way after the other, so that `(a+)+$` takes longer than anybody lives. This one follows
all ways at once: the time is the length of the text times the length of the pattern. It knows what label patterns need:
letters, `.`, `[a-z]`, `\\d \\w \\s` and their opposites, `* + ? {m,n}`, `|`, groups, `^`, `$` and a leading `(?i)`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from gastown.beads.errors import BadField

PATTERN_LIMIT = 200  # characters
_PROGRAM_LIMIT = 5000  # steps, after counted repeats are written out
_REPEAT_LIMIT = 1000
_CLASSES: dict[str, Callable[[str], bool]] = {
    "d": str.isdecimal,
    "w": lambda letter: letter.isalnum() or letter == "_",
    "s": str.isspace,
}
_ESCAPES = {"n": "\n", "t": "\t"}

Test = Callable[[str], bool]


@dataclass(frozen=True)
class Step:
    """One instruction: test a letter and go on, or go on at one or several places."""

    kind: str  # letter, split, begin, end
    test: Test | None = None
    places: tuple[int, ...] = ()
    """Relative to this step, for split."""


class BadPattern(BadField):
    """The text is no regular expression of the kind that is understood here."""


@dataclass
class _Reader:
    """Reads a pattern from the left and writes the program."""

    pattern: str
    ignores_case: bool = False
    place: int = 0
    depth: int = 0

    def fail(self, why: str) -> BadPattern:
        return BadPattern(
            f"bad regular expression: {why} at position {self.place + 1}",
            hint="Known are letters, . [a-z] \\d \\w \\s * + ? {m,n} | ( ) ^ $ and a leading (?i).",
        )

    def peek(self) -> str:
        return self.pattern[self.place : self.place + 1]

    def take(self, expected: str = "") -> str:
        letter = self.peek()
        if not letter or (expected and letter != expected):
            raise self.fail(f"expected {expected!r}" if expected else "the pattern ends too early")
        self.place += 1
        return letter

    def alternatives(self) -> list[Step]:
        program = self.sequence()
        while self.peek() == "|":
            self.take()
            other = self.sequence()
            program = [
                Step("split", places=(1, len(program) + 2)),
                *program,
                Step("split", places=(len(other) + 1,)),
                *other,
            ]
            self.check(program)
        return program

    def sequence(self) -> list[Step]:
        program: list[Step] = []
        while self.peek() not in ("", "|", ")"):
            program += self.repeated(self.atom())
            self.check(program)
        return program

    def check(self, program: list[Step]) -> None:
        if len(program) > _PROGRAM_LIMIT:
            raise self.fail("too many repeats")

    def repeated(self, atom: list[Step]) -> list[Step]:
        while self.peek() and self.peek() in "*+?{":
            least, most = self.counts()
            if self.peek() == "?":
                self.take()  # lazy: the same texts match
            self.check(atom * max(least, most or 0))
            optional = [Step("split", places=(1, len(atom) + 1)), *atom]
            loop = [Step("split", places=(1, len(atom) + 2)), *atom, Step("split", places=(-len(atom) - 1,))]
            atom = atom * least + (loop if most is None else optional * (most - least))
            self.check(atom)
        return atom

    def counts(self) -> tuple[int, int | None]:
        sign = self.take()
        if sign != "{":
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[sign]
        least = self.number()
        most: int | None = least
        if self.peek() == ",":
            self.take()
            most = self.number() if self.peek().isdecimal() else None
        self.take("}")
        if most is not None and most < least:
            raise self.fail("the repeat's bounds are the wrong way round")
        return least, most

    def number(self) -> int:
        digits = ""
        while self.peek().isdecimal() and self.peek().isascii() and len(digits) < 5:
            digits += self.take()
        if not digits or int(digits) > _REPEAT_LIMIT:
            raise self.fail(f"expected a number up to {_REPEAT_LIMIT}")
        return int(digits)

    def atom(self) -> list[Step]:
        letter = self.take()
        if letter == "(":
            return self.group()
        if letter in "^$":
            return [Step("begin" if letter == "^" else "end")]
        if letter in "*+?{":
            raise self.fail("nothing to repeat")
        if letter == ".":
            return [Step("letter", lambda found: found != "\n")]
        if letter == "[":
            return [Step("letter", self.members())]
        return [Step("letter", self.escape() if letter == "\\" else self.exactly(letter))]

    def group(self) -> list[Step]:
        self.depth += 1
        if self.depth > 50:
            raise self.fail("groups are nested too deep")
        if self.peek() == "?":
            self.take()
            self.take(":")
        program = self.alternatives()
        self.take(")")
        self.depth -= 1
        return program

    def exactly(self, letter: str) -> Test:
        if self.ignores_case:
            return lambda found: found.lower() == letter.lower()
        return lambda found: found == letter

    def escape(self) -> Test:
        letter = self.take()
        if letter.lower() in _CLASSES:
            inside = _CLASSES[letter.lower()]
            return inside if letter.islower() else lambda found: not inside(found)
        if letter.isalnum() and letter not in _ESCAPES:
            raise self.fail(f"unknown escape \\{letter}")
        return self.exactly(_ESCAPES.get(letter, letter))

    def members(self) -> Test:
        is_negative = self.peek() == "^"
        if is_negative:
            self.take()
        tests: list[Test] = []
        while self.peek() != "]" or not tests:
            tests.append(self.member())
        self.take("]")
        return lambda found: any(test(found) for test in tests) is not is_negative

    def member(self) -> Test:
        first = self.take()
        if first == "\\":
            return self.escape()
        if self.peek() != "-" or self.pattern[self.place + 1 : self.place + 2] in ("]", ""):
            return self.exactly(first)
        self.take("-")
        last = self.take()
        if last < first:
            raise self.fail("the range is the wrong way round")
        if self.ignores_case:
            return lambda found: first <= found.lower() <= last or first <= found.upper() <= last
        return lambda found: first <= found <= last


@dataclass
class Pattern:
    """A compiled expression; `search` looks for it anywhere in a text."""

    program: list[Step] = field(default_factory=list)

    def search(self, text: str) -> bool:
        """Whether the expression is found in `text`."""
        now: set[int] = set()
        for place, letter in enumerate([*text, ""]):
            self._follow(0, now, place == 0, letter == "")
            if len(self.program) in now:
                return True
            later: set[int] = set()
            for number in now:
                step = self.program[number]
                if letter and step.test is not None and step.test(letter):
                    self._follow(number + 1, later, False, place + 1 == len(text))
            if len(self.program) in later:
                return True
            now = later
        return False

    def _follow(self, start: int, found: set[int], at_begin: bool, at_end: bool) -> None:
        """Everything that can be reached from `start` without a letter."""
        stack = [start]
        while stack:
            number = stack.pop()
            if number in found:
                continue
            found.add(number)
            if number == len(self.program):
                continue
            step = self.program[number]
            if step.kind == "split":
                stack += [number + jump for jump in step.places]
            elif (step.kind == "begin" and at_begin) or (step.kind == "end" and at_end):
                stack.append(number + 1)


def compile_pattern(pattern: str) -> Pattern:
    """The expression, ready to search; refuses what is none, or too long."""
    if len(pattern) > PATTERN_LIMIT:
        raise BadPattern(f"the regular expression is longer than {PATTERN_LIMIT} characters")
    ignores_case = pattern.startswith("(?i)")
    reader = _Reader(pattern, ignores_case, place=4 if ignores_case else 0)
    program = reader.alternatives()
    if reader.peek():
        raise reader.fail("unbalanced )")
    return Pattern(program)
