"""What analytics puts into the slots of patients and centers."""

from django.utils.translation import gettext_noop

from analytics.outlooks import outlooks_of
from analytics.panels import outcome_panel
from analytics.queries.deciding import find_deciding
from analytics.queries.late_changes import LATE_CHANGES
from analytics.queries.panel import annotate_eligibility
from analytics.tasks import hint_stale
from centers import slots as center_slots
from patients import slots


def fill() -> None:
    """Called once the apps are ready; calling it again changes nothing."""
    if hint_stale not in slots.after_commit:
        slots.after_commit.append(hint_stale)
        slots.record_panels.append(outcome_panel)
        slots.eligibility.append(annotate_eligibility)
        slots.outlooks.append(outlooks_of)
        slots.deciding.append(find_deciding)
        center_slots.finders.append(LATE_CHANGES)
        center_slots.access_tables["analytics_api_client"] = gettext_noop("API client")
