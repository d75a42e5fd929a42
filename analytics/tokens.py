"""The codes that stand for records in what the REST API gives."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from analytics.projects import Project
from centers.models import Center
from patients.models import Patient


class ApiCode(models.Model):
    """The random code of one record for one project.

    Assigned, not derived from anything (45 CFR 164.514(c)): codes of two projects
    cannot be linked, and deleting a project's rows makes its rows unlinkable.
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    center = models.ForeignKey(
        Center, models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    patient = models.ForeignKey(
        Patient, models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    code = models.CharField(max_length=12)

    class Meta:
        db_table = "analytics_api_code"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["project", "patient"], name="analytics_api_code_record"
            ),
            models.UniqueConstraint(fields=["project", "code"], name="analytics_api_code_code"),
        ]

    def __str__(self) -> str:
        return self.code
