"""The clinical record: one patient x one disease, and the rows of its forms.

Columns are the fields of the data dictionary. An empty value is NULL; a coded reason for a missing
value stands in `missing` ({field: NASK|NAVAIL|UNK|NA}). Nothing is deleted: a row entered in error
is `retracted`. Every row carries its center; composite keys tie it to a parent of the same center.
"""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models

from centers.models import Center, User
from patients.contact_models import ContactAttempt as ContactAttempt
from patients.contact_models import ContactDue as ContactDue
from patients.contact_models import Reminder as Reminder
from patients.contact_models import Visit as Visit
from patients.fields import column, row_constraints
from patients.import_jobs import ImportColumns as ImportColumns
from patients.import_jobs import ImportContent as ImportContent
from patients.import_jobs import ImportJob as ImportJob
from patients.import_jobs import ImportPage as ImportPage
from patients.import_jobs import ImportRun as ImportRun
from patients.query_models import Query as Query
from patients.query_models import QueryMessage as QueryMessage
from patients.rules.dictionary import (
    ASSESSMENTS,
    COURSES,
    CYCLES,
    FOLLOW_UPS,
    LOCAL_THERAPIES,
    PATIENTS,
    PRIOR_THERAPIES,
    SYSTEMIC_THERAPIES,
    Form,
)


class ClinicalRow(models.Model):
    """What every clinical row has."""

    form: ClassVar[Form]

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    center = models.ForeignKey(Center, models.PROTECT, related_name="+", db_index=False)
    retracted = models.BooleanField(default=False, db_default=False)
    missing = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True


class Patient(ClinicalRow):
    """A record: one person x one disease. Direct identifiers live in PatientIdentity."""

    form = PATIENTS

    registry_number = models.CharField(max_length=20, unique=True, editable=False)
    same_person = models.ForeignKey(
        "self", models.PROTECT, null=True, related_name="+", db_constraint=False
    )
    sex = column(PATIENTS, "sex")
    race = column(PATIENTS, "race")
    ethnicity = column(PATIENTS, "ethnicity")
    disease = column(PATIENTS, "disease")
    cohort = column(PATIENTS, "cohort")
    consent = column(PATIENTS, "consent")
    consent_date = column(PATIENTS, "consent_date")
    primary_diagnosis_date = column(PATIENTS, "primary_diagnosis_date")
    metastatic_diagnosis_date = column(PATIENTS, "metastatic_diagnosis_date")
    histology = column(PATIENTS, "histology")
    primary_site = column(PATIENTS, "primary_site")
    ecog = column(PATIENTS, "ecog")
    weight_kg = column(PATIENTS, "weight_kg")
    metastatic_sites = column(PATIENTS, "metastatic_sites")
    ldh_ratio = column(PATIENTS, "ldh_ratio")
    m_stage = column(PATIENTS, "m_stage")
    ajcc_edition = column(PATIENTS, "ajcc_edition")
    braf = column(PATIENTS, "braf")
    nras = column(PATIENTS, "nras")
    breslow_mm = column(PATIENTS, "breslow_mm")
    clear_cell = column(PATIENTS, "clear_cell")
    sarcomatoid = column(PATIENTS, "sarcomatoid")
    nuclear_grade = column(PATIENTS, "nuclear_grade")
    nephrectomy = column(PATIENTS, "nephrectomy")
    nephrectomy_date = column(PATIENTS, "nephrectomy_date")
    imdc_anemia = column(PATIENTS, "imdc_anemia")
    imdc_hypercalcemia = column(PATIENTS, "imdc_hypercalcemia")
    imdc_neutrophilia = column(PATIENTS, "imdc_neutrophilia")
    imdc_thrombocytosis = column(PATIENTS, "imdc_thrombocytosis")
    date_of_death = column(PATIENTS, "date_of_death")
    cause_of_death = column(PATIENTS, "cause_of_death")

    class Meta:
        db_table = "patients_patient"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["id", "center"], name="patients_patient_id_center"),
            *row_constraints(PATIENTS, "patients_patient"),
        ]
        indexes: ClassVar = [models.Index(fields=["center", "id"], name="patients_patient_center")]

    def __str__(self) -> str:
        return self.registry_number


