"""One index with all that dashboards count by, in place of that of curves; no table is locked meanwhile."""

from typing import ClassVar

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models

NAME = "analytics_outcome_counted"


class Migration(migrations.Migration):
    """Builds the index beside the writers, which a transaction could not."""

    atomic = False
    dependencies: ClassVar = [("analytics", "0160_ages")]
    operations: ClassVar = [
        # What a build that was broken off has left behind.
        migrations.RunSQL(f"drop index concurrently if exists {NAME}", migrations.RunSQL.noop),
        AddIndexConcurrently(
            "outcome",
            models.Index(
                fields=["variant", "cutoff", "disease"],
                include=[
                    "center",
                    "patient",
                    "t0",
                    "pfs_days",
                    "pfs_event",
                    "pfs_event_type",
                    "pfs_days_min",
                    "pfs_days_max",
                    "os_days",
                    "os_event",
                    "last_known_alive",
                    "eligible",
                    "alive_10y_followed",
                    "survived_10y",
                    "age_at_t0",
                    "best_response",
                    "surgical_ned",
                ],
                name=NAME,
            ),
        ),
        RemoveIndexConcurrently("outcome", "analytics_outcome_curve"),
    ]
