"""From a remote's address to the repository that gh is asked about."""

import pytest

from gastown import providers
from gastown.providers.gh import GitHub


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/team/app.git",
        "https://github.com/team/app",
        "https://user:secret@github.com/team/app.git",
        "ssh://git@github.com:22/team/app.git",
        "git@github.com:team/app.git",
        "git@github.com:team/app",
    ],
)
def test_address_leads_to_its_repository(url: str) -> None:
    assert GitHub.of(url).repository == "github.com/team/app"


@pytest.mark.parametrize(
    "url", ["/srv/git/app.git", "file:///srv/git/app.git", "https://github.com/app.git", "", "../app"]
)
def test_address_without_owner_and_name_is_refused(url: str) -> None:
    with pytest.raises(providers.BadPullRemote):
        providers.get("gh", url)


@pytest.mark.parametrize("name", ["", "nobody"])
def test_name_that_no_provider_has_is_refused(name: str) -> None:
    with pytest.raises(providers.ProviderUnknown, match="provider"):
        providers.get(name, "https://github.com/team/app.git")
