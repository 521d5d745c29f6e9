"""The log replays to the rows after gates, states, slots, batches of labels, replacements and deletions, too."""

from sqlmodel import Session, select

from gastown import beads
from gastown.beads import Bead, NewGate
from gastown.beads.history.lineage import list_events
from gastown.beads.history.replay import NOT_REPLAYED, replay
from gastown.beads.models import Dependency, Label
from tests.support.factories_beads import PERSON, make_bead


def differences(session: Session) -> dict[str, object]:
    session.flush()
    session.expire_all()
    found: dict[str, object] = {}
    for bead in session.exec(select(Bead)):
        told = replay(list_events(session, bead.id))
        assert told is not None
        labels = sorted(session.exec(select(Label.label).where(Label.bead_id == bead.id)))
        rows = {name: value for name, value in bead.model_dump().items() if name not in {"id", *NOT_REPLAYED}}
        found |= {
            f"{bead.id} {name}": (value, told.fields.get(name))
            for name, value in rows.items()
            if told.fields.get(name) != value
        }
        if sorted(told.labels) != labels:
            found[f"{bead.id} labels"] = (labels, sorted(told.labels))
        edges = set(
            session.exec(select(Dependency.depends_on_id, Dependency.type).where(Dependency.issue_id == bead.id))
        )
        if set(told.edges) != edges:
            found[f"{bead.id} edges"] = (edges, told.edges)
    return found


def test_the_log_of_the_editing_verbs_replays_to_the_rows(session: Session) -> None:
    one, two, three = (make_bead(session, title).id for title in ("one", "two", "three"))
    root = make_bead(session, "molecule", issue_type="molecule").id
    step = make_bead(session, "step", parent=root).id
    beads.change_labels(session, one, add=["a", "b", "c"], actor=PERSON)
    beads.set_labels(session, one, ["c", "d"], actor=PERSON)
    beads.set_state(session, one, "mood", "good", actor=PERSON)
    beads.set_state(session, one, "mood", "bad", actor=PERSON)
    gate = beads.create_gate(session, NewGate(blocks=two, await_type="timer", timeout=1), actor=PERSON).id
    beads.add_waiter(session, gate, "ada", actor=PERSON)
    beads.resolve_gate(session, gate, actor=PERSON)
    beads.create_slot(session, "app", actor=PERSON)
    beads.acquire_slot(session, "app", holder="ada", wait=False, actor=PERSON)
    beads.acquire_slot(session, "app", holder="bob", wait=True, actor=PERSON)
    beads.release_slot(session, "app", holder="ada", actor=PERSON)
    beads.mark_duplicate(session, three, one, actor=PERSON)
    beads.reopen(session, three, actor=PERSON)
    beads.supersede(session, three, two, actor=PERSON)
    beads.close(session, [step], actor=PERSON, by_session="s")
    beads.continue_after(session, step, actor=PERSON)
    beads.delete(session, [one], actor=PERSON, cascade=True)
    assert differences(session) == {}
