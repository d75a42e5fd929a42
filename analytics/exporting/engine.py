"""Building exports in the worker: claimed, built in a folder of work, kept by content, settled once.

A claim is the row in state `running` and a session lock of the database: a killed worker's lock goes
with its connection, and the next look takes the export up again. The end of a build is one
transaction that holds only while the row is still that attempt's.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from django.db import connections, transaction
from django.db.models import F, Q
from django.utils import timezone

from analytics.actions.exports import READY_DAYS
from analytics.export_jobs import ExportState
from analytics.exporting import risk, store
from analytics.exporting.choices import SUBJECTS
from analytics.exporting.formats import check_size, writer
from analytics.exporting.formats.base import Release, TooManyRows
from analytics.exporting.freezing import WORKER, freeze
from analytics.exporting.manifest import MANIFEST, SIGNATURE, manifest, sign
from analytics.exporting.rights import ProjectEnded, RightEnded, require_rights
from analytics.exporting.spool import Spooled, releasing, spool
from analytics.exporting.tables import RELEASES
from analytics.models import ExportJob
from analytics.projects import SAFE_HARBOR
from centers.access import acting, system_scope

logger = logging.getLogger(__name__)

MOST_ATTEMPTS: Final = 3
# A worker that ends while it builds leaves no word: restarts are forgiven, what kills it every time is not.
MOST_TAKEN: Final = 10
RETRY_SECONDS: Final = 30
_CLAIM_LOCK: Final = 0x48444934
_STORE_LOCK: Final = 0x48444935
_LIVE: Final = (ExportState.REVIEW, ExportState.READY)


class Overtaken(Exception):
    """The export was ended, or taken up anew, while it was being built."""


def build_waiting() -> int:
    """Build every export that waits and that no other worker builds; how many were taken up."""
    with acting(system_scope()):
        taken = 0
        for key in _waiting_keys():
            with _claimed(key) as job:
                if job is not None:
                    taken += 1
                    _build_or_fail(job)
        return taken


def _waiting_keys() -> list[int]:
    due = Q(lease_until=None) | Q(lease_until__lte=timezone.now())
    with transaction.atomic(using=WORKER):
        waiting = ExportJob.objects.using(WORKER).filter(
            due, state__in=(ExportState.QUEUED, ExportState.RUNNING)
        )
        return list(waiting.order_by("id").values_list("id", flat=True))


@contextmanager
def _claimed(key: int) -> Iterator[ExportJob | None]:
    """The export as this worker's own, or None when another has it or it waits no more."""
    connection = connections[WORKER]
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_lock(%s, %s)", [_CLAIM_LOCK, key])
        if not cursor.fetchone()[0]:
            yield None
            return
    try:
        yield _take(key)
    finally:
        if connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("select pg_advisory_unlock(%s, %s)", [_CLAIM_LOCK, key])


def _take(key: int) -> ExportJob | None:
    with transaction.atomic(using=WORKER):
        rows = ExportJob.objects.using(WORKER).filter(
            pk=key, state__in=(ExportState.QUEUED, ExportState.RUNNING)
        )
        taken = rows.update(
            state=ExportState.RUNNING, attempts=F("attempts") + 1, progress=1, stage="freezing"
        )
        if not taken:
            return None
        jobs = ExportJob.objects.using(WORKER).select_related("project", "cut", "requested_by")
        return jobs.get(pk=key)


def _build_or_fail(job: ExportJob) -> None:
    """Build it; an error is kept by its class alone, since its words could hold a value."""
    if job.attempts > MOST_TAKEN:
        _note_failure(job, "WorkerEnded", final=True)
        return
    try:
        require_rights(job)
        with store.workplace(str(job.public_id)) as folder:
            _build(job, folder)
    except Overtaken:
        return
    except (ProjectEnded, RightEnded, TooManyRows) as error:
        _note_failure(job, type(error).__name__, final=True)
    except Exception as error:  # whatever a library raises: the row must say so
        name = type(error).__name__
        logger.warning("An export could not be built (%s).", name)
        _note_failure(job, name, final=job.attempts >= MOST_ATTEMPTS)


