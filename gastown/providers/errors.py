"""What can be wrong with a provider."""

from gastown.errors import Invalid, NotFound, Refused, Unavailable


class ProviderUnknown(Invalid):
    """No provider has this name."""


class BadPullRemote(Invalid):
    """The rig's remote is none that the provider hosts."""


class ProviderMissing(Unavailable):
    """The provider's command is not installed on this host; another host may have it."""


class ProviderAway(Unavailable):
    """The provider did not answer, or takes no more questions just now."""


class CredentialMissing(Refused):
    """The provider's command is not logged in, or may not do this."""


class RepositoryMissing(NotFound):
    """The provider knows no such repository, or does not show it to us."""
