"""Pictures of the graph as text: trees, boxes, Mermaid, DOT, and the lines of `digraph`. Nothing here asks a store.

Titles are what agents and files say, so each language has its own escaping, and no title ends the line that it is on.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from unicodedata import combining, east_asian_width

from gastown.beads.graphs import graph
from gastown.beads.models import Bead, BeadStatus, DependencyType

_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_TITLE_LIMIT = 80
_MARKS = {
    BeadStatus.OPEN: "○",
    BeadStatus.IN_PROGRESS: "◐",
    BeadStatus.HOOKED: "◐",
    BeadStatus.SUBMITTED: "◐",
    BeadStatus.BLOCKED: "●",
    BeadStatus.ESCALATED: "●",
    BeadStatus.DEFERRED: "❄",
    BeadStatus.PINNED: "◆",
    BeadStatus.CLOSED: "✓",
}
_MERMAID = {'"': "#quot;", "<": "#lt;", ">": "#gt;", "&": "#amp;", "#": "#35;", "`": "#96;", "\\": "#92;", "|": "#124;"}
_COLOURS = {
    BeadStatus.CLOSED: "#d1fae5",
    BeadStatus.IN_PROGRESS: "#dbeafe",
    BeadStatus.HOOKED: "#dbeafe",
    BeadStatus.SUBMITTED: "#dbeafe",
    BeadStatus.BLOCKED: "#fee2e2",
    BeadStatus.ESCALATED: "#fee2e2",
    BeadStatus.DEFERRED: "#e5e7eb",
}


@dataclass(frozen=True)
class Line:
    """One edge to draw: `source` depends on `target`."""

    source: str
    target: str
    type: str

    @property
    def order(self) -> tuple[str, str]:
        """What comes first and what after it: the parts of a whole come before it."""
        ends = (self.source, self.target)
        return ends if self.type == DependencyType.PARENT_CHILD else ends[::-1]


@dataclass
class Drawing:
    """A part of the graph, ready to be drawn; an edge may end outside of it."""

    beads: dict[str, Bead]
    lines: list[Line]
    root: str = ""
    layers: list[list[str]] = field(default_factory=list)
    """What depends only on layers before; beads that wait for each other are together in the last one."""

    def __post_init__(self) -> None:
        waiting = [line.order for line in self.lines if line.type in _ORDERING]
        self.layers = graph.waves(self.beads, [(then, first) for first, then in waiting])
        placed = {name for layer in self.layers for name in layer}
        if rest := sorted(name for name in self.beads if name not in placed):
            self.layers.append(rest)


_ORDERING = frozenset(kind.value for kind in DependencyType)


def mark(status: str) -> str:
    """One sign that says a status."""
    return _MARKS.get(BeadStatus(status), "○") if status in BeadStatus.__members__.values() else "○"


def plain(text: str, limit: int = _TITLE_LIMIT) -> str:
    """Text on one line, shortened."""
    line = " ".join(_UNSAFE.sub(" ", text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def fit(text: str, cells: int) -> str:
    """Text on one line of exactly so many cells of a terminal; some letters take two."""
    found, used = "", 0
    for letter in plain(text, cells):
        wide = 0 if combining(letter) else 2 if east_asian_width(letter) in "WF" else 1
        if used + wide > cells:
            break
        found, used = found + letter, used + wide
    return found + " " * (cells - used)


def one_line(bead: Bead) -> str:
    """A bead as trees show it."""
    return f"{mark(bead.status)} {bead.id} P{bead.priority} {bead.issue_type}: {plain(bead.title, 200)}"


def draw_forest(beads: Sequence[Bead], parents: Mapping[str, str]) -> list[str]:
    """Beads under their parents, in the order given; a bead whose parent is not among them begins a tree."""
    known = {bead.id: bead for bead in beads}
    below: dict[str, list[str]] = defaultdict(list)
    tops = []
    for bead in beads:
        parent = parents.get(bead.id, "")
        if parent in known and not _leads_back(bead.id, parents, known):
            below[parent].append(bead.id)
        else:
            tops.append(bead.id)
    lines: list[str] = []
    stack = [(name, "", "") for name in reversed(tops)]
    while stack:
        name, before, indent = stack.pop()
        lines.append(before + one_line(known[name]))
        children = below[name]
        for place, child in reversed(list(enumerate(children))):
            is_last = place == len(children) - 1
            stack.append((child, indent + ("└── " if is_last else "├── "), indent + ("    " if is_last else "│   ")))
    return lines


def _leads_back(name: str, parents: Mapping[str, str], known: Mapping[str, Bead]) -> bool:
    """Whether a bead is above itself, as files can say; the smallest of such a circle begins the tree."""
    seen = {name}
    above = parents.get(name, "")
    while above in known and above not in seen:
        seen.add(above)
        above = parents.get(above, "")
    return above == name and name == min(seen)


def draw_mermaid(drawing: Drawing) -> str:
    """A flow chart for Mermaid: an arrow leads from what comes first to what waits for it."""
    numbers = {name: f"n{place}" for place, name in enumerate(drawing.beads)}
    said = ["flowchart TD"]
    for name, bead in drawing.beads.items():
        label = "".join(_MERMAID.get(letter, letter) for letter in f"{mark(bead.status)} {name}: {plain(bead.title)}")
        said.append(f'  {numbers[name]}["{label}"]')
    for line in drawing.lines:
        if line.source in numbers and line.target in numbers:
            kind = "" if line.type == DependencyType.BLOCKS else f'|"{_mermaid_word(line.type)}"|'
            arrow = "-->" if line.type in _ORDERING else "-.->"
            first, then = line.order
            said.append(f"  {numbers[first]} {arrow}{kind} {numbers[then]}")
    return "\n".join(said)


def _mermaid_word(text: str) -> str:
    return "".join(_MERMAID.get(letter, letter) for letter in plain(text, 50))


def _dot_text(text: str) -> str:
    escaped = plain(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def draw_dot(drawing: Drawing) -> str:
    """A graph for Graphviz, in the direction of the arrows of `draw_mermaid`."""
    said = [
        "digraph beads {",
        "  rankdir=LR;",
        '  node [shape=box, style="rounded,filled", fillcolor="#ffffff", fontname="sans-serif"];',
    ]
    for name, bead in drawing.beads.items():
        colour = _COLOURS.get(BeadStatus(bead.status)) if bead.status in BeadStatus.__members__.values() else None
        fill = f', fillcolor="{colour}"' if colour else ""
        said.append(f"  {_dot_text(name)} [label={_dot_text(f'{name}: {plain(bead.title)}')}{fill}];")
    for line in drawing.lines:
        if line.source in drawing.beads and line.target in drawing.beads:
            style = "" if line.type == DependencyType.BLOCKS else f" [label={_dot_text(line.type)}, style=dashed]"
            first, then = line.order
            said.append(f"  {_dot_text(first)} -> {_dot_text(then)}{style};")
    return "\n".join([*said, "}"])


def draw_digraph(lines: Iterable[Line]) -> str:
    """One edge a line, `dependant target`, as the tool `digraph` reads them."""
    return "\n".join(f"{line.source} {line.target}" for line in lines)


def draw_compact(drawing: Drawing) -> list[str]:
    """The layers with one line a bead."""
    waits: dict[str, list[str]] = defaultdict(list)
    for line in drawing.lines:
        if line.type in _ORDERING and line.type != DependencyType.PARENT_CHILD:
            waits[line.source].append(line.target)
    said = []
    for number, layer in enumerate(drawing.layers):
        said.append(f"Layer {number}")
        for name in layer:
            after = f" ← {', '.join(waits[name])}" if waits[name] else ""
            said.append(f"  {one_line(drawing.beads[name])}{after}")
    return said


def draw_boxes(drawing: Drawing, width: int = 36) -> list[str]:
    """The layers as boxes, from what comes first downwards."""
    said: list[str] = []
    for number, layer in enumerate(drawing.layers):
        said += ["    ↓"] if number else []
        said.append(f"LAYER {number}")
        for name in layer:
            bead = drawing.beads[name]
            first = f"{mark(bead.status)} {name} P{bead.priority} {bead.status}"
            said += [
                f"  ┌{'─' * (width - 2)}┐",
                f"  │ {fit(first, width - 4)} │",
                f"  │ {fit(bead.title, width - 4)} │",
                f"  └{'─' * (width - 2)}┘",
            ]
    return said


PICTURES: dict[str, Callable[[Drawing], str]] = {
    "digraph": lambda drawing: draw_digraph(drawing.lines),
    "dot": draw_dot,
    "mermaid": draw_mermaid,
}
"""Pictures for other programs, by the name of their language."""
