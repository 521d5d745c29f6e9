"""`bd merge-slot`: one at a time may merge."""

from typing import TYPE_CHECKING, Any

import click

from gastown.cli.bd.scope import prefix_for
from gastown.cli.bd.shapes import emit
from gastown.cli.commands import group, pass_context
from gastown.cli.context import Context

if TYPE_CHECKING:
    from gastown.beads import Slot

_RIG = click.option("--rig", help="The rig whose slot it is.")
_HOLDER = click.option("--holder", help="Who takes it (default: who calls).")


@group("merge-slot")
def merge_slot() -> None:
    """A slot that one at a time may hold, with a queue.

    \b
    Example:
      bd merge-slot acquire --wait
    """


def _state(slot: "Slot") -> dict[str, Any]:
    return {"id": slot.id, "available": slot.available, "holder": slot.holder or None, "waiters": slot.waiters}


@merge_slot.command("create", in_session=True)
@_RIG
@pass_context
def create(context: Context, rig: str | None) -> None:
    """Make the repository's slot, if it has none.

    \b
    Example:
      bd merge-slot create
    """
    from gastown import beads

    with context.write() as session:
        slot, is_new = beads.create_slot(session, prefix_for(context, session, rig), actor=context.actor)
    if context.json:
        emit(context, {**_state(slot), "created": is_new})
    else:
        context.echo(f"✓ Created merge slot: {slot.id}" if is_new else f"{slot.id} is there already")


@merge_slot.command("check", in_session=True)
@_RIG
@pass_context
def check(context: Context, rig: str | None) -> None:
    """Show who holds the slot and who waits.

    \b
    Example:
      bd merge-slot check
    """
    from gastown import beads

    with context.read() as session:
        slot = beads.find_slot(session, prefix_for(context, session, rig))
    if context.json:
        emit(context, _state(slot))
        return
    context.echo(f"{slot.id}: {'available' if slot.available else f'held by {slot.holder}'}")
    for number, name in enumerate(slot.waiters, 1):
        context.echo(f"  {number}. {name} waits")


@merge_slot.command("acquire", in_session=True)
@_RIG
@_HOLDER
@click.option("--wait", is_flag=True, help="Stand in line when it is held; call again to see whether it is yours.")
@pass_context
def acquire(context: Context, rig: str | None, holder: str | None, wait: bool) -> int:
    """Take the slot. Exit status 1: somebody else has it, or waited before.

    \b
    Example:
      bd merge-slot acquire --wait
    """
    from gastown import beads

    name = _holder(context, holder)
    with context.write() as session:
        prefix = prefix_for(context, session, rig)
        slot = beads.acquire_slot(session, prefix, holder=name, wait=wait, actor=context.actor)
    has_it, place = slot.holder == name, slot.position(name)
    if context.json:
        shown = {"id": slot.id, "acquired": has_it, "holder": slot.holder or None}
        emit(context, {**shown, "waiting": place > 0, "position": place})
    elif has_it:
        context.echo(f"✓ Acquired {slot.id} for {name}")
    else:
        where = f"; {name} is number {place} in line" if place else ""
        context.warn(f"{slot.id} is {f'held by {slot.holder}' if slot.holder else 'kept for the first in line'}{where}")
    return 0 if has_it else 1


def _holder(context: Context, said: str | None) -> str:
    """Who acts on the slot; an agent only for itself."""
    return context.actor if said is None or context.session_pass is not None else said


@merge_slot.command("release", in_session=True)
@_RIG
@_HOLDER
@pass_context
def release(context: Context, rig: str | None, holder: str | None) -> None:
    """Give the slot back, or leave the line.

    \b
    Example:
      bd merge-slot release
    """
    from gastown import beads

    name = _holder(context, holder)
    with context.write() as session:
        slot = beads.release_slot(session, prefix_for(context, session, rig), holder=name, actor=context.actor)
    if context.json:
        emit(context, {**_state(slot), "released": True})
    else:
        context.echo(f"✓ Released {slot.id}")
