"""Imports through the browser, as tests make and move them: uploaded by a person, worked on here."""

from __future__ import annotations

import io
import uuid
import zipfile
from collections.abc import Mapping

from django.db import transaction

from centers.access import acting, scope_of, system_scope
from patients.actions.import_jobs import create_import
from patients.importing.worker import work
from patients.models import ImportJob
from tests.patients.bundles import Rows, csv_text
from tests.universe import Universe

# A contact that the universe's record C01-0002 waits for, and a new record.
DECIDES = {
    "center": "C01",
    "record_id": "C01-0002",
    "date": "2012-03-05",
    "source": "visit",
    "vital_status": "alive",
    "disease_status": "stable_disease",
    "systemic_therapy_since_il2": "none",
}


def packed(bundle: Mapping[str, Rows | str]) -> bytes:
    """A zip of CSV files by the names given (`.csv` is added where there is none)."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, rows in bundle.items():
            text = rows if isinstance(rows, str) else csv_text(name, rows)
            archive.writestr(name if "." in name else f"{name}.csv", text)
    return target.getvalue()


def uploaded(
    universe: Universe, content: bytes, who: str = "carla", code: str = "C01"
) -> uuid.UUID:
    """The upload, checked by the worker."""
    actor = scope_of(universe.users[who])
    job = create_import(actor=actor, center_id=universe.centers[code].pk, content=content)
    assert work(job.public_id)
    return job.public_id


def standing(job: uuid.UUID) -> ImportJob:
    """The import as it stands."""
    with acting(system_scope()), transaction.atomic():
        return ImportJob.objects.get(public_id=job)
