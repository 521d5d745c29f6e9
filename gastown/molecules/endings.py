"""How molecules end: squashed to a digest, or burnt."""

from dataclasses import dataclass, field
from datetime import timedelta

from sqlmodel import Session, col, select

from gastown import beads
from gastown.beads import Bead, BeadStatus, NewBead, Patch
from gastown.molecules.errors import MoleculeRefused, NotAMolecule
from gastown.molecules.trees import Tree, read_tree

DIGEST = "digest_of"  # the metadata key that says which molecule a digest is of
_LONGEST_LINE = 300
_LONGEST_DIGEST = 60_000  # characters


@dataclass(frozen=True)
class Squash:
    """What a squash did, or would do."""

    molecule_id: str
    digest_id: str
    squashed: list[str]
    deleted: int
    kept_children: bool
    wisp_squash: bool
    summary: str

    def as_json(self) -> dict[str, object]:
        """What `--json` shows of it."""
        return {
            "molecule_id": self.molecule_id,
            "digest_id": self.digest_id,
            "squashed_ids": self.squashed,
            "squashed_count": len(self.squashed),
            "deleted_count": self.deleted,
            "kept_children": self.kept_children,
            "wisp_squash": self.wisp_squash,
        }


def squash(session: Session, bead_id: str, *, actor: str, summary: str = "", keep: bool = False) -> Squash:
    """Sum a molecule up in a closed digest below it, and take its wisps out of the store unless `keep`.

    The root of a wisp closes and stays for good. Refuses templates, and a molecule of which nothing is left to sum up.
    """
    tree = read_tree(session, bead_id)
    _check(tree)
    steps = [bead for bead in tree.steps if DIGEST not in bead.meta]
    if not steps:
        raise NotAMolecule(f"{bead_id} has no steps to squash", hint="It was squashed before, or it is no molecule.")
    gone = [bead.id for bead in (*steps, *tree.gates) if bead.ephemeral]
    title, was_wisp = tree.root.title, tree.root.ephemeral
    text = summary.strip() or sum_up(tree, steps)
    digest = beads.create(
        session,
        NewBead(
            title=f"Digest: {title}"[:500],
            prefix=tree.root.prefix,
            description=text[:_LONGEST_DIGEST],
            parent=bead_id,
            metadata={DIGEST: bead_id},
            inherit_labels=False,
            force=True,
        ),
        actor=actor,
    ).id
    deleted = [] if keep else beads.uproot(session, gone, actor=actor, reason="squashed")
    if was_wisp:
        still: Patch = {"ephemeral": False}
        beads.update(session, bead_id, still, actor=actor)
        beads.close(session, [bead_id], actor=actor, reason=f"Squashed into {digest}", force=True)
    beads.close(session, [digest], actor=actor, reason=f"Squashed {len(steps)} steps", force=True)
    squashed = [bead.id for bead in steps]
    return Squash(bead_id, digest, squashed, len(deleted), keep, was_wisp, text)


def _check(tree: Tree) -> None:
    if tree.root.is_template:
        raise MoleculeRefused(f"{tree.root.id} is a template: there is nothing to squash", hint="Pour it first.")


def sum_up(tree: Tree, steps: list[Bead]) -> str:
    """What became of each step, in words."""
    done = sum(step.status == BeadStatus.CLOSED for step in steps)
    lines = [f"{tree.root.title}: {done} of {len(steps)} steps closed.", ""]
    for step in steps:
        said = " ".join(step.close_reason.split())[:_LONGEST_LINE]
        lines.append(f"- [{step.status}] {step.id} {step.title}" + (f": {said}" if said and said != "Closed" else ""))
    return "\n".join(lines)


@dataclass(frozen=True)
class Burn:
    """What a burn took out of the store, or would."""

    molecule_id: str
    ids: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        """What `--json` shows of it."""
        return {"molecule_id": self.molecule_id, "deleted_ids": self.ids, "deleted_count": len(self.ids)}


def burn(session: Session, bead_id: str, *, actor: str) -> Burn:
    """Take a molecule, a wisp or a template out of the store with everything below it; only the log tells of it.

    Refuses a bead that is none of these: `bd delete` keeps a tombstone of ordinary beads.
    """
    tree = read_tree(session, bead_id)
    root = tree.root
    if root.issue_type != "molecule" and not (root.ephemeral or root.is_template):
        raise NotAMolecule(
            f"{bead_id} is no molecule, wisp or template", hint=f"`bd close {bead_id}` ends ordinary work."
        )
    names = [bead_id, *(bead.id for bead in (*tree.steps, *tree.gates))]
    return Burn(bead_id, beads.uproot(session, names, actor=actor, reason="burnt"))


def burn_all(session: Session, ids: list[str], *, actor: str) -> list[Burn]:
    """Burn each of these, all or none; one that is inside another goes with that one."""
    done: list[Burn] = []
    for bead_id in ids:
        if not any(bead_id in one.ids for one in done):
            done.append(burn(session, bead_id, actor=actor))
    return done


def burns_json(done: list[Burn]) -> dict[str, object]:
    """What `--json` shows of burns: one as itself, several as a list."""
    if len(done) == 1:
        return done[0].as_json()
    results = [one.as_json() for one in done]
    return {"results": results, "total_deleted": sum(len(one.ids) for one in done), "failed_count": 0}


def collect_wisps(session: Session, *, age: str, closed: bool, actor: str) -> list[str]:
    """Take wisps out of the store: those whose time is over (without a type: after `age`), or all closed ones."""
    if closed:
        return beads.purge_wisps(session, actor=actor).purged
    span = timedelta(microseconds=beads.parse_duration(age) // 1000)
    return beads.expire_wisps(session, actor=actor, age=span).purged


def collected_json(ids: list[str], *, dry_run: bool) -> dict[str, object]:
    """What `--json` shows of a collection of wisps."""
    cleaned = [] if dry_run else ids
    return {"cleaned_ids": cleaned, "cleaned_count": len(cleaned), "candidates": len(ids), "dry_run": dry_run}


def list_wisps(session: Session, *, closed: bool = False) -> list[Bead]:
    """The wisps that stand by themselves, the newest change first; steps of wisps are not listed."""
    found = session.exec(
        select(Bead)
        .where(
            col(Bead.ephemeral).is_(True),
            col(Bead.is_top).is_(True),
            col(Bead.is_template).is_(False),
            Bead.status != BeadStatus.TOMBSTONE.value,
        )
        .order_by(col(Bead.updated_at).desc(), Bead.id)
    ).all()
    return [bead for bead in found if closed or bead.status != BeadStatus.CLOSED]
