"""What patients puts into the slots of centers."""

from centers import slots
from patients.queries.history import NEAR_SIGNING, describe_events, name_records


def fill() -> None:
    """Called once the apps are ready; calling it again changes nothing."""
    if describe_events not in slots.describers:
        slots.describers.append(describe_events)
        slots.record_names.append(name_records)
        slots.finders.append(NEAR_SIGNING)
