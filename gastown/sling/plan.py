"""What a sling asks for, and what stands against it. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from gastown.beads import Bead, BeadStatus
from gastown.errors import Invalid, Refused
from gastown.rigs import Rig

# Types that an agent can be given; convoys, messages, gates and the like are not work.
SLINGABLE_TYPES = frozenset({"task", "bug", "feature", "chore", "story", "spike", "decision", ""})
CONVOY_PREFIX = "hq-cv-"
TOWN_PREFIX = "hq"


class SlingRefused(Refused):
    """Something stands against slinging; nothing was slung."""


class NothingNamed(Invalid):
    """No bead was named."""


@dataclass(frozen=True)
class Target:
    """Which beads or convoys, and into which rig; None: each into its own (`homes.find_home`)."""

    names: Sequence[str]
    rig: str | None


@dataclass(frozen=True)
class Refusal:
    """Why one bead is not slung."""

    bead_id: str
    why: str
    hint: str


def split_targets(words: Sequence[str], rig_names: Collection[str]) -> Target:
    """Tell `BEAD... [RIG]` apart: the last word is a rig if a rig has that name, or if no bead could be called so."""
    if not words:
        raise NothingNamed("no bead was named", hint="gt sling BEAD... RIG")
    *rest, last = words
    if last in rig_names:
        if not rest:
            raise NothingNamed(f"no bead was named for rig {last}", hint="gt sling BEAD... RIG")
        return Target(rest, last)
    # A word without a hyphen is no bead id: let the rig's own error say that there is no such rig.
    return Target(rest, last) if rest and "-" not in last else Target(words, None)


def choose_preset(asked: str | None, rig: Rig, default: str) -> str:
    """The preset that runs a bead: the sling's, else the rig's, else the town's."""
    return asked or rig.agent or default


def refuse(bead: Bead, rig: Rig, *, is_slung: bool, force: bool, is_home: bool = False) -> Refusal | None:
    """The first thing that stands against slinging `bead` into `rig`, in the order in which a person would mend it."""
    if bead.issue_type not in SLINGABLE_TYPES and not (force and _lands_whole(bead)):
        return _refuse_type(bead)
    if bead.status in (BeadStatus.CLOSED, BeadStatus.TOMBSTONE):
        return Refusal(bead.id, "it is closed", f"`bd reopen {bead.id}` first, if there is more to do.")
    if is_slung:
        return Refusal(bead.id, "it is slung already", f"`gt log {bead.id}` shows where it is.")
    if bead.status == BeadStatus.DEFERRED and not force:
        return Refusal(bead.id, "it is deferred", f"`bd undefer {bead.id}` first, or give --force.")
    if bead.status in (BeadStatus.PINNED, BeadStatus.BLOCKED):
        return Refusal(bead.id, f"its status is {bead.status}", f"`bd update {bead.id} --status open` first.")
    if bead.prefix not in (rig.prefix, TOWN_PREFIX) and not (force or is_home):
        return Refusal(
            bead.id, f"its prefix is not {rig.prefix}, the one of rig {rig.name}", "Name its own rig, or give --force."
        )
    if rig.is_docked:
        return Refusal(bead.id, f"rig {rig.name} is docked", f"`gt rig undock {rig.name}` first.")
    if rig.is_parked:
        return Refusal(bead.id, f"rig {rig.name} is parked", f"`gt rig unpark {rig.name}` first.")
    return None


def _lands_whole(bead: Bead) -> bool:
    """Whether it is an epic that lands itself, as its integration branch does."""
    return bead.issue_type == "epic" and bead.is_code is True


def _refuse_type(bead: Bead) -> Refusal:
    if _lands_whole(bead):
        hint = f"`gt mq integration land {bead.id}` lands that; with --force an agent goes on with what came back."
        return Refusal(bead.id, "its beads land on an integration branch", hint)
    return Refusal(bead.id, f"a {bead.issue_type} is no work for an agent", "Sling its parts, or a convoy of them.")
