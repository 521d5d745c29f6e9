"""Addresses of agents: `<rig>/polecats/<name>`."""

from gastown.errors import Invalid
from gastown.ids import check_polecat_name, check_rig_name


class BadAddress(Invalid):
    """Not an agent's address."""


def polecat_address(rig: str, name: str) -> str:
    """The address of a rig's polecat."""
    return f"{check_rig_name(rig)}/polecats/{check_polecat_name(name)}"


def split_address(text: str) -> tuple[str, str]:
    """Rig and name of `<rig>/polecats/<name>` or the short `<rig>/<name>`."""
    parts = text.split("/")
    if len(parts) == 3 and parts[1] == "polecats":
        parts = [parts[0], parts[2]]
    if len(parts) != 2:
        raise BadAddress(f"not an agent's address: {text[:60]!r}", hint="It looks like RIG/polecats/NAME.")
    return check_rig_name(parts[0]), check_polecat_name(parts[1])
