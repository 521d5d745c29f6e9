"""How far a convoy is. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from gastown.beads import CATEGORIES, BeadStatus, Category


@dataclass(frozen=True)
class Member:
    """What counts of a bead that travels."""

    bead_id: str
    status: str
    is_code: bool | None = None
    """Slung for code, slung without, or never slung."""
    landed_sha: str = ""


@dataclass(frozen=True)
class Progress:
    """A convoy's members, counted. Deleted beads are not among them."""

    total: int
    done: int
    """Landed, or settled by a person where there was no code to land."""
    under_way: int
    escalated: int

    @property
    def has_landed(self) -> bool:
        """Whether nothing is left to land. A convoy without members has nothing to show."""
        return 0 < self.total == self.done


def is_done(member: Member) -> bool:
    """Whether this member has arrived: closed, and, where it was slung for code, landed."""
    return member.status == BeadStatus.CLOSED and (member.is_code is not True or bool(member.landed_sha))


def measure(members: Iterable[Member]) -> Progress:
    """Count `members`; a deleted bead will never land and holds nobody up."""
    travelling = [member for member in members if member.status != BeadStatus.TOMBSTONE]
    wip = [member for member in travelling if CATEGORIES.get(member.status) is Category.WIP]
    escalated = sum(member.status == BeadStatus.ESCALATED for member in wip)
    return Progress(
        total=len(travelling),
        done=sum(is_done(member) for member in travelling),
        under_way=len(wip) - escalated,
        escalated=escalated,
    )
