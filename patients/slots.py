"""Named places that other apps fill in their AppConfig.ready(): patients knows none of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:  # analytics' AppConfig imports this module before any model is loaded
    from django.db.models import QuerySet

    from patients.models import Patient

logger = logging.getLogger(__name__)

# Called after a commit with the ids of the records that changed; a failure never reaches a user.
after_commit: Final[list[Callable[[list[int]], None]]] = []


@dataclass(frozen=True, slots=True)
class RowLink:
    """Where a row of the record stands on its page, and how it is called."""

    href: str
    label: str


@dataclass(frozen=True, slots=True)
class Panel:
    """What another app shows on the record page: a template and its context.

    `badge` (label, tone) stands in the banner; the page asks again while it is `recomputing`.
    """

    template: str
    context: Mapping[str, Any]
    badge: tuple[str, str]
    recomputing: bool = False


# (form name, row id) of evidence -> where it stands on the page.
RowLinks = Mapping[tuple[str, int], RowLink]
# Panels of the record page, from the record's id and the links to its rows.
record_panels: Final[list[Callable[[int, RowLinks], Panel]]] = []
# Annotates a list of records with `eligible`: yes, no, unknown or recomputing; null when left out.
eligibility: Final[list[Callable[[QuerySet[Patient]], QuerySet[Patient]]]] = []


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is derived of a record as it stands in the open transaction, stored or not.

    `eligible`: yes, no, unknown; `why` it is not yes. `pfs` as shown ("12+"), `pfs_days` from T0 in
    days, `end` how PFS ends, in words; all three empty for an untreated record.
    """

    eligible: str
    why: str
    pfs: str
    pfs_days: int | None
    end: str


# Derive records by their ids, in the open transaction; those that are left out are absent.
outlooks: Final[list[Callable[[Sequence[int]], dict[int, Outlook]]]] = []


@dataclass(frozen=True, slots=True)
class Decision:
    """The single entry that would decide an unknown criterion of a record.

    `entry` is its kind (patients.queries.deciding.ENTRIES); `form` takes it, as a new row or, with
    `row_id`, by amending that row.
    """

    patient_id: int
    criterion: str
    entry: str
    sentence: str
    form: str
    row_id: int | None = None


# Entries that would decide, of all records of the centers, or of the one record.
deciding: Final[list[Callable[[list[int], int | None], list[Decision]]]] = []


def call_after_commit(patient_ids: list[int]) -> None:
    """Tell everyone who asked. What they do is a hint: the rows they missed are found by a sweep."""
    for hint in after_commit:
        try:
            hint(patient_ids)
        except Exception:
            logger.exception("after_commit failed")  # ids are surrogate keys, not identifiers
