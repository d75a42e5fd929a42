"""Queries to the sites and what was said in them; part of patients.models, where others find them."""

from __future__ import annotations

import uuid
from typing import ClassVar, Final

from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext_noop as _

from centers.models import Center, User

QUERY_KINDS: Final = {
    "manual": _("Raised by a person"),
    "check": _("Unlikely value"),
    "criterion": _("Unknown criterion"),
    "flag": _("Flag of the outcome"),
}
# Kinds that the worker opens and closes by what it derived.
DERIVED_KINDS: Final = ("criterion", "flag")


class Query(models.Model):
    """A question to the site about a record, a row or a field; kept when it is closed.

    The state follows from the times: open, answered, closed, or reopened. `stands`: what a check or
    the derivation found is still so; then a query that a person closed stays closed. What people
    said is in QueryMessage.
    """

    public_id = models.UUIDField(
        default=uuid.uuid4, db_default=RandomUUID(), unique=True, editable=False
    )
    center = models.ForeignKey(Center, models.PROTECT, related_name="+", db_index=False)
    patient = models.ForeignKey(
        "patients.Patient",
        models.PROTECT,
        related_name="queries",
        db_constraint=False,
        db_index=False,
    )
    kind = models.TextField(default="check", db_default="check")
    check_id = models.TextField()
    form_name = models.TextField()
    row_id = models.BigIntegerField(null=True)
    field_name = models.TextField(blank=True)
    message = models.TextField()
    # Confirmed at saving: the reason given; then nothing is open.
    confirmed_reason = models.TextField(blank=True, default="", db_default="")
    opened_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    opened_at = models.DateTimeField(auto_now_add=True, db_default=Now())
    stands = models.BooleanField(default=True, db_default=True)
    answered_at = models.DateTimeField(null=True)
    reopened_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    # Closed by a person: who, and why nothing is open any more; nobody: it closed by itself.
    closed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    closing_note = models.TextField(blank=True, default="", db_default="")
    state = models.GeneratedField(
        expression=models.Case(
            models.When(closed_at__isnull=False, then=models.Value("closed")),
            models.When(answered_at__isnull=False, then=models.Value("answered")),
            models.When(reopened_at__isnull=False, then=models.Value("reopened")),
            default=models.Value("open"),
        ),
        output_field=models.TextField(),
        db_persist=True,
    )
    # Its age counts from here.
    asked_at = models.GeneratedField(
        expression=Coalesce("reopened_at", "opened_at"),
        output_field=models.DateTimeField(),
        db_persist=True,
    )

    class Meta:
        db_table = "patients_query"
        indexes: ClassVar = [
            models.Index(fields=["center", "patient", "check_id"], name="patients_query_record"),
            models.Index(
                fields=["center", "asked_at"],
                name="patients_query_asked",
                condition=models.Q(closed_at__isnull=True),
            ),
            models.Index(
                fields=["patient", "center"],
                name="patients_query_unclosed",
                condition=models.Q(closed_at__isnull=True),
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["id", "patient", "center"], name="patients_query_id_patient"
            ),
            models.UniqueConstraint(
                fields=["patient", "check_id", "center"],
                condition=models.Q(kind__in=DERIVED_KINDS),
                name="patients_query_derived_once",
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=tuple(QUERY_KINDS)), name="patients_query_kind"
            ),
        ]

    def __str__(self) -> str:
        return self.check_id

    @property
    def can_reopen(self) -> bool:
        """Answered or closed, and what raised it is still so (of a person's query: always)."""
        return self.stands and (self.closed_at is not None or self.answered_at is not None)


class QueryMessage(models.Model):
    """One word in the thread of a query, with what it did to it; written once, never changed."""

    center = models.ForeignKey(Center, models.PROTECT, related_name="+", db_index=False)
    patient = models.ForeignKey(
        "patients.Patient", models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    query = models.ForeignKey(
        Query, models.PROTECT, related_name="thread", db_constraint=False, db_index=False
    )
    act = models.TextField()
    text = models.TextField()
    author = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    written_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "patients_query_message"
        indexes: ClassVar = [
            models.Index(fields=["query", "center"], name="patients_query_message_thread")
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(act__in=["raised", "answered", "closed", "reopened"]),
                name="patients_query_message_act",
            ),
            models.CheckConstraint(
                condition=~models.Q(text=""), name="patients_query_message_text"
            ),
        ]

    def __str__(self) -> str:
        return self.act
