"""What analytics puts into the slots of patients."""

from analytics.panels import outcome_panel
from analytics.queries.panel import annotate_eligibility
from analytics.tasks import hint_stale
from patients import slots


def fill() -> None:
    """Called once the apps are ready; calling it again changes nothing."""
    if hint_stale not in slots.after_commit:
        slots.after_commit.append(hint_stale)
        slots.record_panels.append(outcome_panel)
        slots.eligibility.append(annotate_eligibility)
