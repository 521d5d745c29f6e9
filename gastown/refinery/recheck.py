"""Running a rig's gates once more on a commit of this host, for those who want to see it. Records nothing."""

from collections.abc import Callable, Sequence

from gastown import rigs
from gastown.config import Settings
from gastown.refinery import command, slots
from gastown.refinery.models import Verdict
from gastown.refinery.verdicts import overall, rule
from gastown.rigs import Gate, Rig


def recheck(
    settings: Settings, rig: Rig, gates: Sequence[Gate], commit: str, *, timeout_s: float, given_up: Callable[[], bool]
) -> Verdict:
    """The verdict of the rig's gates on `commit` of `land.git`, each within `timeout_s`; takes a gate slot meanwhile.

    Raises the git door's errors, OSError, and `command.Stopped` as soon as `given_up()` says so.
    """
    with slots.take(settings.town, rig.name, count=settings.gate_runners, given_up=given_up) as slot:
        slot.check_out(rigs.land_git(settings.town, rig.name), commit, fresh=False)
        commands = [gate.command for gate in gates]
        if rig.setup_command:
            commands.insert(0, rig.setup_command)
        verdicts = []
        for number, text in enumerate(commands):
            log = settings.town / "logs" / "gates" / f"recheck-{rig.name}-{commit[:12]}-{number}.log"
            ended = command.run(slot.shell(), text, log=log, timeout_s=timeout_s, given_up=given_up)
            verdicts.append(rule(ended).verdict)
        return overall(verdicts)
