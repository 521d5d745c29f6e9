"""A line for each bead in a form that the caller says: `{{.ID}} [{{.Status}}] {{.Title}}`."""

import re
from collections.abc import Mapping
from typing import Any

from gastown.beads.errors import BadField
from gastown.beads.models import Bead

TEMPLATE_LIMIT = 1000  # characters
_FIELD = re.compile(r"\{\{\s*\.?([A-Za-z_]+)\s*\}\}")
_NAMES = {
    "dependency_count": "dependency_count",
    "dependent_count": "dependent_count",
    "comment_count": "comment_count",
    "parent": "parent",
    "labels": "labels",
    "metadata": "metadata",
}
KNOWN = frozenset({*Bead.model_fields, *_NAMES} - {"meta", "extra", "exact_times", "prefix", "is_top", "last_child"})


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def check_template(template: str) -> str:
    """The template itself; refuses fields that no bead has, and other uses of braces."""
    if len(template) > TEMPLATE_LIMIT:
        raise BadField(f"the template is longer than {TEMPLATE_LIMIT} characters")
    names = [_snake(found) for found in _FIELD.findall(template)]
    unknown = [name for name in names if name not in KNOWN]
    if unknown or not names or "{{" in _FIELD.sub("", template):
        what = f"unknown field {unknown[0][:40]!r}" if unknown else "no field, or one that is written otherwise"
        hint = "Write it like '{{.ID}} {{.Title}}'; or say json, digraph, dot, mermaid."
        raise BadField(f"invalid --format: {what}", hint=hint)
    return template.replace("\\n", "\n").replace("\\t", "\t")


def fill_template(template: str, item: Mapping[str, Any]) -> str:
    """The template with the values of one bead as listings show it."""

    def value(found: re.Match[str]) -> str:
        said = item.get(_snake(found[1]), "")
        return ", ".join(map(str, said)) if isinstance(said, list) else str(said)

    return _FIELD.sub(value, template)