class PatientIdentity(models.Model):
    """Direct identifiers of a record, in schema `ident`.

    `sealed` holds all of them as AES-GCM ciphertext under the record's own data key; the plain
    `record_id` and `birth_date` beside it serve matching and date checks inside the database and
    never enter an audit event (the sealed form does).
    """

    patient = models.OneToOneField(
        Patient, models.PROTECT, primary_key=True, related_name="identity", db_constraint=False
    )
    center = models.ForeignKey(Center, models.PROTECT, related_name="+", db_index=False)
    record_id = models.TextField()
    birth_date = column(PATIENTS, "birth_date")
    missing = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))
    sealed = models.BinaryField()
    mrn_index = models.BinaryField(null=True)

    class Meta:
        db_table = '"ident"."patient_identity"'
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["center", "record_id"], name="patient_identity_record_id"
            ),
            models.CheckConstraint(
                condition=~models.Q(record_id=""), name="patient_identity_record_id_value"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["center", "mrn_index"], name="patient_identity_mrn"),
            models.Index(fields=["center", "birth_date_lo"], name="patient_identity_birth"),
        ]

    def __str__(self) -> str:
        return "identity"


class DataKey(models.Model):
    """The key of one record's identifiers, wrapped by the key-encryption key `key_id`.

    Rotation rewraps these rows alone; destroying one makes its record's identifiers unreadable.
    """

    patient = models.OneToOneField(
        Patient, models.PROTECT, primary_key=True, related_name="+", db_constraint=False
    )
    center = models.ForeignKey(Center, models.PROTECT, related_name="+", db_index=False)
    key_id = models.TextField()
    wrapped = models.BinaryField()
    # Of an erased record: then `wrapped` is empty, and triggers keep it so.
    destroyed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = '"ident"."data_key"'

    def __str__(self) -> str:
        return self.key_id


class IndexKey(models.Model):
    """The one key of the blind index, wrapped; separate, so that rotation leaves the index valid."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    key_id = models.TextField()
    wrapped = models.BinaryField()

    class Meta:
        db_table = '"ident"."index_key"'
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(id=1), name="index_key_one")
        ]

    def __str__(self) -> str:
        return self.key_id


class Erasure(models.Model):
    """A record whose direct identifiers were destroyed on request of the person; kept for ever.

    `record_index` is the blind index of the record ID it had: a later entry of it is refused.
    """

    patient = models.OneToOneField(
        Patient, models.PROTECT, primary_key=True, related_name="erasure", db_constraint=False
    )
    center = models.ForeignKey(Center, models.PROTECT, related_name="+", db_index=False)
    record_index = models.BinaryField(null=True)
    requested_on = models.DateField()
    reason = models.TextField()
    erased_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    erased_at = models.DateTimeField()

    class Meta:
        db_table = "patients_erasure"

    def __str__(self) -> str:
        return f"erased on {self.erased_at:%Y-%m-%d}"


class DuplicateReview(models.Model):
    """What a data manager found of two records of two centers that may be one person.

    It belongs to no center: a center must not learn that another one has the same person.
    """

    first = models.ForeignKey(Patient, models.PROTECT, related_name="+")
    second = models.ForeignKey(Patient, models.PROTECT, related_name="+")
    verdict = models.TextField()
    note = models.TextField()
    reviewed_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    reviewed_at = models.DateTimeField()

    class Meta:
        db_table = "patients_duplicate_review"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["first", "second"], name="patients_duplicate_review_pair"
            ),
            models.CheckConstraint(
                condition=models.Q(first__lt=models.F("second")),
                name="patients_duplicate_review_order",
            ),
            models.CheckConstraint(
                condition=models.Q(verdict__in=["same", "different"]),
                name="patients_duplicate_review_verdict",
            ),
        ]

    def __str__(self) -> str:
        return self.verdict


class RecordRow(ClinicalRow):
    """A row of a record's form."""

    patient = models.ForeignKey(
        Patient, models.PROTECT, related_name="%(class)s_rows", db_constraint=False, db_index=False
    )

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.form.row_title


def row_index(table: str) -> list[models.Index]:
    """One index by record serves every form."""
    return [models.Index(fields=["patient", "center"], name=f"{table}_row")]


class PriorTherapy(RecordRow):
    """A therapy before the first HD IL-2."""

    form = PRIOR_THERAPIES
    start_date = column(PRIOR_THERAPIES, "start_date")
    end_date = column(PRIOR_THERAPIES, "end_date")
    therapy_class = column(PRIOR_THERAPIES, "therapy_class")
    agent = column(PRIOR_THERAPIES, "agent")
    setting = column(PRIOR_THERAPIES, "setting")

    class Meta:
        db_table = "patients_prior_therapy"
        constraints: ClassVar = row_constraints(PRIOR_THERAPIES, db_table)
        indexes: ClassVar = row_index(db_table)


