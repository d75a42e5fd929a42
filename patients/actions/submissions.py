"""A form that is sent twice is saved once: each page carries an id that is claimed by saving."""

from __future__ import annotations

import uuid

from django.db import connection


def claim_submission(submission: uuid.UUID, center_id: int) -> bool:
    """Whether this submission is the first of its id; the claim commits with what it saves.

    A second one waits here until the first has committed or was undone, so two clicks, two
    retries or a reload after a lost answer give one row. Call inside the transaction of saving.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into patients_submission (id, center_id) values (%s, %s)"
            " on conflict (id) do nothing",
            [submission, center_id],
        )
        return bool(cursor.rowcount == 1)


def complete_submission(submission: uuid.UUID, patient_id: int) -> None:
    """Note the record that the submission saved, for whoever sends it again."""
    with connection.cursor() as cursor:
        cursor.execute(
            "update patients_submission set patient_id = %s where id = %s",
            [patient_id, submission],
        )


def submitted_record(submission: uuid.UUID) -> uuid.UUID | None:
    """Public id of the record that an earlier submission saved, if the reader may see it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select patient.public_id from patients_submission submission"
            " join patients_patient patient on patient.id = submission.patient_id"
            " where submission.id = %s",
            [submission],
        )
        found = cursor.fetchone()
    return found[0] if found else None
