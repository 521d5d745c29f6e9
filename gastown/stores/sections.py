"""One section of ours in a file that is somebody else's, between two marks; the rest stays as it is."""

from dataclasses import dataclass
from pathlib import Path

from gastown.errors import Invalid
from gastown.stores.layout import replace_text


class TornMarks(Invalid):
    """A file holds one of our two marks, or has them in the wrong order."""


@dataclass(frozen=True)
class Section:
    """What we say in other people's files, and the lines around it."""

    begin: str
    end: str
    body: str
    after_first_line: bool = False
    """A script's section goes behind its `#!`, so that an `exit` further down does not skip it."""

    @property
    def text(self) -> str:
        """The section with its marks."""
        return f"{self.begin}\n{self.body.rstrip()}\n{self.end}\n"


def read(path: Path) -> str:
    """The file's text; nothing when it is not there. Refuses what is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise Invalid(f"{path} is not UTF-8 text", hint="It was left as it is.") from None


def has_section(text: str, section: Section) -> bool:
    """Whether the section, of this or another version, is there."""
    return section.begin in text and section.end in text


def with_section(text: str, section: Section, *, where: str) -> str:
    """`text` with the section in it, once and as it is now."""
    span = _span(text, section, where)
    if span is not None:
        return text[: span[0]] + section.text.rstrip("\n") + text[span[1] :]
    if section.after_first_line:
        first, newline, rest = text.partition("\n")
        return f"{first}{newline or chr(10)}{section.text}{rest}"
    gap = "" if not text or text.endswith("\n\n") else "\n" if text.endswith("\n") else "\n\n"
    return text + gap + section.text


def without_section(text: str, section: Section, *, where: str) -> str:
    """`text` without the section."""
    span = _span(text, section, where)
    if span is None:
        return text
    return text[: span[0]].rstrip("\n") + ("\n" if text[: span[0]].strip() else "") + text[span[1] :].lstrip("\n")


def put(path: Path, section: Section) -> bool:
    """Put the section into the file, or bring it up to date; False when it is as it should be."""
    before = read(path)
    after = with_section(before, section, where=path.name)
    if after == before:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_text(path, after)
    return True


def take_out(path: Path, section: Section) -> bool:
    """Take the section out of the file, which stays even if nothing is left in it; False when it is not there."""
    before = read(path)
    after = without_section(before, section, where=path.name)
    if after == before:
        return False
    replace_text(path, after)
    return True


def _span(text: str, section: Section, where: str) -> tuple[int, int] | None:
    begin, end = text.find(section.begin), text.find(section.end)
    if begin < 0 and end < 0:
        return None
    if begin < 0 or end < begin:
        raise TornMarks(
            f"{where} holds only one of the marks of our section", hint=f"Put {section.begin} before {section.end}."
        )
    return begin, end + len(section.end)
