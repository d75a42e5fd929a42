"""Models of the REST API's credentials, and of the codes that stand for records in its exports."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from centers.models import Center, User
from patients.models import Patient


class ApiToken(models.Model):
    """A bearer token. Only the SHA-256 of it is kept: 256 random bits need no slow hash.

    It reads with the rights its owner has at the moment of the request.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    label = models.CharField(max_length=100)
    owner = models.ForeignKey(User, models.PROTECT, related_name="+")
    token_hash = models.BinaryField(unique=True)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "analytics_api_token"

    def __str__(self) -> str:
        return self.label

    def is_valid(self, now: datetime) -> bool:
        """Neither revoked nor expired at `now`."""
        return self.revoked_at is None and now < self.expires_at


class ApiCode(models.Model):
    """The random code of one record in the exports of one token.

    Assigned, not derived from anything (45 CFR 164.514(c)): codes of two tokens
    cannot be linked, and deleting a token's rows makes its exports unlinkable.
    """

    token = models.ForeignKey(ApiToken, models.CASCADE, related_name="+")
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
            models.UniqueConstraint(fields=["token", "patient"], name="analytics_api_code_record"),
            models.UniqueConstraint(fields=["token", "code"], name="analytics_api_code_code"),
        ]

    def __str__(self) -> str:
        return self.code
