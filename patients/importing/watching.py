"""Looking on while an import runs: what the preview and the undo of an import are made of."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from patients.actions.changes import RecordChange, SavedRecord
from patients.importing.findings import FindingLog
from patients.importing.matching import BundleRow, Match
from patients.importing.staging import StagedRecord
from patients.rules.record import RecordState


class Watcher:
    """Sees every record on its way and does nothing with it. Called in the order of the methods."""

    def __init__(self) -> None:
        self._seen = hashlib.sha256()

    @property
    def digest(self) -> str:
        """Of the saved records that the bundle names, with the versions that stood before."""
        return self._seen.hexdigest()

    def begin(self, log: FindingLog) -> None:
        """Every row was read; findings go on to come into the log."""

    def found(self, versions: Mapping[int, int]) -> None:
        """The next chunk's saved records (by patient id), locked."""
        self._seen.update(repr(sorted(versions.items())).encode())

    def matched(
        self,
        record: StagedRecord,
        rows: Sequence[BundleRow] | None,
        match: Match,
        existing: RecordState | None,
    ) -> None:
        """One record of the chunk; `rows` is None when one of them was refused."""

    def saving(self, changes: Sequence[RecordChange]) -> None:
        """These are about to be saved."""

    def saved(
        self,
        changes: Sequence[RecordChange],
        saved: Sequence[SavedRecord],
        before: Mapping[int, RecordState],
    ) -> None:
        """They are saved, in this order; `before` by patient id."""

    def chunk_done(self) -> None:
        """All findings about the chunk are in the log."""
