"""Redis answers."""

from collections.abc import Iterable

from gastown import queue
from gastown.patrols.findings import Category, Check, Fault, Here, Patrol, error


def look(here: Here) -> Iterable[Fault]:
    """An answer to a ping."""
    if queue.redis_answers():
        return
    hint = "`gt up` starts it." if here.settings.embedded_redis else "Check redis_url in town.toml and the service."
    yield error("", "Redis does not answer: workers find work by looking only, seconds later", hint)


CHECK = Check("redis", look, "Redis answers", category=Category.INFRASTRUCTURE, patrol=Patrol.DEACON, needs_sql=False)
