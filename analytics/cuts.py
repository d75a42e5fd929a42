"""The model of data cuts."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from centers.models import User


class DataCut(models.Model):
    """A named, frozen state of the registry's outcomes: cutoff, seal, rule set, and what came out.

    Rows are not stored: they are derived again from the events at the seal, and `content_hash`
    (SHA-256, hexadecimal, of the canonical rows) shows that they are the same. What was cut is never
    changed; the name may be until the cut is locked. `sizes` are records by set and disease, for what
    may be shown of it to readers without membership.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=100, unique=True)
    cutoff = models.DateField()
    seal = models.BigIntegerField()
    seal_hash = models.CharField(max_length=64)
    rule_set = models.SmallIntegerField()
    records = models.IntegerField()
    content_hash = models.CharField(max_length=64)
    code_version = models.TextField()
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    made_at = models.DateTimeField(db_default=Now())
    sizes = models.JSONField(default=dict)
    locked_at = models.DateTimeField(null=True)
    locked_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    class Meta:
        db_table = "analytics_data_cut"
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return self.name
