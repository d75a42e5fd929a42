"""What the registry derives: one outcome for each record and variant, and the marks of stale records.

Only the worker writes here. Outcomes can be rebuilt from the clinical record at any time, so no other
table refers to them and they hold no foreign key of the database.
"""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from analytics.clients import ApiClient as ApiClient
from analytics.cuts import DataCut as DataCut
from analytics.export_jobs import ExportJob as ExportJob
from analytics.export_jobs import ExportRevocation as ExportRevocation
from analytics.projects import Cohort as Cohort
from analytics.projects import Project as Project
from analytics.projects import ProjectMember as ProjectMember
from analytics.saved import SavedView as SavedView
from analytics.tokens import ApiCode as ApiCode
from centers.models import Center
from patients.models import Patient


class DerivedRow(models.Model):
    """A row about one record, under the record's center."""

    center = models.ForeignKey(
        Center, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )

    class Meta:
        abstract = True


class Outcome(DerivedRow):
    """The derived row of one record in one variant (rules.md), at `cutoff`, by rule set `rule_set`.

    Units: `*_days`, `*_days_min`, `*_days_max` in days from T0; `age_at_t0` in completed years;
    `pfs_event` and `os_event` 0 or 1; criteria `yes`, `no` or `unknown`. `criteria` holds for each
    criterion {value, reason, evidence: [[table, row id]], resolve: {code, day, row} or null},
    `evidence` the rows that gave start and end of PFS. An untreated record has no t0, pfs_* or os_*.
    """

    pk = models.CompositePrimaryKey("patient_id", "variant")
    patient = models.ForeignKey(
        Patient, models.DO_NOTHING, related_name="outcomes", db_constraint=False, db_index=False
    )
    variant = models.TextField()
    disease = models.TextField()
    t0 = models.DateField(null=True)
    t0_lo = models.DateField(null=True)
    t0_hi = models.DateField(null=True)
    t0_precision = models.TextField(null=True)
    pfs_days = models.IntegerField(null=True)
    pfs_days_min = models.IntegerField(null=True)
    pfs_days_max = models.IntegerField(null=True)
    pfs_event = models.SmallIntegerField(null=True)
    pfs_event_type = models.TextField(null=True)
    pfs_censor_reason = models.TextField(null=True)
    pfs_end = models.DateField(null=True)
    pfs_end_lo = models.DateField(null=True)
    pfs_end_hi = models.DateField(null=True)
    cnsr = models.SmallIntegerField(null=True)
    os_days = models.IntegerField(null=True)
    os_event = models.SmallIntegerField(null=True)
    os_end = models.DateField(null=True)
    metastatic_disease = models.TextField()
    received_hd_il2 = models.TextField()
    survival_5y = models.TextField()
    no_later_systemic_therapy = models.TextField()
    progression_free_5y = models.TextField()
    eligible = models.TextField()
    long_term_pfs = models.TextField()
    best_response = models.TextField(null=True)
    surgical_ned = models.TextField(null=True)
    courses = models.IntegerField()
    doses = models.IntegerField()
    flags = ArrayField(models.TextField())
    age_at_t0 = models.IntegerField(null=True)
    pfs_band = models.TextField(null=True)
    alive_10y_followed = models.BooleanField(null=True)
    survived_10y = models.BooleanField(null=True)
    last_known_alive = models.DateField(null=True)
    criteria = models.JSONField()
    evidence = models.JSONField()
    cutoff = models.DateField()
    rule_set = models.SmallIntegerField()
    derived_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "analytics_outcome"
        indexes: ClassVar = [
            # All that dashboards count by, so that they need not read the wide rows themselves.
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
                name="analytics_outcome_figures",
            ),
            # The sweep asks every few seconds whether any outcome stands at another cutoff.
            models.Index(
                fields=["cutoff", "rule_set"],
                condition=models.Q(variant="primary"),
                name="analytics_outcome_standing",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.variant} outcome"


class DerivationBatch(models.Model):
    """One batch of the worker: what it derived, how long that took and how long the first mark waited.

    Seconds. Kept for a week, for the operations page and /metrics; names no record and no center.
    """

    at = models.DateTimeField(db_default=Now())
    records = models.IntegerField()
    failed = models.IntegerField()
    seconds = models.FloatField()
    waited = models.FloatField()

    class Meta:
        db_table = "analytics_derivation_batch"
        indexes: ClassVar = [models.Index(fields=["at"], name="analytics_batch_at")]

    def __str__(self) -> str:
        return "batch"


class Stale(DerivedRow):
    """A record whose outcomes are older than its rows: written by a trigger, removed by the worker.

    `attempts` counts failed derivations; after too many the mark stays for a person to look at, with
    the class of the error and no word of the record in `last_error`. `due_at`: not before.
    """

    patient = models.OneToOneField(
        Patient, models.DO_NOTHING, primary_key=True, related_name="stale", db_constraint=False
    )
    version = models.BigIntegerField()
    marked_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(db_default=Now())
    attempts = models.SmallIntegerField(default=0, db_default=0)
    last_error = models.TextField(default="", db_default="")

    class Meta:
        db_table = "analytics_stale"
        indexes: ClassVar = [models.Index(fields=["due_at"], name="analytics_stale_due")]

    def __str__(self) -> str:
        return "stale"
