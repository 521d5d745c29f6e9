"""Providers by name."""

from gastown.providers.errors import ProviderUnknown
from gastown.providers.gh import GitHub
from gastown.providers.provider import Provider

_KNOWN = {"gh": GitHub.of}
NAMES = tuple(_KNOWN)


def get(name: str, remote_url: str) -> Provider:
    """The provider `name` for the repository at `remote_url`; nothing is asked yet.

    Refuses names that no provider has, and remotes that it cannot host.
    """
    make = _KNOWN.get(name)
    if make is None:
        raise ProviderUnknown(
            f"no provider is called {name[:40]!r}" if name else "the rig names no provider of its pull requests",
            hint=f"Use one of: {', '.join(NAMES)}, as in gt rig set RIG --landing pull --provider {NAMES[0]}.",
        )
    return make(remote_url)
