"""What a person says of how a rig's work lands."""

from gastown import providers
from gastown.errors import Conflict
from gastown.rigs import LandingStyle


class LandsJustNow(Conflict):
    """A landing of the rig is under way, which ends as it was begun."""


def check_landing(style: LandingStyle, provider: str, remote_url: str) -> None:
    """Refuse pull requests without a provider that hosts the remote, and a provider that is not to be had."""
    if style is LandingStyle.PULL or provider:
        providers.get(provider, remote_url)