class Course(RecordRow):
    """An HD IL-2 course of one or two one-week cycles."""

    form = COURSES
    course_number = column(COURSES, "course_number")
    intent = column(COURSES, "intent")
    dose_level = column(COURSES, "dose_level")
    dose_unit_as_written = column(COURSES, "dose_unit_as_written")
    concurrent = column(COURSES, "concurrent")
    stop_reason = column(COURSES, "stop_reason")

    class Meta:
        db_table = "patients_course"
        constraints: ClassVar = [
            *row_constraints(COURSES, db_table),
            models.UniqueConstraint(
                fields=["id", "patient", "center"], name="patients_course_id_patient"
            ),
            models.UniqueConstraint(
                fields=["center", "patient", "course_number"],
                name="patients_course_number",
                condition=models.Q(retracted=False),
            ),
        ]
        indexes: ClassVar = row_index(db_table)


class Cycle(RecordRow):
    """A one-week cycle of a course."""

    form = CYCLES
    course = models.ForeignKey(
        Course, models.PROTECT, related_name="cycles", db_constraint=False, db_index=False
    )
    cycle_number = column(CYCLES, "cycle_number")
    start_date = column(CYCLES, "start_date")
    doses_planned = column(CYCLES, "doses_planned")
    doses_given = column(CYCLES, "doses_given")
    weight_kg = column(CYCLES, "weight_kg")
    hold_reasons = column(CYCLES, "hold_reasons")
    worst_toxicity_grade = column(CYCLES, "worst_toxicity_grade")
    toxicity_criteria = column(CYCLES, "toxicity_criteria")
    icu = column(CYCLES, "icu")
    vasopressors = column(CYCLES, "vasopressors")

    class Meta:
        db_table = "patients_cycle"
        constraints: ClassVar = [
            *row_constraints(CYCLES, db_table),
            models.UniqueConstraint(
                fields=["center", "course", "cycle_number"],
                name="patients_cycle_number",
                condition=models.Q(retracted=False),
            ),
        ]
        indexes: ClassVar = row_index(db_table)


class Assessment(RecordRow):
    """A disease assessment. `retracted` is the dictionary's status."""

    form = ASSESSMENTS
    date = column(ASSESSMENTS, "date")
    response = column(ASSESSMENTS, "response")
    basis = column(ASSESSMENTS, "basis")
    criteria = column(ASSESSMENTS, "criteria")
    modality = column(ASSESSMENTS, "modality")
    new_lesion = column(ASSESSMENTS, "new_lesion")

    class Meta:
        db_table = "patients_assessment"
        constraints: ClassVar = row_constraints(ASSESSMENTS, db_table)
        indexes: ClassVar = row_index(db_table)


class LocalTherapy(RecordRow):
    """A local therapy after the first HD IL-2."""

    form = LOCAL_THERAPIES
    date = column(LOCAL_THERAPIES, "date")
    modality = column(LOCAL_THERAPIES, "modality")
    site = column(LOCAL_THERAPIES, "site")
    indication = column(LOCAL_THERAPIES, "indication")
    rendered_ned = column(LOCAL_THERAPIES, "rendered_ned")
    margin = column(LOCAL_THERAPIES, "margin")
    viable_tumor = column(LOCAL_THERAPIES, "viable_tumor")
    dose_gy = column(LOCAL_THERAPIES, "dose_gy")
    fractions = column(LOCAL_THERAPIES, "fractions")

    class Meta:
        db_table = "patients_local_therapy"
        constraints: ClassVar = row_constraints(LOCAL_THERAPIES, db_table)
        indexes: ClassVar = row_index(db_table)


class SystemicTherapy(RecordRow):
    """A systemic therapy after the first HD IL-2."""

    form = SYSTEMIC_THERAPIES
    start_date = column(SYSTEMIC_THERAPIES, "start_date")
    end_date = column(SYSTEMIC_THERAPIES, "end_date")
    therapy_class = column(SYSTEMIC_THERAPIES, "therapy_class")
    agent = column(SYSTEMIC_THERAPIES, "agent")
    indication = column(SYSTEMIC_THERAPIES, "indication")

    class Meta:
        db_table = "patients_systemic_therapy"
        constraints: ClassVar = row_constraints(SYSTEMIC_THERAPIES, db_table)
        indexes: ClassVar = row_index(db_table)


class FollowUp(RecordRow):
    """A contact, with the attestation of later systemic therapy."""

    form = FOLLOW_UPS
    date = column(FOLLOW_UPS, "date")
    source = column(FOLLOW_UPS, "source")
    vital_status = column(FOLLOW_UPS, "vital_status")
    disease_status = column(FOLLOW_UPS, "disease_status")
    systemic_therapy_since_il2 = column(FOLLOW_UPS, "systemic_therapy_since_il2")
    second_malignancy = column(FOLLOW_UPS, "second_malignancy")

    class Meta:
        db_table = "patients_follow_up"
        constraints: ClassVar = row_constraints(FOLLOW_UPS, db_table)
        indexes: ClassVar = row_index(db_table)


