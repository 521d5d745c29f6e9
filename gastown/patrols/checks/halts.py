"""Nothing is held up by somebody's word."""

from collections.abc import Iterable

from gastown import rigs
from gastown.patrols.findings import Category, Check, Fault, Here, Patrol, warning


def look(here: Here) -> Iterable[Fault]:
    """Every emergency stop, pause, dock and park: right as they may be, they are easily forgotten."""
    with here.read() as session:
        found = rigs.list_halts(session)
    for halt in found:
        about = f"{halt.rig} {halt.kind.value}" if halt.rig else halt.kind.value
        since = f" since {halt.since:%Y-%m-%d %H:%M} UTC" if halt.since else ""
        yield warning(about, f"work is held up{since}: {halt.why}")


CHECK = Check("halts", look, "nothing is held up by somebody's word", category=Category.WORK, patrol=Patrol.DEACON)
