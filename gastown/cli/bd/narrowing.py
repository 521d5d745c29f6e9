"""The options that narrow a listing down, and what they ask for."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from gastown.cli.bd.options import BadOption, F, priority, stack, when, words
from gastown.cli.context import Context

if TYPE_CHECKING:
    from sqlmodel import Session

    from gastown.beads import Filters

_MANY = ("types", "exclude_types", "labels", "labels_any", "exclude_labels", "ids")
_AS_SAID = (
    *("assignee", "unassigned", "no_labels", "no_parent", "pinned", "overdue", "reverse", "deferred"),
    *("title_contains", "desc_contains", "notes_contains", "empty_description", "spec", "mol_type", "wisp_type"),
    *("include_gates", "include_infra", "include_templates"),
)
_SORTS = ("priority", "created", "updated", "closed", "status", "id", "title", "type", "assignee")
_SPANS = ("created", "updated", "closed", "due", "defer")
# Options that mean labels: what `--skip-labels` excludes, and what a folder's own label gives way to.
LABELS = ("labels", "labels_any", "exclude_labels", "no_labels", "label_pattern", "label_regex")

METADATA = stack(
    click.option("--mol-type", default="", help="Molecules of this type: swarm, patrol, work."),
    click.option("--metadata-field", "metadata", multiple=True, metavar="KEY=VALUE", help="With this metadata."),
    click.option("--has-metadata-key", "metadata_keys", multiple=True, metavar="KEY", help="With this metadata key."),
)
FILTERS = stack(
    click.option("-s", "--status", "statuses", multiple=True, help="Status, or several with commas, or `all`."),
    click.option("-t", "--type", "types", multiple=True, help="Type, or several with commas."),
    click.option("--exclude-type", "exclude_types", multiple=True, help="Not these types."),
    click.option("-p", "--priority", help="Exactly this priority."),
    click.option("--priority-min", help="At least this number."),
    click.option("--priority-max", help="At most this number."),
    click.option("-a", "--assignee", help="Assigned to this name."),
    click.option("--no-assignee", "-u", "--unassigned", "unassigned", is_flag=True, help="Assigned to nobody."),
    click.option("-l", "--label", "labels", multiple=True, help="With all of these labels."),
    click.option("--label-any", "labels_any", multiple=True, help="With one of these labels."),
    click.option("--exclude-label", "exclude_labels", multiple=True, help="With none of these labels."),
    click.option("--label-pattern", default="", metavar="GLOB", help="With a label like tech-*."),
    click.option("--label-regex", default="", metavar="REGEX", help="With a label like ^tech-(debt|legacy)$."),
    click.option("--no-labels", is_flag=True, help="Without labels."),
    click.option("--title", "--title-contains", "title_contains", default="", help="Text in the title."),
    click.option("--desc-contains", default="", help="Text in the description."),
    click.option("--notes-contains", default="", help="Text in the notes."),
    click.option("--empty-description", is_flag=True, help="Without a description."),
    click.option("--parent", help="Children of this bead."),
    click.option("--no-parent", is_flag=True, help="Without a parent."),
    click.option("--id", "ids", multiple=True, help="Exactly these ids."),
    click.option("--rig", help="Of this rig."),
    click.option("--spec", default="", help="With a spec id that begins like this."),
    METADATA,
    click.option("--wisp-type", default="", help="Wisps of this type: heartbeat, patrol, error..."),
    click.option("--pinned/--no-pinned", default=None, help="Marked as context, or not."),
    click.option("--overdue", is_flag=True, help="Past their due date."),
    click.option("--deferred", is_flag=True, help="Put off, until a time or for good."),
    click.option("--include-gates", is_flag=True, help="Gates, too."),
    click.option("--include-infra", is_flag=True, help="Agents, rigs, roles and messages, too."),
    click.option("--include-templates", is_flag=True, help="Templates, too."),
    *(
        click.option(f"--{name}-{side}", f"{name}_{side}", help=f"{name.capitalize()} {side} this time.")
        for name in _SPANS
        for side in ("after", "before")
    ),
    click.option("-r", "--reverse", is_flag=True, help="The other way round."),
)


def sort(default: str, *more: str) -> Callable[[F], F]:
    """`--sort` with the orders of a listing."""
    return click.option(
        "--sort", type=click.Choice([*_SORTS, *more]), default=default, show_default=True, help="The order."
    )


def _pairs(values: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    found = tuple((key, value) for key, _, value in (said.partition("=") for said in values))
    if not all(key and "=" in said for (key, _), said in zip(found, values, strict=True)):
        raise BadOption("--metadata-field takes KEY=VALUE")
    return found


def filters(context: Context, session: "Session", said: dict[str, Any], **more: Any) -> "Filters":
    """What the options of FILTERS ask for; refuses what no bead can be."""
    from gastown import beads
    from gastown.cli.bd.scope import prefix_for, resolve

    spans = {
        name: beads.Between(
            **{side: when(text, f"--{name}-{side}") for side in ("after", "before") if (text := said[f"{name}_{side}"])}
        )
        for name in _SPANS
    }
    statuses = words(said["statuses"])
    if "all" in statuses and len(statuses) > 1:
        raise BadOption("--status all and another status exclude each other")
    numbers = {name: priority(text) for name in ("priority", "priority_min", "priority_max") if (text := said[name])}
    patterns = {kind: text for kind in ("glob", "regex") if (text := said[f"label_{_PATTERNS[kind]}"])}
    family = "below" if more.pop("deep", False) else "parent"
    values: dict[str, Any] = {
        "statuses": () if "all" in statuses else statuses,
        "any_status": "all" in statuses,
        family: resolve(context, session, said["parent"]).id if said["parent"] else "",
        "prefix": prefix_for(context, session, said["rig"]) if said["rig"] else "",
        "sort": beads.Sort(said.get("sort") or "priority"),
        "limit": said.get("limit", 0),
        "label_sets": tuple(beads.find_labels(session, **{kind: text}) for kind, text in patterns.items()),
        "metadata": _pairs(said["metadata"]),
        "metadata_keys": words(said["metadata_keys"]),
        **{name: words(said[name]) for name in _MANY},
        **{name: said[name] for name in _AS_SAID},
        **numbers,
        **spans,
    }
    values["any_status"] |= more.pop("any_status", False)
    asked = beads.Filters(**values, **more)
    beads.check_filters(session, asked)
    return asked


_PATTERNS = {"glob": "pattern", "regex": "regex"}
