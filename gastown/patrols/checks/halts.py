"""Nothing is held up by somebody's word."""

from collections.abc import Iterable
from datetime import timedelta

from gastown import clock, rigs
from gastown.patrols.findings import Category, Check, Fault, Here, Patrol, warning

# A merge queue is paused for a release or an inquiry; after this it is likely forgotten.
_PAUSED_LONG = timedelta(hours=4)


def look(here: Here) -> Iterable[Fault]:
    """Every emergency stop, pause, dock and park: right as they may be, they are easily forgotten."""
    with here.read() as session:
        found = rigs.list_halts(session)
        paused = rigs.list_queue_pauses(session)
    for halt in found:
        about = f"{halt.rig} {halt.kind.value}" if halt.rig else halt.kind.value
        since = f" since {halt.since:%Y-%m-%d %H:%M} UTC" if halt.since else ""
        yield warning(about, f"work is held up{since}: {halt.why}")
    for halt in paused:
        if halt.since is not None and clock.now() - halt.since > _PAUSED_LONG:
            hint = f"`gt mq resume {halt.rig}` lands what waits."
            yield warning(f"{halt.rig} queue", f"{halt.why}, since {halt.since:%Y-%m-%d %H:%M} UTC", hint)


CHECK = Check("halts", look, "nothing is held up by somebody's word", category=Category.WORK, patrol=Patrol.DEACON)