class RecordVersion(models.Model):
    """One row a record, bumped by triggers once per transaction that touches any of its rows.

    It orders writers of one record, carries the version of optimistic concurrency, and is where
    the record-level checks and the stale mark hang.
    """

    patient = models.OneToOneField(
        Patient, models.PROTECT, primary_key=True, related_name="version_row", db_constraint=False
    )
    center = models.ForeignKey(Center, models.PROTECT, related_name="+", db_index=False)
    version = models.BigIntegerField()
    changed_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "patients_record_version"

    def __str__(self) -> str:
        return str(self.version)


class Signature(models.Model):
    """A person's word about the whole record; what it says of itself is filled in by a trigger.

    `record_hash` is that of the canonical record (docs/signatures.md) of `dictionary_version`. A
    later change of the record's content breaks the signature; it is kept and says by what.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    center = models.ForeignKey(Center, models.PROTECT, related_name="+", db_index=False)
    patient = models.ForeignKey(
        Patient, models.PROTECT, related_name="signatures", db_constraint=False, db_index=False
    )
    meaning = models.TextField()
    meaning_version = models.SmallIntegerField()
    meaning_text = models.TextField()
    signer = models.ForeignKey(User, models.PROTECT, related_name="+")
    signer_name = models.TextField()
    signer_role = models.TextField()
    signed_at = models.DateTimeField()
    record_version = models.BigIntegerField()
    dictionary_version = models.SmallIntegerField()
    record_hash = models.BinaryField()
    seal_number = models.BigIntegerField(null=True)
    broken_at = models.DateTimeField(null=True)
    broken_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    broken_by_name = models.TextField(blank=True)
    broken_by_event = models.BigIntegerField(null=True)
    broken_reason = models.TextField(blank=True)

    class Meta:
        db_table = "patients_signature"
        indexes: ClassVar = [
            models.Index(fields=["patient", "center"], name="patients_signature_record")
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(meaning__in=["verified", "approved"]),
                name="patients_signature_meaning",
            ),
            models.UniqueConstraint(
                fields=["center", "patient", "meaning"],
                condition=models.Q(broken_at__isnull=True),
                name="patients_signature_standing",
            ),
        ]

    def __str__(self) -> str:
        return self.meaning

    @property
    def hash_text(self) -> str:
        """The record hash in hexadecimal."""
        return bytes(self.record_hash).hex()


class Lock(models.Model):
    """While `unlocked_at` is empty, the database refuses to write any row of the record."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    center = models.ForeignKey(Center, models.PROTECT, related_name="+", db_index=False)
    patient = models.ForeignKey(
        Patient, models.PROTECT, related_name="locks", db_constraint=False, db_index=False
    )
    locked_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    locked_by_name = models.TextField()
    locked_at = models.DateTimeField()
    reason = models.TextField()
    unlocked_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    unlocked_by_name = models.TextField(blank=True)
    unlocked_at = models.DateTimeField(null=True)
    unlock_reason = models.TextField(blank=True)

    class Meta:
        db_table = "patients_lock"
        indexes: ClassVar = [
            models.Index(fields=["patient", "center"], name="patients_lock_record")
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=~models.Q(reason=""), name="patients_lock_reason"),
            models.CheckConstraint(
                condition=models.Q(unlocked_at__isnull=True, unlock_reason="")
                | (models.Q(unlocked_at__isnull=False) & ~models.Q(unlock_reason="")),
                name="patients_lock_unlock_reason",
            ),
            models.UniqueConstraint(
                fields=["center", "patient"],
                condition=models.Q(unlocked_at__isnull=True),
                name="patients_lock_standing",
            ),
        ]

    def __str__(self) -> str:
        return "locked" if self.unlocked_at is None else "unlocked"


class Draft(models.Model):
    """What somebody typed on a form page and has not saved; it enters no record and no figure.

    `address` is the page (no identifier stands in one). `sealed` holds the heading and the boxes,
    which may name a person, as AES-GCM ciphertext (patients.identity.seal_draft). `version` is the
    version of the record when the typing began. Seen by its writer alone; not audited.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    center = models.ForeignKey(Center, models.PROTECT, related_name="+", db_index=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="+", db_index=False)
    address = models.CharField(max_length=300)
    record = models.UUIDField(null=True)
    version = models.BigIntegerField(null=True)
    sealed = models.BinaryField()
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "patients_draft"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["center", "user", "address"], name="patients_draft_page"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["updated_at"], name="patients_draft_updated"),
            models.Index(fields=["record"], name="patients_draft_record"),
        ]

    def __str__(self) -> str:
        return "draft"


ROW_MODELS: dict[str, type[RecordRow]] = {
    model.form.name: model
    for model in (
        PriorTherapy,
        Course,
        Cycle,
        Assessment,
        LocalTherapy,
        SystemicTherapy,
        FollowUp,
    )
}
