"""What an import did, in JSON and in words."""

from collections.abc import Iterator
from typing import Any

from gastown.beads.exchange.files import Exported
from gastown.beads.exchange.plan import Imported
from gastown.beads.exchange.syncing import Synced, SyncStatus

_SHOWN = 20  # refused lines spelt out for people; JSON has them all


def import_json(result: Imported, source: str, *, dry_run: bool) -> dict[str, Any]:
    """The shape of `bd import --json`."""
    return {
        "source": source,
        "created": len(result.created),
        "updated": len(result.updated),
        "unchanged": result.unchanged,
        "skipped": result.unchanged + len(result.stale),
        "dedup_skipped": len(result.deduplicated),
        "memories": result.memories,
        "events": result.events,
        "events_skipped": result.skipped_events,
        "ids": [*result.created, *result.updated],
        "stale_skipped_ids": result.stale,
        "dedup_skipped_ids": result.deduplicated,
        "orphans_skipped": result.orphans,
        "orphans_resurrected": result.resurrected,
        "same_content": [{"id": bead_id, "as": other} for bead_id, other in result.same_content],
        "skipped_dependencies": result.skipped_edges,
        "refused": [{"line": number, "reason": reason} for number, reason in result.refused],
        "dry_run": dry_run,
    }


def import_warnings(result: Imported, *, all_lines: bool) -> Iterator[str]:
    """What a person must know, one line each: every refused line, or the first ones."""
    for number, reason in result.refused if all_lines else result.refused[:_SHOWN]:
        yield f"Line {number} refused: {reason}"
    if len(result.refused) > _SHOWN and not all_lines:
        yield f"... and {len(result.refused) - _SHOWN} more refused lines; --json lists them all"
    for said in result.skipped_edges[:_SHOWN]:
        yield f"Dependency skipped: {said}"
    if len(result.skipped_edges) > _SHOWN:
        yield f"... and {len(result.skipped_edges) - _SHOWN} more; --json lists them all"
    for bead_id, other in result.same_content[:_SHOWN]:
        yield f"{bead_id} says the same as {other}: `bd duplicate {bead_id} --of {other}`, if it is the same"
    if len(result.same_content) > _SHOWN:
        yield f"... and {len(result.same_content) - _SHOWN} more; --json lists them all"


def import_text(result: Imported, *, dry_run: bool) -> Iterator[str]:
    """The lines of the report for people."""
    number = len(result.created) + len(result.updated)
    parts = [
        f"{len(result.created)} created",
        f"{len(result.updated)} updated",
        f"{result.unchanged} unchanged",
        f"{len(result.stale)} older than the store",
        f"{len(result.refused)} lines refused",
    ]
    for count, words in (
        (len(result.deduplicated), "titled like an open bead"),
        (len(result.resurrected), "parents stood in for"),
        (result.memories, "memories"),
        (result.events, "events"),
    ):
        if count:
            parts.append(f"{count} {words}")
    did = "Would import" if dry_run else "Imported"
    yield f"{did} {number} issue(s): {', '.join(parts)}"
    if number == 1 and not dry_run:
        yield f"Imported issue: {[*result.created, *result.updated][0]}"


def status_json(status: SyncStatus) -> dict[str, Any]:
    """The shape of `bd sync --status --json`."""
    return {
        "path": status.path,
        "file_exists": status.has_file,
        "to_import": status.to_import,
        "conflicts": status.conflicts,
        "to_export": status.to_export,
        "in_sync": status.has_file and not (status.to_import or status.to_export),
    }


def status_text(status: SyncStatus) -> Iterator[str]:
    """The same in words."""
    if not status.has_file:
        yield f"{status.path} is not there yet; `bd sync` writes it ({status.to_export} issues)"
        return
    yield f"{status.path}: {status.to_import} lines to take in, {status.to_export} issues to write"
    if status.conflicts:
        yield f"Changed on both sides: {', '.join(status.conflicts)}"


def sync_json(done: Synced, *, dry_run: bool) -> dict[str, Any]:
    """The shape of `bd sync --json`."""
    shown: dict[str, Any] = {"path": done.path, "merged": done.merged, "dry_run": dry_run}
    if done.imported is not None:
        shown["imported"] = import_json(done.imported, done.path, dry_run=dry_run)
    if done.exported is not None:
        shown |= {"exported": done.exported.number, "changed": done.exported.is_changed}
    return shown


def sync_text(done: Synced, *, dry_run: bool) -> Iterator[str]:
    """The same in words."""
    if done.imported is not None:
        yield from import_text(done.imported, dry_run=dry_run)
    if done.merged:
        yield f"Changed on both sides, brought together: {', '.join(done.merged)}"
    if done.exported is not None:
        yield exported_text(done.exported, done.path)


def exported_text(done: Exported, path: str) -> str:
    """What an export did, in one line."""
    if done.is_changed:
        return f"Exported {done.number} issue(s) to {path}"
    return f"{path} is up to date: {done.number} issue(s)"


def exported_json(done: Exported, path: str) -> dict[str, Any]:
    """The shape of `bd export -o FILE --json`."""
    return {"exported": done.number, "rendered": done.rendered, "changed": done.is_changed, "path": path}
