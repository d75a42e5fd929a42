"""Which records a figure counts: what readers choose in a page's address, and the SQL that keeps to it.

Every query of a cohort page ends its `where` with FILTERED and binds `Filters.parameters`. The SQL is
fixed text with the aliases `outcome` (analytics_outcome) and `record` (patients_patient).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

# Filter -> SQL of its code; every record has one, so that the values of a filter add up to all. What people choose is bound, never put into the text.
EXPRESSIONS: Final = {
    "disease": "case when outcome.disease in ('melanoma', 'renal_cell') then outcome.disease else 'other' end",
    "sex": "case when record.sex in ('female', 'male') then record.sex else 'unknown' end",
    "decade": "case when outcome.t0 < '1990-01-01' then 'to_1989'"
    " when outcome.t0 < '2000-01-01' then '1990_1999'"
    " when outcome.t0 < '2010-01-01' then '2000_2009'"
    " when outcome.t0 is not null then 'from_2010' else 'untreated' end",
    "age": "case when outcome.age_at_t0 < 50 then 'to_49'"
    " when outcome.age_at_t0 < 60 then '50_59' when outcome.age_at_t0 is not null then 'from_60'"
    " else 'unknown' end",
    "response": "case when outcome.best_response in ('CR', 'PR', 'SD')"
    " then outcome.best_response else 'other' end",
    "local_therapy": "case when exists (select from patients_local_therapy local"
    " where local.patient_id = outcome.patient_id and not local.retracted"
    " and local.date_lo <= outcome.cutoff) then 'yes' else 'no' end",
    "ned": "coalesce(outcome.surgical_ned, 'no')",
    "center": "(select code from centers_center center where center.id = outcome.center_id)",
}
VALUES: Final[Mapping[str, tuple[str, ...]]] = {
    "disease": ("melanoma", "renal_cell", "other"),
    "sex": ("female", "male", "unknown"),
    "decade": ("to_1989", "1990_1999", "2000_2009", "from_2010", "untreated"),
    "age": ("to_49", "50_59", "from_60", "unknown"),
    "response": ("CR", "PR", "SD", "other"),
    "local_therapy": ("yes", "no"),
    "ned": ("yes", "no"),
    "center": (),  # whatever center the reader is a member of
}
NAMES: Final = tuple(EXPRESSIONS)
# A code per condition; NULL stands for "not asked", so that the text is the same for every reader.
FILTERED: Final = (
    "".join(
        f"\n    and (%(filter_{name})s::text is null or {sql} = %(filter_{name})s)"
        for name, sql in EXPRESSIONS.items()
    )
    + "\n    and (%(without_centers)s::bigint[] is null"
    + " or outcome.center_id <> all(%(without_centers)s::bigint[]))\n"
)


@dataclass(frozen=True)
class Filters:
    """The chosen values by name (a code of VALUES); `without` leaves centers out, by id."""

    chosen: tuple[tuple[str, str], ...] = ()
    without: tuple[int, ...] = ()

    @property
    def values(self) -> dict[str, str]:
        """The chosen values by name of the filter."""
        return dict(self.chosen)

    @property
    def parameters(self) -> dict[str, Any]:
        """What FILTERED binds."""
        asked = self.values
        found: dict[str, Any] = {f"filter_{name}": asked.get(name) for name in NAMES}
        return found | {"without_centers": list(self.without) or None}


EVERYBODY: Final = Filters()


def read_filters(query: Mapping[str, Any], centers: Sequence[str] = ()) -> Filters:
    """From a page's address; `centers` are the codes the reader may choose. Unknown values count as not given."""
    allowed = {**VALUES, "center": tuple(centers)}
    chosen = [(name, str(query.get(name, ""))) for name in NAMES]
    return Filters(tuple((name, value) for name, value in chosen if value in allowed[name]))
