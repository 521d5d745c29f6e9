"""Which edges of a file must stay out because beads would wait for each other for ever.

The moments of deadlocks.py, in numbers instead of words: a file may hold a hundred thousand edges in one knot, which is
untied in a few passes over all of them. Edges of settled beads hold nobody up; they come in as they are.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from gastown.beads.graphs.deadlocks import ONE_WAY, TypedEdge
from gastown.beads.models import DependencyType

_STARTS, _CLOSES, _CHILDREN = range(3)
# Edges that are left out are looked at again one by one, whether one of them may come in after all; of more not.
_MOST_RETRIED = 1000
_FIXED = -1  # a step that belongs to no new edge: it stays


class _Steps:
    """Each step says that one moment comes after another, and which new edge says so."""

    def __init__(self, old: Sequence[TypedEdge], new: Sequence[TypedEdge]) -> None:
        self.numbers: dict[tuple[str, str], int] = {}
        self.sources, self.targets, self.owners = array("l"), array("l"), array("l")
        for edge in old:
            self._add(edge, _FIXED)
        for place, edge in enumerate(new):
            self._add(edge, place)
        self.said = len(self.owners)
        for number in [number for (kind, _), number in self.numbers.items() if not kind]:
            self._step(number + _CLOSES, number + _STARTS, _FIXED)

    def places_of(self, owner: int) -> range:
        """The steps of a new edge: they stand together, in the order of the edges."""
        first = bisect_left(self.owners, owner, hi=self.said)
        return range(first, bisect_right(self.owners, owner, lo=first, hi=self.said))

    def _number(self, name: str, kind: str = "") -> int:
        return self.numbers.setdefault((kind, name), 3 * len(self.numbers))

    def _step(self, source: int, target: int, owner: int) -> None:
        self.sources.append(source)
        self.targets.append(target)
        self.owners.append(owner)

    def _add(self, edge: TypedEdge, owner: int) -> None:
        bead_id, target, kind = edge
        if kind in ONE_WAY:
            self._step(self._number(bead_id, kind), self._number(target, kind), owner)
            return
        one, two = self._number(bead_id), self._number(target)
        if one == two:
            self._step(one, one, owner)  # a bead that waits for itself, in whatever way
            return
        if kind == DependencyType.PARENT_CHILD:
            self._step(one + _STARTS, two + _STARTS, owner)
            self._step(two + _CLOSES, one + _CLOSES, owner)
            self._step(two + _CHILDREN, one + _CLOSES, owner)
        else:
            self._step(one + _STARTS, two + (_CHILDREN if kind == DependencyType.WAITS_FOR else _CLOSES), owner)


class _Graph:
    """The steps that are left, by the moment that they start from; moments that are in no circle are peeled off."""

    def __init__(self, steps: _Steps, dropped: set[int]) -> None:
        size = 3 * len(steps.numbers)
        kept = [place for place, owner in enumerate(steps.owners) if owner not in dropped]
        self.first = array("l", bytes(8 * (size + 1)))
        for place in kept:
            self.first[steps.sources[place] + 1] += 1
        for number in range(size):
            self.first[number + 1] += self.first[number]
        fill = array("l", self.first)
        self.targets, self.owners = array("l", bytes(8 * len(kept))), array("l", bytes(8 * len(kept)))
        self.incoming = array("l", bytes(8 * size))
        for place in kept:
            slot = fill[steps.sources[place]]
            fill[steps.sources[place]] += 1
            self.targets[slot], self.owners[slot] = steps.targets[place], steps.owners[place]
            self.incoming[steps.targets[place]] += 1
        self.alive = self._peel(size)

    def _peel(self, size: int) -> bytearray:
        alive = bytearray(b"\x01") * size
        ready = [number for number in range(size) if not self.incoming[number]]
        while ready:
            number = ready.pop()
            alive[number] = 0
            for slot in self.steps_of(number):
                target = self.targets[slot]
                self.incoming[target] -= 1
                if not self.incoming[target]:
                    ready.append(target)
        return alive

    def steps_of(self, number: int) -> range:
        return range(self.first[number], self.first[number + 1])


def choose_dropped(old: Sequence[TypedEdge], new: Sequence[TypedEdge]) -> list[TypedEdge]:
    """Those of `new` to leave out so that no circle remains but those of `old` alone: any of them would close one.

    Children stay with their parents where they can: rather what makes beads wait is left out.
    """
    parents = [edge for edge in new if edge[2] == DependencyType.PARENT_CHILD]
    lost = _choose(old, parents)
    gone = set(lost)
    kept = [*old, *(edge for edge in parents if edge not in gone)]
    return lost + _choose(kept, [edge for edge in new if edge[2] != DependencyType.PARENT_CHILD])


def _choose(old: Sequence[TypedEdge], new: Sequence[TypedEdge]) -> list[TypedEdge]:
    steps, dropped = _Steps(old, new), set[int]()
    whole = graph = _Graph(steps, dropped)
    while found := set(_untie(graph)):
        dropped |= found
        graph = _Graph(steps, dropped)
    for place in sorted(dropped) if len(dropped) <= _MOST_RETRIED else ():
        dropped.discard(place)
        if _closes(whole, steps, place, dropped):
            dropped.add(place)
    return [new[place] for place in sorted(dropped)]


def _closes(graph: _Graph, steps: _Steps, owner: int, dropped: set[int]) -> bool:
    """Whether this edge closes a circle with those that are not dropped."""
    return any(_reaches(graph, steps.targets[place], steps.sources[place], dropped) for place in steps.places_of(owner))


def _reaches(graph: _Graph, start: int, goal: int, dropped: set[int]) -> bool:
    if not graph.alive[start] or not graph.alive[goal]:
        return False
    seen, stack = {start}, [start]
    while stack:
        number = stack.pop()
        if number == goal:
            return True
        for slot in graph.steps_of(number):
            target = graph.targets[slot]
            if target not in seen and graph.alive[target] and graph.owners[slot] not in dropped:
                seen.add(target)
                stack.append(target)
    return False


def _untie(graph: _Graph) -> Iterator[int]:
    """One walk through everything, depth first: whenever it comes back to its own path, the newest edge there goes."""
    found: set[int] = set()
    place = array("l", bytes(8 * len(graph.alive)))  # on the path, from 1; 0 is not been there, -1 is done
    for root, is_alive in enumerate(graph.alive):
        if not is_alive or place[root]:
            continue
        path, owners, ways = [root], [_FIXED], [iter(graph.steps_of(root))]
        place[root] = 1
        while path:
            slot = next(ways[-1], None)
            if slot is None:
                place[path.pop()] = -1
                owners.pop()
                ways.pop()
                continue
            target, owner = graph.targets[slot], graph.owners[slot]
            if owner in found or not graph.alive[target]:
                continue
            if place[target] > 0:
                newest = owner if owner != _FIXED else _last_of(owners, place[target])
                if newest is not None:
                    found.add(newest)
                    yield newest
            elif not place[target]:
                path.append(target)
                owners.append(owner)
                ways.append(iter(graph.steps_of(target)))
                place[target] = len(path)


def _last_of(owners: Sequence[int], start: int) -> int | None:
    """The edge nearest to the end of the path, of those after its place `start`; None when all of them are old."""
    for index in range(len(owners) - 1, start - 1, -1):
        if owners[index] != _FIXED:
            return owners[index]
    return None