def _build(job: ExportJob, folder: Path) -> None:
    freeze(job.cut)
    _advance(job, 20, "reading")
    with transaction.atomic(using=WORKER), connections[WORKER].cursor() as cursor:
        cursor.execute("select pseudonym.prepare(%s)", [job.public_id])
    tables: dict[str, Spooled] = {}
    released = RELEASES[job.profile]
    with releasing(job) as cursor:
        found = risk.report(cursor, job.profile, released[SUBJECTS])
        for name in job.recipe["tables"]:
            tables[name] = spool(cursor, job.profile, released[name], folder)
    check_size(Release(job.profile, tables), job.formats)
    _advance(job, 50, "writing")
    files = _write(job, Release(job.profile, tables), folder)
    _settle(job, files, found, folder)


def _write(job: ExportJob, release: Release, folder: Path) -> list[dict[str, Any]]:
    """Each format's files, described; the content stays in the folder of work."""
    files: list[dict[str, Any]] = []
    for number, name in enumerate(job.formats, 1):
        for written in writer(name)(release, folder):
            path = folder / written.name
            files.append(
                {
                    "name": written.name,
                    "format": name,
                    "table": written.table,
                    "media_type": written.media_type,
                    "sha256": store.sha256_of(path),
                    "bytes": path.stat().st_size,
                    "rows": written.rows,
                }
            )
        _advance(job, 50 + 45 * number // len(job.formats), "writing")
    return files


def _settle(
    job: ExportJob, files: list[dict[str, Any]], found: dict[str, Any], folder: Path
) -> None:
    """Keep the files and say so in one transaction, under the store's lock. Raises Overtaken."""
    content = manifest(job, files, found)
    (folder / MANIFEST).write_bytes(content)
    (folder / SIGNATURE).write_bytes(sign(content))
    extra = [
        _entry(folder / MANIFEST, "application/json"),
        _entry(folder / SIGNATURE, "text/plain; charset=utf-8"),
    ]
    now = timezone.now()
    open_gate = job.profile == SAFE_HARBOR and not risk.needs_review(found)
    state = ExportState.READY if open_gate else ExportState.REVIEW
    with _storing():
        rows = ExportJob.objects.using(WORKER).filter(
            pk=job.pk, state=ExportState.RUNNING, attempts=job.attempts
        )
        settled = rows.update(
            state=state,
            progress=100,
            stage="",
            risk=found,
            files=[*files, *extra],
            records=found["records"],
            manifest_sha256=extra[0]["sha256"],
            finished_at=now,
            expires_at=now + timedelta(days=READY_DAYS),
            error="",
        )
        if not settled:
            raise Overtaken
        for entry in (*files, *extra):
            store.keep(folder / entry["name"])


def _entry(path: Path, media_type: str) -> dict[str, Any]:
    return {
        "name": path.name,
        "format": "manifest",
        "table": "",
        "media_type": media_type,
        "sha256": store.sha256_of(path),
        "bytes": path.stat().st_size,
        "rows": None,
    }


def _advance(job: ExportJob, progress: int, stage: str) -> None:
    """Say how far it is. Raises Overtaken when the row is no longer this attempt's."""
    with transaction.atomic(using=WORKER):
        rows = ExportJob.objects.using(WORKER).filter(
            pk=job.pk, state=ExportState.RUNNING, attempts=job.attempts
        )
        if not rows.update(progress=progress, stage=stage):
            raise Overtaken


def _note_failure(job: ExportJob, name: str, *, final: bool) -> None:
    with transaction.atomic(using=WORKER):
        ExportJob.objects.using(WORKER).filter(
            pk=job.pk, state=ExportState.RUNNING, attempts=job.attempts
        ).update(
            state=ExportState.FAILED if final else ExportState.QUEUED,
            error=name,
            lease_until=timezone.now() + timedelta(seconds=RETRY_SECONDS * job.attempts),
        )


@contextmanager
def _storing() -> Iterator[None]:
    """A transaction in which files are kept or removed by nobody else."""
    with transaction.atomic(using=WORKER):
        with connections[WORKER].cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(%s)", [_STORE_LOCK])
        yield


def expire() -> int:
    """End exports whose time is over, and remove the files that no export offers any more; how many."""
    with acting(system_scope()), _storing():
        jobs = ExportJob.objects.using(WORKER)
        over = Q(expires_at__lte=timezone.now()) | Q(project__closed_at__isnull=False)
        jobs.filter(
            pk__in=list(jobs.filter(over, state__in=_LIVE).values_list("pk", flat=True))
        ).update(state=ExportState.EXPIRED)
        kept = {
            entry["sha256"]
            for files in jobs.filter(state__in=_LIVE).values_list("files", flat=True)
            for entry in files or ()
        }
        return store.remove_all_but(kept)
