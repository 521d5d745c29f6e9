"""Giving the town its work: beads, convoys, and what each agent is told."""

from collections.abc import Sequence
from functools import partial

from sqlmodel import Session

from gastown import beads, convoys, rigs, sling
from gastown.beads import NewBead
from gastown.chaos import launcher
from gastown.chaos.ground import Ground
from gastown.chaos.plan import Kind, Step

_AT_ONCE = 50


def fill(ground: Ground, steps: Sequence[Step]) -> None:
    """File the beads and the convoys, tell the agents what to do, and sling it all."""
    actor = ground.wanted.actor
    prefixes = ground.ask(lambda session: {rig.name: rig.prefix for rig in rigs.list_all(session)})

    def file(session: Session, some: Sequence[Step]) -> dict[int, str]:
        made = dict(ground.ids)
        for step in some:
            new = NewBead(
                title=f"{step.kind} bead {step.number}",
                prefix=prefixes[step.rig],
                priority=step.priority,
                deps=tuple(made[need] for need in step.needs),
            )
            made[step.number] = beads.create(session, new, actor=actor).id
        return made

    for some in _chunks(steps):
        ground.ids = ground.transact(partial(file, some=some))
    for step in steps:
        (ground.orders / ground.ids[step.number]).write_text(step.order())
    members: dict[int, list[str]] = {}
    for step in steps:
        if step.convoy is not None:
            members.setdefault(step.convoy, []).append(ground.ids[step.number])
    for number, names in sorted(members.items()):
        made = partial(convoys.create, title=f"Convoy {number}", bead_ids=names, actor=actor)
        ground.convoys.append(ground.transact(made).id)
    launcher.meddle(ground.wrong())
    for names in [ground.convoys, *([ground.ids[step.number] for step in some] for some in _chunks(steps, alone=True))]:
        if names:
            target = sling.Target(names, None)
            ground.transact(partial(sling.sling, target=target, actor=actor))


def _chunks(steps: Sequence[Step], *, alone: bool = False) -> list[list[Step]]:
    chosen = [step for step in steps if not (alone and step.convoy is not None)]
    return [chosen[start : start + _AT_ONCE] for start in range(0, len(chosen), _AT_ONCE)]


def of_kind(ground: Ground, steps: Sequence[Step], kind: Kind) -> frozenset[str]:
    """The beads of one kind."""
    return frozenset(ground.ids[step.number] for step in steps if step.kind is kind)
