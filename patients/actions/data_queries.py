"""What people do with queries: raise, answer, close, reopen. Each act is a message of the thread."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Final

from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction
from django.utils import timezone

from centers.access import Scope, acting
from centers.roles import Permission
from patients.actions.submissions import claim_submission
from patients.models import ROW_MODELS, Patient
from patients.query_models import Query, QueryMessage
from patients.rules.dictionary import FORMS, PATIENTS

MANUAL: Final = "manual"
MOST_LETTERS: Final = 1000


class QueryNotFound(ObjectDoesNotExist):
    """No such query, record or row, or one the actor may not see: they look the same."""


class NotPossible(Exception):
    """Nothing was done: the query is in another state by now."""


class TextMissing(Exception):
    """Nothing was done: every act needs its words."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a query is about: a record, a form, a row of it (its key), a field; '' and None: all."""

    patient: Patient
    form_name: str = PATIENTS.name
    row_id: int | None = None
    field_name: str = ""


def raise_query(
    *, actor: Scope, subject: Subject, text: str, submission: uuid.UUID | None = None
) -> uuid.UUID | None:
    """Ask the site about a record, a row or a field; answers the query's public id.

    None: the same submission was saved before. Raises TextMissing, QueryNotFound, PermissionDenied.
    """
    patient, words = subject.patient, _required(text)
    actor.require(Permission.MANAGE_QUERIES, patient.center_id)
    with acting(actor), transaction.atomic():
        _check_subject(subject)
        if submission and not claim_submission(submission, patient.center_id):
            return None
        query = Query.objects.create(
            center_id=patient.center_id,
            patient=patient,
            kind=MANUAL,
            check_id=MANUAL,
            form_name=subject.form_name,
            row_id=subject.row_id,
            field_name=subject.field_name,
            message=words,
            opened_by_id=actor.actor_id,
        )
        _tell(query, actor, "raised", words)
        return query.public_id


def answer_query(
    *, actor: Scope, query: uuid.UUID, text: str, submission: uuid.UUID | None = None
) -> None:
    """The site's answer; then it is for the monitor. Raises TextMissing, QueryNotFound,
    NotPossible (it is closed), PermissionDenied."""
    with acting(actor), transaction.atomic():
        found = _locked(query)
        actor.require(Permission.ANSWER_QUERIES, found.center_id)
        words = _required(text)
        if not _is_first(submission, found):
            return
        if found.closed_at is not None:
            raise NotPossible
        Query.objects.filter(pk=found.pk).update(answered_at=timezone.now())
        _tell(found, actor, "answered", words)


def close_query(
    *, actor: Scope, query: uuid.UUID, text: str, submission: uuid.UUID | None = None
) -> None:
    """Nothing is open any more; the words say why. Raises as answer_query."""
    with acting(actor), transaction.atomic():
        found = _locked(query)
        actor.require(Permission.MANAGE_QUERIES, found.center_id)
        words = _required(text)
        if not _is_first(submission, found):
            return
        if found.closed_at is not None:
            raise NotPossible
        Query.objects.filter(pk=found.pk).update(
            closed_at=timezone.now(), closed_by=actor.actor_id, closing_note=words
        )
        _tell(found, actor, "closed", words)


def reopen_query(
    *, actor: Scope, query: uuid.UUID, text: str, submission: uuid.UUID | None = None
) -> None:
    """The answer is not enough, or it was closed too early. Raises as answer_query; NotPossible:
    it is open, or what raised it is so no longer."""
    with acting(actor), transaction.atomic():
        found = _locked(query)
        actor.require(Permission.MANAGE_QUERIES, found.center_id)
        words = _required(text)
        if not _is_first(submission, found):
            return
        if not found.can_reopen:
            raise NotPossible
        Query.objects.filter(pk=found.pk).update(**REOPENED, reopened_at=timezone.now())
        _tell(found, actor, "reopened", words)


# What reopening takes back.
REOPENED: Final = {"answered_at": None, "closed_at": None, "closed_by": None, "closing_note": ""}


def _required(text: str) -> str:
    words = text.strip()[:MOST_LETTERS]
    if not words:
        raise TextMissing
    return words


def _locked(query: uuid.UUID) -> Query:
    """The query of a standing record, held until the end of the transaction."""
    found = (
        Query.objects.select_for_update(of=("self",))
        .filter(public_id=query, patient__retracted=False)
        .first()
    )
    if found is None:
        raise QueryNotFound
    return found


def _is_first(submission: uuid.UUID | None, query: Query) -> bool:
    return submission is None or claim_submission(submission, query.center_id)


def _check_subject(subject: Subject) -> None:
    """The row must be one of the record's: no key of the database can say so for all forms."""
    form = FORMS[subject.form_name]
    if subject.field_name and subject.field_name not in form.by_name:
        raise QueryNotFound
    if not Patient.objects.filter(pk=subject.patient.pk, retracted=False).exists():
        raise QueryNotFound
    if subject.row_id is None or form is PATIENTS:
        return
    rows = ROW_MODELS[form.name]._default_manager.filter(patient=subject.patient)
    if not rows.filter(pk=subject.row_id).exists():
        raise QueryNotFound


def _tell(query: Query, actor: Scope, act: str, words: str) -> None:
    QueryMessage.objects.create(
        center_id=query.center_id,
        patient_id=query.patient_id,
        query=query,
        act=act,
        text=words,
        author_id=actor.actor_id,
    )
