"""Steps of an import that a person asks for. The worker does the work (patients.importing.worker).

A step is asked for by moving the import's state, once: a second press, or another person's, finds
another state and is told so.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, Final

from django.db import connections, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from centers.access import Scope, acting
from centers.roles import Permission
from patients.identity import load_index_key, seal_file
from patients.import_jobs import OPEN, ImportState
from patients.models import ImportColumns, ImportContent, ImportJob, ImportPage
from patients.queries.import_jobs import (
    CONTENT,
    KEPT,
    UNDO,
    columns_owner,
    has_content,
    owner_of,
)

# Bytes of an upload: a center's ten years as CSV in a zip take less than one of these.
MOST_BYTES: Final = 16 << 20
# Uploads of one center that wait for somebody.
MOST_OPEN: Final = 20
# Every zip and every workbook begins so; an empty zip does not.
ZIP_MARK: Final = b"PK\x03\x04"
_OLD_OFFICE: Final = b"\xd0\xcf\x11\xe0"


class UploadRefused(Exception):
    """Nothing was kept; the text says why and how to mend it."""


class WrongState(Exception):
    """Nothing was done: the import is not, or no longer, in a state for this step."""


class ReasonMissing(Exception):
    """Nothing was done: saved values change, and that needs a reason."""


def create_import(*, actor: Scope, center_id: int, content: bytes) -> ImportJob:
    """Keep an upload, sealed, to be checked. Raises UploadRefused, PermissionDenied."""
    actor.require(Permission.IMPORT_RECORDS, center_id)
    _refuse_content(content)
    now = timezone.now()
    with acting(actor), transaction.atomic():
        if ImportJob.objects.filter(center_id=center_id, state__in=OPEN).count() >= MOST_OPEN:
            raise UploadRefused(
                _("%(n)s uploads of this center wait already. Import or discard some of them.")
                % {"n": MOST_OPEN}
            )
        job = ImportJob.objects.create(
            center_id=center_id,
            user_id=actor.actor_id,
            asked_by_id=actor.actor_id,
            state=ImportState.CHECKING,
            size=len(content),
            created_at=now,
            changed_at=now,
            expires_at=now + KEPT,
        )
        sealed = seal_file(load_index_key(), owner_of(job.public_id, CONTENT, 0), content)
        ImportContent.objects.create(job=job, center_id=center_id, sealed=sealed)
    return job


def _refuse_content(content: bytes) -> None:
    """By what the file is, whatever it is called."""
    if not content:
        raise UploadRefused(_("The file is empty. Choose the bundle that you want to import."))
    if len(content) > MOST_BYTES:
        raise UploadRefused(too_large())
    if content.startswith(_OLD_OFFICE):
        raise UploadRefused(
            _(
                "The file is a workbook of the old kind (XLS) or has a password. Save it as XLSX without one."
            )
        )
    if not content.startswith(ZIP_MARK):
        raise UploadRefused(
            _(
                "The file is neither a zip nor an XLSX workbook. Pack your CSV files into a zip, or save"
                " the workbook as XLSX."
            )
        )


def too_large() -> str:
    """What is said of an upload beyond the limit."""
    return _("The file has more than %(megabytes)s MB. Split the bundle by records.") % {
        "megabytes": MOST_BYTES >> 20
    }


def name_columns(*, actor: Scope, job: ImportJob, columns: dict[str, Any]) -> None:
    """Remember what the center calls its files and columns, and check the upload by it."""
    actor.require(Permission.IMPORT_RECORDS, job.center_id)
    with acting(actor), transaction.atomic():
        _move(actor, job, (ImportState.COLUMNS,), ImportState.CHECKING)
        body = json.dumps(columns).encode()
        sealed = seal_file(load_index_key(), columns_owner(job.center_id), body)
        ImportColumns.objects.bulk_create(
            [ImportColumns(center_id=job.center_id, sealed=sealed, updated_at=timezone.now())],
            update_conflicts=True,
            unique_fields=["center"],
            update_fields=["sealed", "updated_at"],
        )


def check_import(*, actor: Scope, job: ImportJob, forget: bool = False) -> None:
    """Check the upload and make its preview anew. Raises WrongState, also when the file is gone.

    `forget`: what the center calls its files and columns is asked again.
    """
    actor.require(Permission.IMPORT_RECORDS, job.center_id)
    with acting(actor), transaction.atomic():
        if not has_content(job):
            raise WrongState
        if forget:
            ImportColumns.objects.filter(center_id=job.center_id).delete()
        _move(actor, job, OPEN, ImportState.CHECKING)


def commit_import(*, actor: Scope, job: ImportJob, reason: str) -> None:
    """Have what the preview shows imported. Raises WrongState, ReasonMissing, PermissionDenied."""
    actor.require(Permission.IMPORT_RECORDS, job.center_id)
    if not reason.strip():
        raise ReasonMissing
    with acting(actor), transaction.atomic():
        _move(actor, job, (ImportState.READY,), ImportState.COMMITTING, reason=reason.strip())


def undo_import(*, actor: Scope, job: ImportJob, reason: str) -> None:
    """Have the import taken back. Raises WrongState, ReasonMissing, PermissionDenied."""
    actor.require(Permission.IMPORT_RECORDS, job.center_id)
    if not reason.strip():
        raise ReasonMissing
    with acting(actor), transaction.atomic():
        if not ImportPage.objects.filter(job_id=job.pk, stream=UNDO).exists():
            raise WrongState
        _move(actor, job, (ImportState.COMMITTED,), ImportState.UNDOING, reason=reason.strip())


def discard_import(*, actor: Scope, job: ImportJob) -> None:
    """Throw the upload and its preview away. Raises WrongState, PermissionDenied."""
    actor.require(Permission.IMPORT_RECORDS, job.center_id)
    with acting(actor), transaction.atomic():
        _move(actor, job, OPEN, ImportState.DISCARDED)
        ImportContent.objects.filter(job_id=job.pk).delete()
        ImportPage.objects.filter(job_id=job.pk).delete()


def _move(
    actor: Scope, job: ImportJob, allowed: Collection[str], to: ImportState, **values: Any
) -> None:
    """The one change of state that a person makes; of two at once the second finds it made."""
    moved = ImportJob.objects.filter(pk=job.pk, state__in=allowed).update(
        state=to,
        asked_by_id=actor.actor_id,
        problem="",
        changed_at=timezone.now(),
        **values,
    )
    if not moved:
        raise WrongState


def worker_alias() -> str:
    """The worker's own connection where there is one."""
    return "worker" if "worker" in connections else "default"


def purge_imports() -> int:
    """Delete what uploads and previews have expired; answers how many imports that were.

    Runs as the worker, which sees that they are there and cannot open them.
    """
    using = worker_alias()
    now = timezone.now()
    with transaction.atomic(using=using):
        old = list(
            ImportJob.objects.using(using)
            .filter(expires_at__lt=now)
            .exclude(state__in=(ImportState.COMMITTING, ImportState.UNDOING))
            .values_list("pk", flat=True)
        )
        ended = ImportJob.objects.using(using).filter(
            pk__in=old, state__in=[*OPEN, ImportState.CHECKING]
        )
        ended.update(state=ImportState.EXPIRED, changed_at=now)
        with connections[using].cursor() as cursor:
            for table in ("patients_import_content", "patients_import_page"):
                cursor.execute(f"delete from {table} where job_id = any(%s)", [old])  # noqa: S608
    return len(old)
