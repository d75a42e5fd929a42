"""Models of projects: under which agreement de-identified data leave, to whom, and which cohorts they name.

The random codes of a project's records and centers are no models: they stand in the schema
`pseudonym`, which only the views of the schema `release` read (docs/exports.md).
"""

from __future__ import annotations

import uuid
from datetime import date
from typing import ClassVar, Final

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_noop

from centers.models import User

SAFE_HARBOR: Final = "safe_harbor"
RESEARCH: Final = "research"
PROFILES: Final = {
    SAFE_HARBOR: gettext_noop("Safe Harbor (45 CFR 164.514(b)(2))"),
    RESEARCH: gettext_noop("Research, under a data-use agreement"),
}


class Project(models.Model):
    """A use of the data under one agreement: what for, by whom, until when, in which profile.

    Closed, it exports nothing more; its codes can then be destroyed, which makes what was released
    unlinkable for ever.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=100, unique=True)
    purpose = models.TextField()
    profile = models.TextField()
    agreement = models.CharField(max_length=100)
    agreement_expires_on = models.DateField()
    recipients = models.TextField()
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True)
    codes_destroyed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "analytics_project"
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(profile__in=list(PROFILES)), name="analytics_project_profile"
            ),
            models.CheckConstraint(
                condition=models.Q(codes_destroyed_at=None) | models.Q(closed_at__isnull=False),
                name="analytics_project_destroyed",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def is_open(self, today: date) -> bool:
        """Whether it may export: not closed, and its agreement holds on this day."""
        return self.closed_at is None and today <= self.agreement_expires_on


class ProjectMember(models.Model):
    """A person who may request and fetch the exports of a project while `removed_at` is empty."""

    project = models.ForeignKey(Project, models.PROTECT, related_name="members")
    user = models.ForeignKey(User, models.PROTECT, related_name="+")
    added_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    added_at = models.DateTimeField(db_default=Now())
    removed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "analytics_project_member"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["project", "user"],
                condition=models.Q(removed_at=None),
                name="analytics_project_member_standing",
            )
        ]

    def __str__(self) -> str:
        return "member"


class Cohort(models.Model):
    """A named choice of records: `population` eligible or treated, and a disease (empty: all).

    Of a project, or (without one) of the registry. `client` names the API client that made it.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    project = models.ForeignKey(Project, models.PROTECT, null=True, related_name="cohorts")
    name = models.CharField(max_length=100)
    population = models.TextField()
    disease = models.TextField(default="")
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    client = models.TextField(default="")
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "analytics_cohort"
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["project", "name"], nulls_distinct=False, name="analytics_cohort_name"
            ),
            models.CheckConstraint(
                condition=models.Q(population__in=["eligible", "treated"])
                & models.Q(disease__in=["", "melanoma", "renal_cell"]),
                name="analytics_cohort_definition",
            ),
        ]

    def __str__(self) -> str:
        return self.name
