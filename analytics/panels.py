"""The outcome panel of the record page: what analytics puts into a slot of patients."""

from __future__ import annotations

from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from analytics.queries.panel import recomputing_since, standing_cutoff, view_outcome
from patients.slots import Panel, RowLinks

TEMPLATE: Final = "analytics/_outcome_panel.html"
BADGES: Final = {
    "yes": (gettext_noop("Eligible"), "good"),
    "no": (gettext_noop("Not eligible"), "neutral"),
    "unknown": (gettext_noop("Eligibility unknown"), "warn"),
}
RECOMPUTING: Final = (gettext_noop("Recomputing"), "info")
LEFT_OUT: Final = (gettext_noop("No outcome"), "neutral")


def outcome_panel(patient_id: int, links: RowLinks) -> Panel:
    """The stored outcome; says so while a newer one is being derived. Two queries."""
    is_stale, since = recomputing_since(patient_id)
    view = view_outcome(patient_id, links)
    context: dict[str, Any] = {"view": view, "since": since, "cutoff": standing_cutoff()}
    standing = BADGES[view.outcome.eligible] if view else LEFT_OUT
    label, tone = RECOMPUTING if is_stale else standing
    return Panel(TEMPLATE, context, (_(label), tone), is_stale)
