"""Tables of imports through the browser: the job, what was uploaded, what was found, known columns.

Whatever may identify a person (uploaded files, previews, reports, headers) is AES-GCM ciphertext
(patients.identity.seal_file) and goes at `expires_at`; the job itself stays as the list of imports.
"""

from __future__ import annotations

import uuid
from typing import ClassVar, Final

from django.db import models
from django.utils.translation import gettext_lazy as _

from centers.models import Center, User


class ImportState(models.TextChoices):
    """Where an import stands. The worker has something to do in those of WORK."""

    CHECKING = "checking", _("Being checked")
    COLUMNS = "columns", _("Columns to name")
    REFUSED = "refused", _("Errors found")
    READY = "ready", _("Ready to import")
    SAME = "same", _("Nothing to change")
    COMMITTING = "committing", _("Being imported")
    COMMITTED = "committed", "Imported"
    OUTDATED = "outdated", _("Preview out of date")
    UNDOING = "undoing", _("Being undone")
    UNDONE = "undone", "Undone"
    FAILED = "failed", "Stopped"
    DISCARDED = "discarded", "Discarded"
    EXPIRED = "expired", "Expired"


WORK: Final = (ImportState.CHECKING, ImportState.COMMITTING, ImportState.UNDOING)
# Nothing was imported so far: it may be checked anew, or thrown away.
OPEN: Final = (
    ImportState.COLUMNS,
    ImportState.REFUSED,
    ImportState.READY,
    ImportState.SAME,
    ImportState.OUTDATED,
    ImportState.FAILED,
)


class ImportJob(models.Model):
    """One upload and what became of it. `user` uploaded it, `asked_by` asked for the last step.

    `counts` holds numbers only; `problem` is a code of what stopped the last step; `digest` tells
    the versions of the records that the preview was made of. Seen by its center.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    center = models.ForeignKey(Center, models.PROTECT, related_name="+", db_index=False)
    user = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    state = models.CharField(max_length=20, choices=ImportState.choices)
    kind = models.CharField(max_length=10, blank=True)
    size = models.BigIntegerField()
    reason = models.CharField(max_length=500, blank=True)
    counts = models.JSONField(default=dict)
    digest = models.CharField(max_length=64, blank=True)
    problem = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    committed_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "patients_import_job"
        indexes: ClassVar = [
            models.Index(fields=["center", "-created_at"], name="patients_import_job_list"),
            # The sweep asks every few seconds.
            models.Index(
                fields=["changed_at"],
                condition=models.Q(state__in=[state.value for state in WORK]),
                name="patients_import_job_work",
            ),
        ]

    def __str__(self) -> str:
        return "import"

    @property
    def is_working(self) -> bool:
        """Whether the worker has something to do."""
        return self.state in WORK

    @property
    def is_open(self) -> bool:
        """Whether nothing of it was imported and it can still be."""
        return self.state in OPEN


class ImportRun(models.Model):
    """How far the worker is with a step, and how often it has begun it. Written by the worker."""

    job = models.OneToOneField(
        ImportJob, models.CASCADE, primary_key=True, related_name="run", db_constraint=False
    )
    center = models.ForeignKey(Center, models.PROTECT, related_name="+", db_index=False)
    attempts = models.SmallIntegerField()
    progress = models.CharField(max_length=100, blank=True)

    class Meta:
        db_table = "patients_import_run"

    def __str__(self) -> str:
        return "run"


class ImportPart(models.Model):
    """Rows that go with a job, sealed. No foreign key of Django's: the database has a composite one."""

    job = models.ForeignKey(
        ImportJob, models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    center = models.ForeignKey(Center, models.PROTECT, related_name="+", db_index=False)
    sealed = models.BinaryField()

    class Meta:
        abstract = True


class ImportContent(ImportPart):
    """The uploaded file of a job."""

    class Meta:
        db_table = "patients_import_content"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["center", "job"], name="patients_import_content_job")
        ]

    def __str__(self) -> str:
        return "content"


class ImportPage(ImportPart):
    """One page of what a job found: `number` counts from 0 within its `stream`."""

    stream = models.CharField(max_length=20)
    number = models.IntegerField()

    class Meta:
        db_table = "patients_import_page"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["center", "job", "stream", "number"], name="patients_import_page_place"
            )
        ]

    def __str__(self) -> str:
        return f"{self.stream} {self.number}"


class ImportColumns(models.Model):
    """How a center's own files, sheets and columns are called, remembered from its last import."""

    center = models.OneToOneField(Center, models.PROTECT, related_name="+", primary_key=True)
    sealed = models.BinaryField()
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "patients_import_columns"

    def __str__(self) -> str:
        return "columns"
