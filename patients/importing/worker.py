"""The worker's part of imports: checking with preview, committing, undoing; each exactly once.

The row of the import is the truth and a message only a hint. All that a step writes, the import's new
state included, is one transaction: a worker that is killed leaves the step to be done again. A lock
of the database, held while the step runs, keeps a second worker out; it dies with its worker.
"""

from __future__ import annotations

import logging
import uuid
import zipfile
from collections.abc import Callable
from io import BytesIO
from typing import Any, Final

from django.db import connection, connections, transaction
from django.utils import timezone
from django.utils.translation import override

from centers.access import Scope, acting, scope_of
from centers.models import User
from centers.roles import Permission
from patients.actions.changes import Refused
from patients.actions.import_jobs import worker_alias
from patients.import_jobs import WORK, ImportState
from patients.importing.bundle import open_upload
from patients.importing.columns import Columns, Unnamed, find_unnamed
from patients.importing.findings import FindingLog
from patients.importing.pages import Pages
from patients.importing.preview import Preview, add_findings
from patients.importing.report import ImportResult
from patients.importing.run import IMPORT_LOCK, ImportOptions, import_bundle
from patients.importing.undoing import ChangedSince, Notes, undo
from patients.models import ImportContent, ImportJob, ImportPage
from patients.queries.import_jobs import (
    CONFLICTS,
    UNDO_KEPT,
    UNNAMED,
    USED_COLUMNS,
    read_all,
    read_columns,
    read_content,
    registry_numbers,
)

logger = logging.getLogger(__name__)

MOST_ATTEMPTS: Final = 3
# The preview runs as if a reason were given; nothing of it is kept.
_PREVIEW_REASON: Final = "preview"
_XLSX_PART: Final = "[Content_Types].xml"
_RUNNING: Final = """
    insert into patients_import_run as run (job_id, center_id, attempts, progress)
    values (%s, %s, 1, '')
    on conflict (job_id) do update set attempts = run.attempts + 1, progress = ''
    returning attempts
"""


class _Overtaken(Exception):
    """Somebody moved the import on meanwhile: what was done is undone."""


class _Outdated(Exception):
    """The records are not those any more that the preview was made of."""


def waiting() -> list[uuid.UUID]:
    """Imports with a step to be done, the longest waiting first."""
    using = worker_alias()
    with transaction.atomic(using=using):
        jobs = ImportJob.objects.using(using).filter(state__in=WORK).order_by("changed_at", "id")
        return list(jobs.values_list("public_id", flat=True))


@override(None)  # what is stored is English, whoever reads it (docs/adr/0063)
def work(public_id: uuid.UUID) -> bool:
    """Do the step that is asked for, if any; whether it was this worker's.

    Another import that runs is waited for by coming again. Raises what the database raises; the
    step is then tried again, and given up after MOST_ATTEMPTS.
    """
    using = worker_alias()
    with transaction.atomic(using=using):
        found = ImportJob.objects.using(using).filter(public_id=public_id, state__in=WORK).first()
        if found is None:
            return False
        user = User.objects.using(using).get(pk=found.asked_by_id)
    scope = scope_of(user)
    with acting(scope):
        if not (user.is_active and scope.may(Permission.IMPORT_RECORDS, found.center_id)):
            _give_up(found, "rights")
            return True
        return _locked(found, scope)


def _locked(found: ImportJob, scope: Scope) -> bool:
    """Run the step alone; what it raises besides faults of the database becomes a state."""
    try:
        with transaction.atomic():
            if not _take_turn():
                return False
            if _begin(found) > MOST_ATTEMPTS:
                _give_up(found, "attempts")
                return True
            job = ImportJob.objects.select_related("center").get(pk=found.pk)
            if job.state not in WORK:
                return False
            _STEPS[ImportState(job.state)](job, scope)
    except _Overtaken:
        return False
    except (_Outdated, ChangedSince, Refused) as refusal:
        with transaction.atomic():
            _refuse(found, refusal)
    _forget(found)
    return True


def _take_turn() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s)", [IMPORT_LOCK])
        return bool(cursor.fetchone()[0])


def _begin(job: ImportJob) -> int:
    """Count the attempt, at once and for good: a worker may be killed by what comes."""
    using = worker_alias()
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(_RUNNING, [job.pk, job.center_id])
        return int(cursor.fetchone()[0])


def _forget(job: ImportJob) -> None:
    using = worker_alias()
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute("delete from patients_import_run where job_id = %s", [job.pk])


def _give_up(job: ImportJob, problem: str) -> None:
    """End a step that cannot be done. An import that was committed stays so."""
    using = worker_alias()
    is_undo = job.state == ImportState.UNDOING
    state = ImportState.COMMITTED if is_undo else ImportState.FAILED
    with transaction.atomic(using=using):
        ImportJob.objects.using(using).filter(pk=job.pk, state=job.state).update(
            state=state, problem=problem, changed_at=timezone.now()
        )
    _forget(job)


