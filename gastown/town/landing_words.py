"""What a person says of how a rig's work lands."""

from gastown import providers
from gastown.errors import Conflict, Invalid
from gastown.rigs import LandingStyle


class StyleNotReady(Invalid):
    """This style of landing is not to be had."""


class LandsJustNow(Conflict):
    """A landing of the rig is under way, which ends as it was begun."""


def check_landing(style: LandingStyle, provider: str, remote_url: str) -> None:
    """Refuse a style that is not to be had, and pull requests without a provider that hosts the remote."""
    if style in (LandingStyle.SQUASH, LandingStyle.REBASE):
        raise StyleNotReady(f"work cannot land by {style.value} yet", hint="Use --landing merge or --landing pull.")
    if style is LandingStyle.PULL or provider:
        providers.get(provider, remote_url)
