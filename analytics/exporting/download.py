"""Sending a file of an export: whole or a range of it, each one an event of the audit trail first."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone

from analytics.exporting import store
from analytics.models import ExportJob
from centers.audit import EventKind, record_event

_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_BLOCK: Final = 1 << 18
OK, PARTIAL, NOT_MODIFIED, NOT_SATISFIABLE = 200, 206, 304, 416


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request asks of a file: its headers Range, If-Range and If-None-Match."""

    range: str = ""
    if_range: str = ""
    if_none_match: str = ""


def find_file(job: ExportJob, name: str) -> dict[str, Any] | None:
    """The entry of a file of an export that may be fetched now, or None."""
    if not job.is_fetchable(timezone.now()):
        return None
    return next((entry for entry in job.files or () if entry["name"] == name), None)


def send_file(
    job: ExportJob, entry: dict[str, Any], wanted: Wanted, *, client: str = ""
) -> HttpResponseBase:
    """The answer to a request for a file; `client`: the API client that asks.

    Who asks stands in the scope. The event comes before the first byte: a file that is gone or a
    trail that takes no event sends nothing. Raises FileNotFoundError when the store lost the file.
    """
    etag = f'"{entry["sha256"]}"'
    if etag in wanted.if_none_match or wanted.if_none_match.strip() == "*":
        return _headed(HttpResponse(status=NOT_MODIFIED), entry)
    size = int(entry["bytes"])
    part = _part(wanted, etag, size)
    if part is None:
        answer = HttpResponse(status=NOT_SATISFIABLE)
        answer["Content-Range"] = f"bytes */{size}"
        return _headed(answer, entry)
    first, last, partial = part
    path = store.place(entry["sha256"])
    if path.stat().st_size != size:
        raise FileNotFoundError(entry["name"])
    _record(job, entry, first, last, client)
    response = StreamingHttpResponse(
        _read(path, first, last),
        status=PARTIAL if partial else OK,
        content_type=entry["media_type"],
    )
    response["Content-Length"] = str(last - first + 1)
    if partial:
        response["Content-Range"] = f"bytes {first}-{last}/{size}"
    response["Content-Disposition"] = f'attachment; filename="{entry["name"]}"'
    return _headed(response, entry)


def _headed(response: HttpResponseBase, entry: dict[str, Any]) -> HttpResponseBase:
    digest = base64.b64encode(bytes.fromhex(entry["sha256"])).decode()
    response["ETag"] = f'"{entry["sha256"]}"'
    response["Repr-Digest"] = f"sha-256=:{digest}:"
    response["Accept-Ranges"] = "bytes"
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _part(wanted: Wanted, etag: str, size: int) -> tuple[int, int, bool] | None:
    """First and last byte to send, and whether as a range; None for one outside of the file.

    A range that is not understood, or of another content, means the whole (RFC 9110, section 14).
    """
    whole = (0, size - 1, False)
    found = _RANGE.fullmatch(wanted.range.strip())
    stale = wanted.if_range and wanted.if_range.strip() != etag
    if found is None or stale or not any(found.groups()):
        return whole
    start, end = found.groups()
    if not start:
        length = min(int(end), size)
        return (size - length, size - 1, True) if length else None
    first, last = int(start), min(int(end), size - 1) if end else size - 1
    return (first, last, True) if first <= last else None


def _record(job: ExportJob, entry: dict[str, Any], first: int, last: int, client: str) -> None:
    record_event(
        EventKind.DOWNLOAD,
        {
            "what": "export",
            "export": str(job.public_id),
            "project": str(job.project.public_id),
            "profile": job.profile,
            "file": entry["name"],
            "sha256": entry["sha256"],
            "first": first,
            "last": last,
            "client": client,
        },
    )


def _read(path: Path, first: int, last: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(first)
        left = last - first + 1
        while left > 0 and (block := file.read(min(_BLOCK, left))):
            left -= len(block)
            yield block
