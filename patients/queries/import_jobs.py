"""Reading imports of the reader's centers: the list, and what the worker found, opened page by page."""

from __future__ import annotations

import json
import uuid
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db.models import QuerySet

from patients.identity import SealBroken, load_index_key, unseal_file
from patients.models import ImportColumns, ImportContent, ImportJob, ImportPage, Patient

# How long an upload that nobody imports is kept, and how long an import can be undone.
KEPT: Final = timedelta(days=7)
UNDO_KEPT: Final = timedelta(days=30)
# Items on a stored page.
PER_PAGE: Final = 25
# Streams of pages. Cells: rows of the bundle by what becomes of them, in the order of reading.
CELLS: Final = ("error", "changed", "retracted", "new", "unchanged")
EFFECTS: Final = ("effect", "steady")
FINDINGS: Final = "finding"
UNNAMED: Final = "unnamed"
USED_COLUMNS: Final = "columns"
UNDO: Final = "undo"
CONFLICTS: Final = "conflict"
CONTENT: Final = "content"

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Listing:
    """Items on one page of some streams. `number` from 1 of `pages`."""

    items: Sequence[Item]
    number: int
    pages: int

    @property
    def previous(self) -> int | None:
        """The page before."""
        return self.number - 1 if self.number > 1 else None

    @property
    def next(self) -> int | None:
        """The page behind."""
        return self.number + 1 if self.number < self.pages else None


def owner_of(job: uuid.UUID, stream: str, number: int) -> str:
    """Whose ciphertext: bound into it, so that it cannot be moved to another import or place."""
    return f"import|{job}|{stream}|{number}"


def columns_owner(center_id: int) -> str:
    """The same of a center's remembered columns."""
    return f"import columns|{center_id}"


def import_jobs(center_ids: Collection[int]) -> QuerySet[ImportJob]:
    """Imports of these centers, the newest first."""
    jobs = ImportJob.objects.filter(center_id__in=center_ids)
    return jobs.select_related("center", "user", "asked_by").order_by("-created_at", "-id")


def find_import(public_id: uuid.UUID, center_ids: Collection[int]) -> ImportJob | None:
    """An import of one of these centers."""
    return import_jobs(center_ids).select_related("run").filter(public_id=public_id).first()


def read_content(job: ImportJob) -> bytes | None:
    """The uploaded file; None when it is gone."""
    row = ImportContent.objects.filter(job_id=job.pk).first()
    if row is None:
        return None
    return unseal_file(load_index_key(), owner_of(job.public_id, CONTENT, 0), bytes(row.sealed))


def has_content(job: ImportJob) -> bool:
    """Whether the uploaded file is still there."""
    return ImportContent.objects.filter(job_id=job.pk).exists()


def read_listing(job: ImportJob, streams: Sequence[str], number: int) -> Listing:
    """One page of these streams, read one behind the other; the nearest there is."""
    groups = _groups(job, streams)
    if not groups:
        return Listing((), 1, 1)
    number = min(max(number, 1), len(groups))
    items = [item for place in groups[number - 1] for item in _open(job, *place)]
    return Listing(items, number, len(groups))


def _groups(job: ImportJob, streams: Sequence[str]) -> list[list[tuple[str, int]]]:
    """Stored pages that are shown together: the last one of a stream may hold few items."""
    places = list(
        ImportPage.objects.filter(job_id=job.pk, stream__in=streams).values_list("stream", "number")
    )
    places.sort(key=lambda place: (streams.index(place[0]), place[1]))
    listed = job.counts.get("listed", {})
    groups: list[list[tuple[str, int]]] = []
    filled = PER_PAGE
    for stream, number in places:
        if filled >= PER_PAGE:
            groups.append([])
            filled = 0
        groups[-1].append((stream, number))
        filled += min(PER_PAGE, listed.get(stream, PER_PAGE) - PER_PAGE * number)
    return groups


def read_all(job: ImportJob, stream: str) -> Iterator[Item]:
    """Every item of a stream."""
    numbers = ImportPage.objects.filter(job_id=job.pk, stream=stream).order_by("number")
    for number in list(numbers.values_list("number", flat=True)):
        yield from _open(job, stream, number)


def _open(job: ImportJob, stream: str, number: int) -> list[Item]:
    row = ImportPage.objects.get(job_id=job.pk, stream=stream, number=number)
    owner = owner_of(job.public_id, stream, number)
    packed = unseal_file(load_index_key(), owner, bytes(row.sealed))
    items: list[Item] = json.loads(zlib.decompress(packed))
    return items


def read_columns(center_id: int) -> dict[str, Any]:
    """What the center calls its files and columns; empty when nothing is remembered or readable."""
    row = ImportColumns.objects.filter(center_id=center_id).first()
    if row is None:
        return {}
    try:
        body = unseal_file(load_index_key(), columns_owner(center_id), bytes(row.sealed))
    except SealBroken:
        return {}
    found: dict[str, Any] = json.loads(body)
    return found


def registry_numbers(patient_ids: Collection[int]) -> list[tuple[str, uuid.UUID]]:
    """Registry numbers and public ids of records in scope."""
    rows = Patient.objects.filter(id__in=patient_ids).order_by("registry_number")
    return list(rows.values_list("registry_number", "public_id"))