def _progress(job: ImportJob) -> Callable[[str], None]:
    """Tells how far a step is, beside its transaction. Only numbers: file names are people's own."""
    using = worker_alias()

    def tell(text: str) -> None:
        if using == "default" or not text[:1].isdigit():
            return
        with transaction.atomic(using=using), connections[using].cursor() as cursor:
            cursor.execute(
                "update patients_import_run set progress = %s where job_id = %s",
                [text[:100], job.pk],
            )

    return tell


def _finish(job: ImportJob, state: ImportState, **values: Any) -> None:
    """The state behind the step, in its transaction."""
    moved = ImportJob.objects.filter(pk=job.pk, state=job.state).update(
        state=state, changed_at=timezone.now(), **values
    )
    if not moved:
        raise _Overtaken


def _check(job: ImportJob, scope: Scope) -> None:
    content = read_content(job)
    if content is None:
        _finish(job, ImportState.EXPIRED)
        return
    kept = read_columns(job.center_id)
    columns = Columns(kept.get("names", {}), kept.get("headers", {}), job.center.code)
    ImportPage.objects.filter(job_id=job.pk).delete()
    pages, kind = Pages(job), _kind(content)
    if unnamed := _unnamed(content, columns):
        pages.add(UNNAMED, {"names": unnamed.names, "headers": dict(unnamed.headers)})
        pages.store()
        _finish(job, ImportState.COLUMNS, kind=kind)
        return
    preview = Preview(pages)
    options = ImportOptions(
        content, job.center.code, reason=_PREVIEW_REASON, dry_run=True, columns=columns
    )
    result = import_bundle(actor=scope, options=options, progress=_progress(job), watcher=preview)
    pages.add(USED_COLUMNS, columns.as_json())
    add_findings(pages, result.log)
    pages.store()
    state = ImportState.READY if result.changes else ImportState.SAME
    counts = {**_counts(result), "effect": preview.effect, "found": dict(pages.found)}
    counts["listed"] = dict(pages.listed)
    _finish(
        job,
        ImportState.REFUSED if result.log.refused else state,
        kind=kind,
        counts=counts,
        digest=preview.digest,
    )


def _unnamed(content: bytes, columns: Columns) -> Unnamed:
    log = FindingLog()
    with open_upload(content, columns.names, log) as tables:
        return find_unnamed(tables, columns, log)


def _kind(content: bytes) -> str:
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            return "xlsx" if _XLSX_PART in archive.namelist() else "zip"
    except (zipfile.BadZipFile, ValueError, OSError):
        return ""


def _counts(result: ImportResult) -> dict[str, Any]:
    """Numbers alone."""
    rows: dict[str, dict[str, int]] = {}
    for (form, kind), number in result.rows.items():
        rows.setdefault(form, {})[kind] = number
    return {
        "read": result.rows_read,
        "records": dict(result.records),
        "rows": rows,
        "hard": result.log.total("hard"),
        "soft": result.log.total("soft"),
    }


def _commit(job: ImportJob, scope: Scope) -> None:
    content = read_content(job)
    if content is None:
        _finish(job, ImportState.EXPIRED)
        return
    used = next(iter(read_all(job, USED_COLUMNS)), {})
    columns = Columns(used.get("names", {}), used.get("headers", {}), job.center.code)
    pages = Pages(job)
    notes = Notes(pages)
    options = ImportOptions(content, job.center.code, reason=job.reason, columns=columns)
    result = import_bundle(actor=scope, options=options, progress=_progress(job), watcher=notes)
    if notes.digest != job.digest or result.log.refused or not result.written:
        raise _Outdated
    pages.store()
    ImportContent.objects.filter(job_id=job.pk).delete()
    now = timezone.now()
    _finish(job, ImportState.COMMITTED, committed_at=now, expires_at=now + UNDO_KEPT)


def _undo(job: ImportJob, scope: Scope) -> None:
    undo(actor=scope, job=job, reason=job.reason)
    _finish(job, ImportState.UNDONE)


def _refuse(found: ImportJob, refusal: Exception) -> None:
    """The step was undone; say why."""
    job = ImportJob.objects.get(pk=found.pk)
    if isinstance(refusal, _Outdated):
        _finish(job, ImportState.OUTDATED)
        return
    pages = Pages(job)
    if isinstance(refusal, ChangedSince):
        for number, public_id in registry_numbers(refusal.patient_ids):
            pages.add(CONFLICTS, {"number": number, "record": str(public_id)})
        problem = "changed"
    else:
        assert isinstance(refusal, Refused)
        for one in refusal.findings:
            text = f"{one.form}: {one.message}"
            pages.add(CONFLICTS, {"check": one.check, "message": text})
        problem = "refused"
    pages.store()
    _finish(job, ImportState.COMMITTED, problem=problem)


_STEPS: Final[dict[ImportState, Callable[[ImportJob, Scope], None]]] = {
    ImportState.CHECKING: _check,
    ImportState.COMMITTING: _commit,
    ImportState.UNDOING: _undo,
}
