"""The town's settings are ones that it knows, with values that they take."""

from collections.abc import Iterable

from sqlmodel import select

from gastown import policy
from gastown.errors import GastownError
from gastown.patrols.findings import Category, Check, Fault, Here, Patrol, error, warning
from gastown.policy import PRESET_PREFIX, Setting
from gastown.runtimes import catalog


def look(here: Here) -> Iterable[Fault]:
    """Rows that `gt config set` would not have written: edited by hand, or left by another version."""
    with here.read() as session:
        rows = session.exec(select(Setting).order_by(Setting.name)).all()
        known = policy.presets(session)
        values = policy.load(session).values
    for row in rows:
        if row.name.startswith(PRESET_PREFIX):
            continue
        try:
            if row.value != "":
                policy.parse(row.name, str(int(row.value) if isinstance(row.value, bool) else row.value))
        except policy.UnknownKey as failure:
            yield warning(row.name, failure.message, "It has no effect in this version.")
        except GastownError as failure:
            yield error(row.name, failure.message, f"gt config set {row.name} VALUE. {failure.hint or ''}".strip())
    for name in known:
        try:
            catalog.get(name, known)
        except GastownError as failure:
            yield error(f"agents.{name}", failure.message, failure.hint or f"gt config set agents.{name}... VALUE")
    try:
        policy.check_together(values)
    except GastownError as failure:
        yield error("", failure.message, failure.hint or "gt config list")
    except ValueError:
        return  # a value that is no number was said above


CHECK = Check("settings", look, "every setting is valid", category=Category.CORE, patrol=Patrol.DEACON)
