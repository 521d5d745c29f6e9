"""Whole graphs of new beads from one JSON document, all of them or none."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from gastown.beads.creation import create
from gastown.beads.edges import add_dependency
from gastown.beads.errors import BadField
from gastown.beads.lifecycle import update_bead
from gastown.beads.models import DEFAULT_PRIORITY, WELL_KNOWN_TYPES, DependencyType, NewBead

NODE_LIMIT = 10_000
_NODE_KEYS = frozenset(
    (
        *("key", "title", "type", "description", "assignee", "assign_after_create", "priority", "labels"),
        *("metadata", "metadata_refs", "parent_key", "parent_id"),
    )
)
_EDGE_KEYS = frozenset({"from_key", "from_id", "to_key", "to_id", "type"})


@dataclass(frozen=True)
class Plan:
    """Nodes, parents before their children, and edges."""

    nodes: Sequence[Mapping[str, Any]]
    edges: Sequence[Mapping[str, Any]]


def read_plan(text: str) -> Plan:
    """The plan in a document; refuses what is none, keys it does not know, and references that lead nowhere."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadField(f"the plan is not JSON: {str(error)[:100]}") from None
    if not isinstance(data, dict) or not isinstance(data.get("nodes"), list):
        raise BadField("the plan is not an object with a list of nodes", hint='{"nodes": [...], "edges": [...]}')
    _check_keys("plan", data, frozenset({"commit_message", "nodes", "edges"}))
    nodes, edges = data["nodes"], data.get("edges") or []
    if not nodes or len(nodes) > NODE_LIMIT or not isinstance(edges, list):
        raise BadField(f"a plan has 1 to {NODE_LIMIT} nodes, and a list of edges")
    by_key: dict[str, Mapping[str, Any]] = {}
    for number, node in enumerate(nodes):
        _check_node(f"nodes[{number}]", node)
        if by_key.setdefault(node["key"], node) is not node:
            raise BadField(f"nodes[{number}]: the key {node['key'][:60]!r} is taken")
    for number, node in enumerate(nodes):
        refs = [node.get("parent_key"), *(node.get("metadata_refs") or {}).values()]
        _check_references(f"nodes[{number}]", refs, by_key)
    for number, edge in enumerate(edges):
        _check_edge(f"edges[{number}]", edge, by_key)
    return Plan(_parents_first(by_key), edges)


def _check_keys(where: str, data: Mapping[str, Any], known: frozenset[str]) -> None:
    unknown = sorted(set(data) - known)
    if unknown:
        raise BadField(f"{where}: unknown key {unknown[0][:60]!r}", hint=f"Known: {', '.join(sorted(known))}.")


_KINDS: dict[str, tuple[type, ...]] = {
    "priority": (int,),
    "assign_after_create": (bool,),
    "labels": (list,),
    "metadata": (dict,),
    "metadata_refs": (dict,),
}


def _check_node(where: str, node: Any) -> None:
    if not isinstance(node, dict):
        raise BadField(f"{where} is not an object")
    _check_keys(where, node, _NODE_KEYS)
    if not isinstance(node.get("key"), str) or not node["key"] or not isinstance(node.get("title"), str):
        raise BadField(f"{where} needs a key and a title")
    for name, value in node.items():
        wanted = _KINDS.get(name, (str,))
        is_flag = isinstance(value, bool) and bool not in wanted
        if value is not None and (is_flag or not isinstance(value, wanted)):
            raise BadField(f"{where}: {name} is not {wanted[0].__name__}")
    texts = [*(node.get("labels") or ()), *(node.get("metadata_refs") or {}).values()]
    if not all(isinstance(text, str) for text in texts):
        raise BadField(f"{where}: labels and references are texts")
    if node.get("parent_key") and node.get("parent_id"):
        raise BadField(f"{where}: parent_key and parent_id exclude each other")


def _check_edge(where: str, edge: Any, by_key: Mapping[str, Any]) -> None:
    if not isinstance(edge, dict) or not all(isinstance(value, str) for value in edge.values()):
        raise BadField(f"{where} is not an object of texts")
    _check_keys(where, edge, _EDGE_KEYS)
    for side in ("from", "to"):
        if bool(edge.get(f"{side}_key")) == bool(edge.get(f"{side}_id")):
            raise BadField(f"{where} needs {side}_key or {side}_id")
        _check_references(where, [edge.get(f"{side}_key")], by_key)
    if edge.get("type", DependencyType.BLOCKS) not in WELL_KNOWN_TYPES:
        known = ", ".join(sorted(WELL_KNOWN_TYPES))
        raise BadField(f"{where}: invalid dependency type {edge['type'][:60]!r}", hint=f"Known: {known}.")


def _check_references(where: str, names: Sequence[Any], by_key: Mapping[str, Any]) -> None:
    for name in names:
        if name and name not in by_key:
            raise BadField(f"{where}: no node has the key {str(name)[:60]!r}")


def _parents_first(by_key: Mapping[str, Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    children: dict[str, list[str]] = {}
    for key, node in by_key.items():
        children.setdefault(node.get("parent_key") or "", []).append(key)
    ordered: list[Mapping[str, Any]] = []
    frontier = children.get("", [])
    while frontier:
        ordered += [by_key[key] for key in frontier]
        frontier = [child for key in frontier for child in children.get(key, ())]
    if len(ordered) < len(by_key):
        stuck = sorted(set(by_key) - {node["key"] for node in ordered})
        raise BadField(f"the parents of {', '.join(stuck[:5])} go in a circle")
    return ordered


def create_plan(
    session: Session, plan: Plan, *, prefix: str, actor: str, resolve: Callable[[str], str]
) -> dict[str, str]:
    """File every bead of a plan with its edges; return the id of each key. `resolve` reads ids that the plan names."""
    made: dict[str, str] = {}
    for node in plan.nodes:
        parent = made.get(node.get("parent_key") or "", "")
        if node.get("parent_id"):
            parent = resolve(node["parent_id"])
        priority = node.get("priority")
        new = NewBead(
            title=node["title"],
            prefix=prefix,
            description=node.get("description") or "",
            issue_type=node.get("type") or "task",
            priority=DEFAULT_PRIORITY if priority is None else priority,
            labels=tuple(node.get("labels") or ()),
            parent=parent,
            assignee="" if node.get("assign_after_create") else node.get("assignee") or "",
            metadata=node.get("metadata") or {},
            inherit_labels=False,
        )
        made[node["key"]] = create(session, new, actor=actor).id
    for edge in plan.edges:
        near, far = (
            made[edge[f"{side}_key"]] if edge.get(f"{side}_key") else resolve(edge[f"{side}_id"])
            for side in ("from", "to")
        )
        add_dependency(session, near, far, actor=actor, type=edge.get("type") or DependencyType.BLOCKS)
    _finish(session, plan, made, actor)
    return made


def _finish(session: Session, plan: Plan, made: Mapping[str, str], actor: str) -> None:
    """Write what could only be known afterwards: ids in metadata, and who gets what is complete."""
    for node in plan.nodes:
        references = {name: made[key] for name, key in (node.get("metadata_refs") or {}).items()}
        if references:
            update_bead(session, made[node["key"]], {"merge_metadata": references}, actor=actor)
        if node.get("assign_after_create") and node.get("assignee"):
            update_bead(session, made[node["key"]], {"assignee": node["assignee"]}, actor=actor)
