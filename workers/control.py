"""Control commands of our own."""

from typing import Any

from celery.worker.control import control_command


@control_command(args=[("rig", str)], signature="<rig>")
def follow_rigs(state: Any, rig: str = "") -> dict[str, str]:
    """Look at once which rigs there are."""
    step = getattr(state.consumer, "follow_town", None)
    if step is not None:
        step.look.set()
    return {"ok": f"looking for {rig}"}
