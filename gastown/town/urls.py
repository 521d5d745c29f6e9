"""The addresses of the database and Redis: what we take from people, in which spelling, and how we show them."""

from urllib.parse import SplitResult, urlsplit, urlunsplit

from gastown.errors import Invalid

_REDIS_SCHEMES = frozenset({"redis", "rediss", "unix", "redis+socket"})
_POSTGRES_SCHEMES = frozenset({"postgres", "postgresql", "postgresql+psycopg"})


class BadUrl(Invalid):
    """An address that no town can use."""


def _split(url: str, what: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises for a port that is no number
    except ValueError:
        raise BadUrl(f"the {what} URL cannot be read", hint="Check its port and brackets.") from None
    if not url.isprintable() or any(letter.isspace() for letter in url):
        raise BadUrl(f"the {what} URL holds spaces or control characters", hint="Write them as %20 and the like.")
    return parts


def check_database(url: str) -> str:
    """The SQLAlchemy URL for `url`; empty stays empty (SQLite in the town). PostgreSQL and SQLite files only."""
    if not url:
        return ""
    parts = _split(url, "database")
    if parts.scheme in _POSTGRES_SCHEMES:
        if not parts.path.strip("/"):
            raise BadUrl("the database URL names no database", hint="postgresql://USER:PASSWORD@HOST/DATABASE")
        return urlunsplit(parts._replace(scheme="postgresql+psycopg"))
    if parts.scheme == "sqlite":
        if parts.netloc or not parts.path.startswith("//"):
            raise BadUrl("SQLite needs an absolute path", hint="sqlite:////path/gastown.db, with four slashes.")
        return url
    raise BadUrl(
        f"not a database that a town can use: {mask(url)}",
        hint="Give postgresql://USER:PASSWORD@HOST/DATABASE, or leave it out for SQLite in the town's folder.",
    )


def check_redis(url: str) -> str:
    """`url` if it is an address of a Redis; empty stays empty (embedded)."""
    if not url:
        return ""
    parts = _split(url, "Redis")
    if parts.scheme not in _REDIS_SCHEMES or not (parts.netloc or parts.path.strip("/")):
        raise BadUrl(
            f"not an address of a Redis: {mask(url)}",
            hint="Give redis://HOST:6379/0, rediss://... or unix:///path/redis.sock; leave it out for an embedded one.",
        )
    return url


def mask(url: str) -> str:
    """`url` fit to be shown: without its password."""
    try:
        parts = urlsplit(url)
        password = parts.password
    except ValueError:
        return "(unreadable)"
    if password is None:
        return url if "@" not in url or parts.netloc else "(hidden)"
    return urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{password}@", ":***@", 1)))
