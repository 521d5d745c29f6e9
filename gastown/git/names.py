"""What git may be handed as an address, a branch or an object id. Pure; all that people and agents name passes here."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from gastown.git.errors import BadBranchName, BadObjectId, BadRemoteUrl

_SCHEMES = ("https", "http", "ssh", "git", "file")
_LONGEST_URL = 2000
_LONGEST_BRANCH = 200
"""In bytes: the name becomes a path below `refs/heads`, whose parts file systems cut at 255."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.-]*::")
_SCP = re.compile(r"(?:[^@:/]+@)?(\[[^\]/]+\]|[^:/]+):(.+)")
_FORBIDDEN_IN_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//")
_OID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def check_remote_url(url: str) -> str:
    """Return `url` if git may be given it as a remote: https, http, ssh, git, file, `host:path` or an absolute path."""
    shown = ascii(url)[:120]
    if not url or len(url) > _LONGEST_URL or _CONTROL.search(url) or not _encodable(url):
        raise BadRemoteUrl(f"not an address: {shown}", hint="Give a URL such as https://host/path.git, or a path.")
    if url.startswith("-"):
        raise BadRemoteUrl(f"an address may not begin with a dash: {shown}", hint="Write ./ before a path.")
    if _HELPER.match(url):
        raise BadRemoteUrl(
            f"git's {url.split('::')[0]}:: transport is not allowed", hint="Use https, ssh, git, file or a path."
        )
    if "://" in url:
        _check_scheme(url, shown)
    elif not url.startswith("/"):
        match = _SCP.fullmatch(url)
        if match is None or match[1].startswith("-") or match[2].startswith("-"):
            raise BadRemoteUrl(
                f"neither a URL nor an absolute path: {shown}", hint="Give https://..., host:path or /path."
            )
    return url


def _check_scheme(url: str, shown: str) -> None:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        raise BadRemoteUrl(f"not a URL: {shown}", hint="Give a URL such as https://host/path.git.") from None
    if parts.scheme not in _SCHEMES:
        raise BadRemoteUrl(f"unknown kind of address: {shown}", hint=f"Use one of {', '.join(_SCHEMES)}, or a path.")
    if (not host and parts.scheme != "file") or host.startswith("-") or parts.netloc.startswith("-"):
        raise BadRemoteUrl(f"no host in {shown}", hint="Give a URL such as https://host/path.git.")


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def local_path(url: str) -> Path | None:
    """The folder that a checked address names on this host, or None when it is elsewhere."""
    if url.startswith("/"):
        return Path(url)
    if url.startswith("file:///"):
        return Path(unquote(url.removeprefix("file://")))
    return None


def check_branch_name(name: str) -> str:
    """Return `name` if git takes it for a short branch name (`check-ref-format --branch`), of at most 200 bytes."""
    why = _branch_fault(name)
    if why:
        raise BadBranchName(
            f"{ascii(name)[:120]} cannot be a branch: {why}", hint="Give a name such as main or team/topic."
        )
    return name


def _branch_fault(name: str) -> str | None:
    if not name or not _encodable(name) or len(name.encode()) > _LONGEST_BRANCH:
        return f"it must have 1 to {_LONGEST_BRANCH} bytes"
    if name.startswith("-"):
        return "it begins with a dash"
    if _FORBIDDEN_IN_REF.search(name):
        return "git allows no spaces, control characters, `..`, `//`, `@{` or any of ~ ^ : ? * [ \\"
    if name in {"@", "HEAD"} or name.startswith("refs/"):
        return "git gives that name another meaning"
    parts = name.split("/")
    if any(not part or part.startswith(".") or part.endswith(".lock") for part in parts) or name.endswith("."):
        return "no part of it may be empty, begin with a dot or end in .lock, nor the whole in a dot"
    return None


def check_oid(text: str) -> str:
    """Return `text` if it is a full object id. An empty or short one in a push would delete or guess."""
    if not _OID.fullmatch(text) or not text.strip("0"):
        raise BadObjectId(f"not a full object id: {ascii(text)[:80]}")
    return text
