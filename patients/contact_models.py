"""Keeping in touch: attempts to reach patients, when the next contact is due, records visited."""

from __future__ import annotations

import uuid
from typing import ClassVar, Final

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from centers.models import Center, User

# Ways of reaching somebody, and what came of it: code -> words. docs/follow-up.md explains them.
CHANNELS: Final = {
    "phone": _("Telephone"),
    "letter": _("Letter"),
    "email": _("E-mail"),
    "visit": _("Visit"),
    "physician": _("Through a physician"),
    "relative": _("Through a relative"),
}
DECLINED: Final = "declined"
OUTCOMES: Final = {
    "reached": _("Reached"),
    "no_answer": _("No answer"),
    "message_left": _("Message left or letter sent"),
    "moved": _("Moved, or number no longer valid"),
    DECLINED: _("Wishes no further contact"),
}


class ContactAttempt(models.Model):
    """One attempt to reach the patient of a record. It holds codes only, no name, number or note.

    Audited. One that was entered in error is `retracted`, with a reason.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    center = models.ForeignKey(Center, models.PROTECT, related_name="+", db_index=False)
    patient = models.ForeignKey(
        "patients.Patient",
        models.PROTECT,
        related_name="contact_attempts",
        db_constraint=False,
        db_index=False,
    )
    attempted_on = models.DateField()
    channel = models.TextField()
    outcome = models.TextField()
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    made_at = models.DateTimeField(auto_now_add=True)
    retracted = models.BooleanField(default=False, db_default=False)

    class Meta:
        db_table = "patients_contact_attempt"
        indexes: ClassVar = [
            models.Index(fields=["patient", "center"], name="patients_contact_record")
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(channel__in=list(CHANNELS)), name="patients_contact_channel"
            ),
            models.CheckConstraint(
                condition=models.Q(outcome__in=list(OUTCOMES)), name="patients_contact_outcome"
            ),
        ]

    def __str__(self) -> str:
        return self.outcome

    @property
    def channel_text(self) -> str:
        """The way in words."""
        return gettext(CHANNELS[self.channel])

    @property
    def outcome_text(self) -> str:
        """What came of it, in words."""
        return gettext(OUTCOMES[self.outcome])


class ContactDue(models.Model):
    """A view: records under follow-up, with the day of the next contact (docs/follow-up.md).

    A record that is not under follow-up (not treated, dead, consent withdrawn, retired, erased,
    wishes no contact) has no row.
    """

    patient = models.OneToOneField(
        "patients.Patient", models.DO_NOTHING, primary_key=True, related_name="contact_due"
    )
    center = models.ForeignKey(Center, models.DO_NOTHING, related_name="+")
    last_contact = models.DateField(null=True)
    due_on = models.DateField()

    class Meta:
        managed = False
        db_table = "patients_contact_due"

    def __str__(self) -> str:
        return f"due {self.due_on:%Y-%m-%d}"


class Visit(models.Model):
    """When somebody last opened a record's page: the last ten are offered again, to that person."""

    center = models.ForeignKey(Center, models.PROTECT, related_name="+", db_index=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="+", db_index=False)
    patient = models.ForeignKey(
        "patients.Patient", models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    visited_at = models.DateTimeField()

    class Meta:
        db_table = "patients_visit"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "patient"], name="patients_visit_once")
        ]

    def __str__(self) -> str:
        return "visit"


class Reminder(models.Model):
    """Whether a person wants the weekly mail about due contacts, and the Monday it was last sent for.

    Who has no row wants it and has had none.
    """

    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="+")
    is_wanted = models.BooleanField(default=True, db_default=True)
    sent_week = models.DateField(null=True)

    class Meta:
        db_table = "patients_reminder"

    def __str__(self) -> str:
        return "wanted" if self.is_wanted else "off"
