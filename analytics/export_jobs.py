"""Models of exports: what was asked for, how far it is, what came out, and what was called back."""

from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from analytics.cuts import DataCut
from analytics.projects import PROFILES, RESEARCH, Project
from centers.models import User


class ExportState(StrEnum):
    """Where an export stands. Only `ready` is fetched; `expired` has no files any more."""

    QUEUED = "queued"
    RUNNING = "running"
    REVIEW = "review"
    READY = "ready"
    REFUSED = "refused"
    REVOKED = "revoked"
    FAILED = "failed"
    EXPIRED = "expired"


# Nothing moves it any more, but for the end of its files.
SETTLED = (ExportState.REFUSED, ExportState.REVOKED, ExportState.FAILED, ExportState.EXPIRED)


class ExportJob(models.Model):
    """One export: the records of a cohort in a data cut, in a project's profile, as files.

    `recipe` is {version, profile, cohort {population, disease}, tables}, `recipe_hash` its SHA-256
    in canonical JSON. `files` lists {name, table, format, media_type, sha256, bytes, rows}. `risk`
    is the report that the approver reads. `client` names the API client that asked for it. An
    `idempotency_key` names one request of a project for ever. Progress in percent.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    project = models.ForeignKey(Project, models.PROTECT, related_name="exports")
    cut = models.ForeignKey(DataCut, models.PROTECT, related_name="+")
    profile = models.TextField()
    population = models.TextField()
    disease = models.TextField(default="")
    recipe = models.JSONField()
    recipe_hash = models.CharField(max_length=64)
    formats = ArrayField(models.TextField())
    idempotency_key = models.CharField(max_length=100, null=True)
    requested_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    client = models.TextField(default="")
    requested_at = models.DateTimeField(db_default=Now())
    state = models.TextField(default=ExportState.QUEUED.value)
    progress = models.SmallIntegerField(default=0)
    stage = models.TextField(default="")
    attempts = models.SmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    error = models.TextField(default="")
    risk = models.JSONField(null=True)
    files = models.JSONField(null=True)
    records = models.IntegerField(null=True)
    manifest_sha256 = models.CharField(max_length=64, default="")
    finished_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    approved_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    decision_reason = models.TextField(default="")

    class Meta:
        db_table = "analytics_export_job"
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(
                fields=["lease_until"],
                condition=models.Q(state__in=["queued", "running"]),
                name="analytics_export_job_waiting",
            )
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["project", "idempotency_key"], name="analytics_export_job_key"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=[state.value for state in ExportState]),
                name="analytics_export_job_state",
            ),
            models.CheckConstraint(
                condition=models.Q(profile__in=list(PROFILES)), name="analytics_export_job_profile"
            ),
            # Two people: the database holds it too.
            models.CheckConstraint(
                condition=models.Q(approved_by=None)
                | ~models.Q(approved_by=models.F("requested_by")),
                name="analytics_export_job_two_people",
            ),
            models.CheckConstraint(
                condition=~models.Q(profile=RESEARCH, state=ExportState.READY.value)
                | models.Q(approved_by__isnull=False),
                name="analytics_export_job_approved",
            ),
        ]

    def __str__(self) -> str:
        return f"export {self.public_id}"

    def is_fetchable(self, now: datetime) -> bool:
        """Whether its files may be fetched: released, not expired, and the project open."""
        in_time = self.expires_at is not None and now < self.expires_at
        return self.state == ExportState.READY and in_time and self.project.is_open(now.date())


class ExportRevocation(models.Model):
    """A released export called back: recipients must delete it. Never changed."""

    job = models.OneToOneField(ExportJob, models.PROTECT, related_name="revocation")
    reason = models.TextField()
    revoked_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "analytics_export_revocation"
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(
                    reason__in=["consent_withdrawn", "project_closed", "called_back"]
                ),
                name="analytics_export_revocation_reason",
            )
        ]

    def __str__(self) -> str:
        return self.reason
