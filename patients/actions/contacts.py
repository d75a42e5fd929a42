"""Keeping the contact log, and the weekly reminder: what people set and what is sent."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from datetime import date, timedelta
from smtplib import SMTPException
from urllib.parse import urljoin

from django.core.mail import send_mail
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from centers.access import Scope, acting, scope_of, set_reason
from centers.invitation_mail import mail_is_set_up
from centers.invitations import site_address
from centers.models import User
from centers.roles import Permission
from patients.actions.submissions import claim_submission
from patients.contact_models import CHANNELS, OUTCOMES
from patients.models import ContactAttempt, Patient, Reminder
from patients.queries.contacts import count_due

logger = logging.getLogger(__name__)


class ReasonMissing(Exception):
    """Nothing was done: taking an attempt back needs a reason."""


def log_attempt(
    *,
    actor: Scope,
    patient: Patient,
    attempted_on: date,
    channel: str,
    outcome: str,
    submission: uuid.UUID,
) -> bool:
    """Keep one attempt to reach the patient; False when this submission was saved before.

    Raises PermissionDenied, ValueError (no such way or outcome).
    """
    actor.require(Permission.EDIT_RECORDS, patient.center_id)
    if channel not in CHANNELS or outcome not in OUTCOMES:
        raise ValueError("a way and an outcome of the lists")
    with acting(actor), transaction.atomic():
        if not claim_submission(submission, patient.center_id):
            return False
        ContactAttempt.objects.create(
            center_id=patient.center_id,
            patient=patient,
            attempted_on=attempted_on,
            channel=channel,
            outcome=outcome,
            made_by_id=actor.actor_id,
        )
    return True


def retract_attempt(*, actor: Scope, attempt: ContactAttempt, reason: str) -> None:
    """Take back an attempt that was entered in error. Raises ReasonMissing, PermissionDenied."""
    actor.require(Permission.EDIT_RECORDS, attempt.center_id)
    if not reason.strip():
        raise ReasonMissing
    with acting(actor), transaction.atomic():
        set_reason(reason.strip())
        ContactAttempt.objects.filter(pk=attempt.pk, retracted=False).update(retracted=True)


def set_reminder(*, actor: Scope, is_wanted: bool) -> None:
    """Whether the actor gets the weekly mail."""
    with acting(actor), transaction.atomic():
        Reminder.objects.update_or_create(user_id=actor.actor_id, defaults={"is_wanted": is_wanted})


def send_reminders(today: date) -> int:
    """One mail a week to each coordinator with an address; answers how many were sent.

    Running it again in the same week sends nothing: the week is claimed before the mail goes out,
    and given back when it could not be sent.
    """
    if not mail_is_set_up():
        return 0
    week = today - timedelta(days=today.weekday())
    return sum(_remind(user, scope, today, week) for user, scope in _coordinators())


def _coordinators() -> Iterator[tuple[User, Scope]]:
    for user in User.objects.filter(is_active=True).exclude(email="").order_by("pk"):
        scope = scope_of(user)
        if scope.permitted.get(Permission.EDIT_RECORDS):
            yield user, scope


def _remind(user: User, scope: Scope, today: date, week: date) -> bool:
    with acting(scope), transaction.atomic():
        overdue, soon = count_due(today, scope.permitted[Permission.EDIT_RECORDS])
        if not overdue + soon or not _claim(user, week):
            return False
    try:
        url = urljoin(site_address(), reverse("due_list"))
        subject = _("HD IL-2 registry: follow-up contacts that are due")
        send_mail(subject, _text(overdue, soon, url), None, [user.email])
    except (OSError, SMTPException) as error:
        # The class alone: a server's answer repeats the address.
        logger.warning("a reminder could not be mailed: %s", type(error).__name__)
        with acting(scope), transaction.atomic():
            Reminder.objects.filter(user=user).update(sent_week=None)
        return False
    return True


def _text(overdue: int, soon: int, url: str) -> str:
    """No name, number or center: only how many, and where to look."""
    numbers = ngettext(
        "In your centers %(overdue)s follow-up contact is overdue; %(soon)s more will be due within"
        " 30 days.",
        "In your centers %(overdue)s follow-up contacts are overdue; %(soon)s more will be due within"
        " 30 days.",
        overdue,
    )
    parts = (
        numbers % {"overdue": overdue, "soon": soon},
        _("The list: %(url)s") % {"url": url},
        _("This mail comes once a week while something is due. The page has a switch for it."),
    )
    return "\n\n".join(parts) + "\n"


def _claim(user: User, week: date) -> bool:
    """Whether the person wants the mail and this week's was not sent yet; two workers never both."""
    Reminder.objects.bulk_create([Reminder(user=user)], ignore_conflicts=True)
    found = Reminder.objects.select_for_update().get(user=user)
    if not found.is_wanted or found.sent_week == week:
        return False
    found.sent_week = week
    found.save(update_fields=["sent_week"])
    return True
