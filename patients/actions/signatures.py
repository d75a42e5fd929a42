"""Verifying and signing a record. The database fills in who, when and what, and has the last word."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.utils.translation import gettext as _

from centers.access import Scope, acting, set_reason
from centers.roles import Permission
from patients.actions.writing import constraint_of


class Meaning(StrEnum):
    """What a signature says; the words and their version are patients_meaning() in the database."""

    VERIFIED = "verified"
    APPROVED = "approved"


PERMISSIONS: Final = {
    Meaning.VERIFIED: Permission.VERIFY_RECORDS,
    Meaning.APPROVED: Permission.SIGN_RECORDS,
}


class RecordChanged(Exception):
    """Nothing was signed: the record is not the one that the person saw."""


class NotVerified(Exception):
    """Nothing was signed: no verification of the record stands."""


class AlreadySigned(Exception):
    """Nothing was signed: a signature of this meaning stands already."""


_REFUSALS: Final[dict[str, type[Exception]]] = {
    "signature.hash": RecordChanged,
    "signature.unverified": NotVerified,
    "patients_signature_standing": AlreadySigned,
}


def sign_record(
    *, actor: Scope, center_id: int, patient_id: int, meaning: Meaning, shown_hash: str
) -> None:
    """Put the actor's signature under the record as it was shown (`shown_hash`: hexadecimal).

    Raises RecordChanged, NotVerified, AlreadySigned, PermissionDenied; then nothing is signed.
    """
    actor.require(PERMISSIONS[meaning], center_id)
    try:
        shown = bytes.fromhex(shown_hash)
    except ValueError:
        raise RecordChanged from None
    try:
        with acting(actor), transaction.atomic(), connection.cursor() as cursor:
            set_reason("")
            cursor.execute(
                "insert into patients_signature"
                " (public_id, center_id, patient_id, meaning, signer_id, record_hash)"
                " values (gen_random_uuid(), %s, %s, %s, %s, %s)",
                [center_id, patient_id, meaning.value, actor.actor_id, shown],
            )
    except IntegrityError as error:
        refusal = _REFUSALS.get(constraint_of(error))
        if refusal is None:
            raise
        raise refusal from None
    except ProgrammingError as error:
        if getattr(error.__cause__, "sqlstate", "") != "42501":
            raise
        raise PermissionDenied(_("The database lets only the center's own signers sign.")) from None
