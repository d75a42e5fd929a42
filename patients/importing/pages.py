"""Pages of what an import found: filled while it runs, sealed when full, stored at its end."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from typing import Final

from patients.identity import load_index_key, seal_file
from patients.models import ImportJob, ImportPage
from patients.queries.import_jobs import PER_PAGE, UNDO, Item, owner_of

# Pages of one stream; what lies beyond is counted and not listed. Of an undo nothing is left out.
MOST_PAGES: Final = 200
_STORED: Final = 50


class Pages:
    """Collects items by stream. Memory holds sealed pages and one open page a stream."""

    def __init__(self, job: ImportJob) -> None:
        self._job = job
        self._key = load_index_key()
        self._open: dict[str, list[Item]] = {}
        self._sealed: list[ImportPage] = []
        self._numbers: Counter[str] = Counter()
        self.listed: Counter[str] = Counter()
        self.found: Counter[str] = Counter()

    def add(self, stream: str, item: Item) -> None:
        """One item, counted in any case."""
        self.found[stream] += 1
        if stream != UNDO and self._numbers[stream] >= MOST_PAGES:
            return
        self.listed[stream] += 1
        page = self._open.setdefault(stream, [])
        page.append(item)
        if len(page) >= PER_PAGE:
            self._seal(stream)

    def _seal(self, stream: str) -> None:
        number = self._numbers[stream]
        self._numbers[stream] += 1
        packed = zlib.compress(json.dumps(self._open.pop(stream)).encode())
        owner = owner_of(self._job.public_id, stream, number)
        self._sealed.append(
            ImportPage(
                job=self._job,
                center_id=self._job.center_id,
                stream=stream,
                number=number,
                sealed=seal_file(self._key, owner, packed),
            )
        )

    def store(self) -> None:
        """Store all pages in place of those that the import has of the same streams."""
        for stream in list(self._open):
            self._seal(stream)
        ImportPage.objects.filter(job_id=self._job.pk, stream__in=list(self._numbers)).delete()
        for start in range(0, len(self._sealed), _STORED):
            ImportPage.objects.bulk_create(self._sealed[start : start + _STORED])
        self._sealed = []
