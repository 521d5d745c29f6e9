"""Pure questions about edges: who reaches whom, cycles, waves. An edge (a, b) says that a depends on b."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

Edge = tuple[str, str]


def adjacency(edges: Iterable[Edge]) -> dict[str, list[str]]:
    """What each node depends on, in the order given."""
    following: dict[str, list[str]] = defaultdict(list)
    for node, target in edges:
        following[node].append(target)
    return following


def reaches(following: Mapping[str, Sequence[str]], start: str, goal: str) -> bool:
    """Whether `goal` is found from `start`; every node reaches itself."""
    seen, stack = {start}, [start]
    while stack:
        node = stack.pop()
        if node == goal:
            return True
        for target in following.get(node, ()):
            if target not in seen:
                seen.add(target)
                stack.append(target)
    return False


def way(following: Mapping[str, Sequence[str]], start: str, goal: str) -> list[str]:
    """The shortest way from `start` to `goal`, both named; empty when there is none."""
    came_from = {start: start}
    frontier = [start]
    while frontier and goal not in came_from:
        reached = []
        for node in frontier:
            for target in following.get(node, ()):
                if target not in came_from:
                    came_from[target] = node
                    reached.append(target)
        frontier = reached
    if goal not in came_from:
        return []
    found = [goal]
    while found[-1] != start:
        found.append(came_from[found[-1]])
    return found[::-1]


def components(edges: Sequence[Edge]) -> list[list[str]]:
    """The strongly connected components that hold a cycle, each sorted (Tarjan's algorithm, without recursion)."""
    following = adjacency(edges)
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    on_path: set[str] = set()
    path: list[str] = []
    found: list[list[str]] = []
    for root in list(following):
        if root in index:
            continue
        work = [(root, 0)]
        while work:
            node, position = work.pop()
            if position == 0:
                index[node] = low[node] = len(index)
                path.append(node)
                on_path.add(node)
            targets = following.get(node, [])
            if position < len(targets):
                target = targets[position]
                work.append((node, position + 1))
                if target not in index:
                    work.append((target, 0))
                elif target in on_path:
                    low[node] = min(low[node], index[target])
                continue
            if work:
                parent = work[-1][0]
                low[parent] = min(low[parent], low[node])
            if low[node] == index[node]:
                found.append(_take_component(node, path, on_path))
    return [sorted(group) for group in found if len(group) > 1 or group[0] in following.get(group[0], ())]


def _take_component(root: str, path: list[str], on_path: set[str]) -> list[str]:
    group = []
    while True:
        node = path.pop()
        on_path.discard(node)
        group.append(node)
        if node == root:
            return group


def cycles(edges: Sequence[Edge]) -> list[list[str]]:
    """One cycle of each knot, as the nodes along it, starting with its smallest."""
    following = adjacency(edges)
    return [_walk(group, following) for group in components(edges)]


def _walk(group: Sequence[str], following: Mapping[str, Sequence[str]]) -> list[str]:
    """The shortest way from the first of `group` back to itself."""
    start, inside = group[0], set(group)
    came_from: dict[str, str] = {}
    frontier = [start]
    while frontier:
        following_frontier = []
        for node in frontier:
            for target in following.get(node, ()):
                if target == start:
                    way = [node]
                    while way[-1] != start:
                        way.append(came_from[way[-1]])
                    return way[::-1]
                if target in inside and target not in came_from:
                    came_from[target] = node
                    following_frontier.append(target)
        frontier = following_frontier
    return [start]


def waves(nodes: Iterable[str], edges: Iterable[Edge]) -> list[list[str]]:
    """`nodes` in groups: each group depends only on groups before it. What hangs on a cycle is in no group."""
    known = set(nodes)
    waiting: dict[str, set[str]] = defaultdict(set)
    dependents: dict[str, set[str]] = defaultdict(set)
    for node, target in edges:
        if node in known and target in known:
            waiting[node].add(target)
            dependents[target].add(node)
    groups = []
    front = sorted(node for node in known if not waiting[node])
    while front:
        groups.append(front)
        freed = []
        for done in front:
            for node in dependents[done]:
                waiting[node].discard(done)
                if not waiting[node]:
                    freed.append(node)
        front = sorted(freed)
    return groups
