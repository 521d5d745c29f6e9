"""Redis keeps what it is given."""

from collections.abc import Iterable

from gastown import queue
from gastown.patrols.findings import Category, Check, Fault, Here, Patrol, warning


def look(here: Here) -> Iterable[Fault]:
    """Whether it may throw messages away under memory pressure, and whether a restart of it forgets them."""
    found = queue.redis_settings()
    if found is None:
        return  # the check `redis` says that it is away, and a service that hides its settings cannot be judged
    policy = found.get("maxmemory-policy", "noeviction")
    if policy != "noeviction":
        yield warning(
            "maxmemory-policy",
            f"Redis throws keys away when its memory is full ({policy}): doorbells get lost and are rung again late",
            "Set maxmemory-policy to noeviction in its configuration.",
        )
    if not here.settings.embedded_redis and found.get("appendonly") == "no" and not found.get("save"):
        yield warning(
            "appendonly",
            "Redis keeps nothing over a restart: nothing is lost, and work waits for the sweep, half a minute or so",
            "Set appendonly to yes in its configuration.",
        )


CHECK = Check(
    "redis-settings",
    look,
    "Redis keeps what it is given",
    category=Category.INFRASTRUCTURE,
    patrol=Patrol.DEACON,
    needs_sql=False,
)
