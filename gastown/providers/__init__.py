"""Those who host a repository and merge its pull requests: GitHub, asked through its own command `gh`.

A provider is a small adapter (`provider.Provider`): it opens, shows, merges and closes pull requests, and knows nothing
of rigs or requests. What it says of a merge is a hint: only the remote's target says what has landed. Every provider
passes the one suite in `tests/contracts/providers`.
"""

from gastown.providers.catalog import NAMES, get
from gastown.providers.errors import (
    BadPullRemote,
    CredentialMissing,
    ProviderAway,
    ProviderMissing,
    ProviderUnknown,
    RepositoryMissing,
)
from gastown.providers.provider import (
    Check,
    CheckState,
    Merge,
    Mergeable,
    Provider,
    Pull,
    PullState,
    PullView,
    Review,
    Reviews,
)

__all__ = [
    "NAMES",
    "BadPullRemote",
    "Check",
    "CheckState",
    "CredentialMissing",
    "Merge",
    "Mergeable",
    "Provider",
    "ProviderAway",
    "ProviderMissing",
    "ProviderUnknown",
    "Pull",
    "PullState",
    "PullView",
    "RepositoryMissing",
    "Review",
    "Reviews",
    "get",
]
