"""The outcome panel of the record page: what analytics puts into a slot of patients."""

from __future__ import annotations

from typing import Any, Final

from analytics.queries.panel import recomputing_since, standing_cutoff, view_outcome
from patients.slots import Panel, RowLinks

TEMPLATE: Final = "analytics/_outcome_panel.html"
BADGES: Final = {
    "yes": ("Eligible", "good"),
    "no": ("Not eligible", "neutral"),
    "unknown": ("Eligibility unknown", "warn"),
}
RECOMPUTING: Final = ("Recomputing", "info")
LEFT_OUT: Final = ("No outcome", "neutral")


def outcome_panel(patient_id: int, links: RowLinks) -> Panel:
    """The stored outcome; says so while a newer one is being derived. Two queries."""
    is_stale, since = recomputing_since(patient_id)
    view = view_outcome(patient_id, links)
    context: dict[str, Any] = {"view": view, "since": since, "cutoff": standing_cutoff()}
    badge = BADGES[view.outcome.eligible] if view else LEFT_OUT
    return Panel(TEMPLATE, context, RECOMPUTING if is_stale else badge, is_stale)
