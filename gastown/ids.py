"""The only mint and parser of ids and names.

Names reach git, paths, sockets, process lists and other people's shells, so the alphabet is small: what `check_*` lets
through needs no quoting anywhere.
"""

import hashlib
import math
import re

from gastown.errors import Invalid

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_PREFIX = re.compile(r"[a-z][a-z0-9]{0,11}")
_BEAD = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:-[A-Za-z0-9_]+)*-[A-Za-z0-9_]+(?:\.[A-Za-z0-9_-]+)*")
_ID_PREFIX = re.compile(r"(?=.{1,64}$)[A-Za-z][A-Za-z0-9_]*(?:-[A-Za-z0-9_]+)*")
_HOST = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")

# Bytes of the digest that an id of a given length uses (the algorithm that existing ids were made with).
_DIGEST_BYTES = {3: 2, 4: 3, 5: 4, 6: 4, 7: 5, 8: 5}
_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
MIN_HASH_LENGTH = 4
MAX_HASH_LENGTH = 8
# With more ids than this odds of a collision the next length is used.
MAX_COLLISION_ODDS = 0.25
MERGE_SLOT = "-merge-slot"  # the end of the id of a repository's one merge slot
# Ids are paths' parts and git ref components: real ones stay under 60.
MAX_BEAD_ID_LENGTH = 120
RESERVED_NAMES = frozenset({"witness", "mayor", "deacon", "refinery", "crew", "polecats", "dogs", "town", "host"})


class BadName(Invalid):
    """A name holds something that git, paths or shells would trip over."""


def _check(pattern: re.Pattern[str], kind: str, text: str, rule: str) -> str:
    if pattern.fullmatch(text) is None:
        shown = text if len(text) <= 60 else text[:57] + "..."
        raise BadName(f"not a {kind}: {shown!r}", hint=f"A {kind} is {rule}.")
    return text


def check_rig_name(text: str) -> str:
    """Return `text`, or refuse it: 1 to 40 of a-z 0-9 _ -, starting with a letter, none of Gas Town's own words."""
    if text in RESERVED_NAMES:
        raise BadName(f"{text!r} is a word of Gas Town's own", hint="Choose another name for the rig.")
    return _check(_NAME, "rig name", text, "1 to 40 characters of a-z, 0-9, _ and -, starting with a letter")


def check_polecat_name(text: str) -> str:
    """Return `text`, or refuse it: the alphabet of rig names."""
    if text in RESERVED_NAMES:
        raise BadName(f"{text!r} is a word of Gas Town's own", hint="Choose another name.")
    return _check(_NAME, "polecat name", text, "1 to 40 characters of a-z, 0-9, _ and -, starting with a letter")


def check_label_name(text: str) -> str:
    """Return `text` (a gate's or preset's name), or refuse it: the alphabet of rig names."""
    return _check(_NAME, "name", text, "1 to 40 characters of a-z, 0-9, _ and -, starting with a letter")


def check_prefix(text: str) -> str:
    """Return `text`, or refuse it: 1 to 12 of a-z 0-9, starting with a letter."""
    return _check(_PREFIX, "bead prefix", text, "1 to 12 characters of a-z and 0-9, starting with a letter")


def check_id_prefix(text: str) -> str:
    """Return `text`, or refuse it: what may stand before the last hyphen of an id, imported ones too."""
    rule = "letters, digits, _ and -, starting with a letter"
    return _check(_ID_PREFIX, "bead prefix", text, rule)


def check_bead_id(text: str) -> str:
    """Return `text`, or refuse it: `<prefix>-<hash>` with optional `.<n>` parts, 120 characters at most."""
    if len(text) > MAX_BEAD_ID_LENGTH:
        raise BadName(f"not a bead id: {text[:57]!r}...", hint="A bead id looks like gt-a1b2 or gt-a1b2.3.")
    return _check(_BEAD, "bead id", text, "a prefix, a hyphen and a short hash, like gt-a1b2 or gt-a1b2.3")


def host_name(text: str) -> str:
    """Reduce a machine's name to what queue names and paths take; never empty."""
    reduced = re.sub(r"[^a-z0-9.-]", "-", text.lower()).strip(".-")[:63]
    return _check(_HOST, "host name", reduced or "localhost", "letters, digits, dots and hyphens")


def prefix_of(bead_id: str) -> str:
    """The part that routes a bead to its rig: all before the hash, and before the word of its kind."""
    top = bead_id.split(".", 1)[0]
    if top.endswith(MERGE_SLOT):
        return top.removesuffix(MERGE_SLOT)
    return top.rpartition("-")[0].removesuffix("-wisp").removesuffix("-mol")


def hash_length(
    existing: int,
    *,
    minimum: int = MIN_HASH_LENGTH,
    maximum: int = MAX_HASH_LENGTH,
    odds: float = MAX_COLLISION_ODDS,
) -> int:
    """The shortest id that keeps the birthday odds of a collision among `existing` ids at `odds` at most."""
    for length in range(minimum, maximum):
        if 1 - math.exp(-(existing**2) / (2 * 36**length)) <= odds:
            return length
    return maximum


def hash_part(seed: str, length: int) -> str:
    """`length` base-36 digits of the SHA-256 of `seed`, least significant kept, padded with zeros."""
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[: _DIGEST_BYTES[length]], "big")
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = _ALPHABET[rest] + digits
    return digits.rjust(length, "0")[-length:]
