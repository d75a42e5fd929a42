"""The index of dashboards anew, with criteria, courses and doses; no table is locked meanwhile."""

from typing import ClassVar

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models

NAME = "analytics_outcome_figures"


class Migration(migrations.Migration):
    """Builds the index beside the writers, which a transaction could not."""

    atomic = False
    dependencies: ClassVar = [("analytics", "0170_counted")]
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
                    "metastatic_disease",
                    "received_hd_il2",
                    "survival_5y",
                    "no_later_systemic_therapy",
                    "progression_free_5y",
                    "eligible",
                    "alive_10y_followed",
                    "survived_10y",
                    "age_at_t0",
                    "best_response",
                    "surgical_ned",
                    "courses",
                    "doses",
                ],
                name=NAME,
            ),
        ),
        RemoveIndexConcurrently("outcome", "analytics_outcome_counted"),
    ]
