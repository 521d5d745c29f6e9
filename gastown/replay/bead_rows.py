"""The rows of the issue graph, out of the states that the events of each bead leave."""

from collections.abc import Iterator
from typing import Any

from gastown.beads import Bead, history
from gastown.events import EventKind, Fact, Key

BEADS, EDGES, LABELS, COMMENTS = "beads", "dependencies", "labels", "comments"
TABLES = (BEADS, EDGES, LABELS, COMMENTS)
# Two columns are called otherwise by Python.
_ATTRIBUTES = {"metadata": "meta"}
_COLUMNS = {attribute: column for column, attribute in _ATTRIBUTES.items()}
_BEAD_COLUMNS = {
    _COLUMNS.get(name, name): name for name in Bead.model_fields if name not in {"id", *history.NOT_REPLAYED}
}


class BeadRows:
    """Every bead as its events leave it."""

    def __init__(self) -> None:
        self.states: dict[str, history.State] = {}

    def apply(self, fact: Fact) -> None:
        """One more event of a bead."""
        name = str(fact.bead_id)
        old = name
        if fact.kind == EventKind.BEAD_RENAMED:
            old = str(fact.payload.get("was"))
        state = history.step(self.states.pop(old, None), fact)
        if state is None:
            self.states.pop(name, None)
        else:
            self.states[name] = state

    def restore(self, table: str, row: dict[str, Any]) -> None:
        """A row of a snapshot; those of the beads come first."""
        if table == BEADS:
            fields = {name: row[column] for column, name in _BEAD_COLUMNS.items()}
            self.states[row["id"]] = history.State(row["id"], fields)
        elif table == LABELS:
            self.states[row["bead_id"]].labels.add(row["label"])
        elif table == EDGES:
            key = row["depends_on_id"], row["type"]
            held = {_ATTRIBUTES.get(name, name): value for name, value in row.items()}
            self.states[row["issue_id"]].edges[key] = _without(held, "issue_id", "depends_on_id", "type")
        else:
            self.states[row["bead_id"]].comments[row["id"]] = _without(row, "bead_id", "id")

    def rows(self, table: str) -> Iterator[dict[str, Any]]:
        """Every row of a table, as the database calls the columns."""
        for name in list(self.states):
            for key in self._keys(table, name):
                row = self.find(table, key)
                assert row is not None
                yield row

    def _keys(self, table: str, name: str) -> Iterator[Key]:
        state = self.states[name]
        if table == BEADS:
            yield (name,)
        elif table == LABELS:
            yield from ((name, label) for label in state.labels)
        elif table == EDGES:
            yield from ((name, *key) for key in state.edges)
        else:
            yield from ((name, key) for key in state.comments)

    def find(self, table: str, key: Key) -> dict[str, Any] | None:
        """One row; None where the log tells of none."""
        state = self.states.get(key[0])
        if state is None:
            return None
        if table == BEADS:
            fields = state.fields
            return {"id": key[0], **{column: fields[name] for column, name in _BEAD_COLUMNS.items()}}
        if table == LABELS:
            return {"bead_id": key[0], "label": key[1]} if key[1] in state.labels else None
        held = state.edges.get((key[1], key[2])) if table == EDGES else state.comments.get(key[1])
        if held is None:
            return None
        values = {_COLUMNS.get(name, name): value for name, value in held.items()}
        if table == EDGES:
            return {"issue_id": key[0], "depends_on_id": key[1], "type": key[2], **values}
        return {"bead_id": key[0], "id": key[1], **values}

    def keys(self, table: str) -> Iterator[Key]:
        """The primary keys of a table."""
        for name in self.states:
            yield from self._keys(table, name)


def _without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}
