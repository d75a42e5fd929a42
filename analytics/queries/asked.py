"""What a cohort page's address asks for, as this reader may have it; and the block in which it stands.

One object for every page and file: scope, filters, cutoff, threshold, moment. A view is

    with asking(request.GET) as asked:
        numbers = some_query(asked.cutoff, **asked.reading)

Inside the block the tables of outcomes (and, for a moment of the past, the clinical ones) hold what was
asked for. What cannot be had is in `problems` by field, and the page shows the registry's own instead.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any, Final, TypedDict
from urllib.parse import urlencode

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from analytics.derivation.engine import (
    DEFAULT_VARIANT,
    THRESHOLD_YEARS,
    VARIANTS,
    current_cutoff,
)
from analytics.models import DataCut
from analytics.queries.cohort import growth, headline, recomputing, sizes_at, treated_in_all
from analytics.queries.data_cuts import seal_of
from analytics.queries.disclosure import (
    SMALLEST_CELL,
    cutoff_ladder,
    difference_releasable,
    on_grid,
    readings_beside,
)
from analytics.queries.filters import EVERYBODY, Filters, read_filters
from analytics.queries.known import NotSealed, Seal, known_at, outcomes_at, seal_before
from analytics.queries.patience import few_enough, too_many
from analytics.queries.survival import Analysis
from centers.access import Scope, acting, pooled, required_scope
from centers.models import Center
from centers.roles import Permission
from centers.sealing import SealedMeanwhile, seal_events

THRESHOLDS: Final = (3, 5, 7, 10)


class Reading(TypedDict):
    """Whose records count and who reads: see `overview` for each."""

    own_centers: bool
    filters: Filters
    own_ids: Sequence[int]


@dataclass(frozen=True)
class Asked:
    """One view of the cohort.

    `cutoff` is the one that the figures stand at, `standing` the registry's own. `years` is the threshold
    of eligibility. `seal` is the moment of the past, None for now; `cut` the
    data cut that cutoff and seal are of, if one was asked for. `own_centers`: the reader is a member
    of every center in scope; `centers` are the codes that may be filtered by.
    """

    analysis: Analysis
    filters: Filters
    cutoff: date
    standing: date
    years: int
    own_centers: bool
    centers: tuple[str, ...] = ()
    seal: Seal | None = None
    cut: DataCut | None = None
    own_ids: tuple[int, ...] = ()
    may_widen: bool = False
    problems: Mapping[str, str] = field(default_factory=dict)
    recomputing: int = 0
    counted: tuple[int | None, int | None] = (None, None)
    cutoffs: tuple[date, ...] = ()

    @property
    def is_what_if(self) -> bool:
        """Whether figures are derived for this page alone."""
        plain = (self.standing, THRESHOLD_YEARS, None)
        return (self.cutoff, self.years, self.seal) != plain

    @property
    def pooled(self) -> bool:
        """Whether the figures are of all centers, for a reader who is no member of them."""
        return not self.own_centers

    @property
    def reading(self) -> Reading:
        """What every query of the cohort takes beside the cutoff."""
        return {
            "own_centers": self.own_centers,
            "filters": self.filters,
            "own_ids": self.own_ids,
        }

    @property
    def parameters(self) -> dict[str, str]:
        """The address that asks for this again: only what differs from what every page shows."""
        plain = Analysis()
        found = {
            name: getattr(self.analysis, name)
            for name in ("endpoint", "variant", "records", "by")
            if getattr(self.analysis, name) != getattr(plain, name)
        }
        found |= self.filters.values
        if self.may_widen and self.own_centers:
            found["where"] = "own"
        if self.years != THRESHOLD_YEARS:
            found["years"] = str(self.years)
        if self.cut is not None:
            return found | {"cut": str(self.cut.public_id)}
        if self.cutoff != self.standing:
            found["cutoff"] = self.cutoff.isoformat()
        if self.seal is not None:
            found["as_of"] = str(self.seal.number)
        return found

    @property
    def query(self) -> str:
        """`parameters` as a query string, empty for the page's own view."""
        return urlencode(self.parameters)


@contextmanager
def asking(
    query: Mapping[str, Any],
    *,
    curves_only: bool = False,
    every_variant: bool = False,
    reasons: bool = False,
) -> Iterator[Asked]:
    """The view that the address asks for, in force inside the block.

    The scope is that of the reader, pooled over all centers where that is the reader's right. Needs
    the reader's scope outside; whoever calls has checked the permission. `curves_only` says that the
    page shows no counts but those that are checked here: only then may pooled figures stand at
    another cutoff or threshold. `every_variant`: not only the primary and the one asked for are read.
    `reasons`: the page tells why criteria have their values.
    """
    own = required_scope()
    wide = pooled(own)
    may_widen = wide is not own and Permission.VIEW_COHORT in own.permitted
    scope = own if may_widen and query.get("where") == "own" else wide
    with acting(scope):
        asked = _read(query, own, own_centers=scope is own, may_widen=may_widen)
        if asked.pooled and curves_only:
            asked = replace(asked, cutoffs=cutoff_ladder(growth(asked.standing), asked.standing))
        if asked.pooled and asked.is_what_if:
            asked = _pooled_what_if(asked, curves_only)
        if asked.is_what_if and not few_enough():
            asked = _plain(asked, cutoff=too_many())
        if not asked.is_what_if:
            asked = replace(asked, recomputing=recomputing(asked.standing))
        variants = VARIANTS if every_variant else {DEFAULT_VARIANT, asked.analysis.variant}
        with _standing(asked, sorted(variants), reasons=reasons):
            yield replace(asked, counted=_counted(asked)) if asked.filters.chosen else asked


@contextmanager
def _standing(asked: Asked, variants: Sequence[str], *, reasons: bool) -> Iterator[None]:
    with ExitStack() as stack:
        if asked.seal is not None:
            stack.enter_context(known_at(asked.seal, "default"))
        if asked.is_what_if:
            what_if = asked.cutoff, "default", asked.years, variants
            stack.enter_context(outcomes_at(*what_if, seal=asked.seal, reasons=reasons))
        yield


def _counted(asked: Asked) -> tuple[int | None, int | None]:
    """Treated records that the filters leave, of all in scope; each None where withheld."""
    total = treated_in_all(asked.cutoff)
    kept = treated_in_all(asked.cutoff, asked.filters)
    if asked.own_centers:
        return kept, total
    beside = [
        treated_in_all(asked.cutoff, one) for one in readings_beside(asked.filters, asked.own_ids)
    ]
    shown = all(number == 0 or number >= SMALLEST_CELL for number in beside)
    return (kept if shown else None), (total if total >= SMALLEST_CELL else None)


def _read(query: Mapping[str, Any], own: Scope, *, own_centers: bool, may_widen: bool) -> Asked:
    problems: dict[str, str] = {}
    standing = current_cutoff()
    cutoff, seal = standing, None
    cut = asked_cut(str(query.get("cut", "")))
    try:
        cutoff = asked_cutoff(str(query.get("cutoff", "")), standing)
    except AskedProblem as error:
        problems["cutoff"] = str(error)
    try:
        seal = asked_moment(str(query.get("as_of", "")), own_centers=own_centers)
    except AskedProblem as error:
        problems["as_of"] = str(error)
    if cut is not None:
        cutoff, seal = cut.cutoff, seal_of(cut)
    centers = _codes(own) if own_centers else ()
    filters = read_filters(query, centers)
    if not own_centers and not on_grid(filters):
        problems["filters"] = _(OFF_GRID)
        filters = EVERYBODY
    return Asked(
        analysis=Analysis.read(query),
        filters=filters,
        cutoff=cutoff,
        standing=standing,
        years=_years(str(query.get("years", ""))),
        own_centers=own_centers,
        centers=centers,
        seal=seal,
        cut=cut,
        own_ids=() if own_centers else own.center_ids,
        may_widen=may_widen,
        problems=problems,
    )


OFF_GRID: Final = gettext_noop(
    "Pooled figures can be filtered by disease and one more of sex or decade; "
    "the filters were left out."
)
ONE_AT_A_TIME: Final = gettext_noop(
    "Pooled figures change one thing at a time, without filters or groups other than disease."
)
NOT_HERE: Final = gettext_noop("Pooled tables stand at the registry's own cutoff and threshold.")
OFF_LADDER: Final = gettext_noop(
    "Pooled figures stand at the cutoffs of the list: at others few records changed."
)
CUT_CLOSED: Final = gettext_noop(
    "Pooled figures of a data cut are shown once it is locked, without filters, and where at least 11 "
    "records of each disease, or none, tell it from today's and from those locked before."
)
INDEX_DISEASES: Final = ("melanoma", "renal_cell")
SMALL_STEP: Final = gettext_noop(
    "Withheld: from one threshold to the next fewer than 11 records change."
)


def _pooled_what_if(asked: Asked, curves_only: bool) -> Asked:
    """The what-if, or the registry's own where a difference of two views would show few records."""
    plain = set(asked.filters.values) <= {"disease"} and asked.analysis.by in ("", "disease")
    if asked.cut is not None:
        if not curves_only:
            return _plain(asked, as_of=NOT_HERE)
        return (
            asked
            if plain and _cut_open(asked.cut, asked.standing)
            else _plain(asked, as_of=CUT_CLOSED)
        )
    moved, other = asked.cutoff != asked.standing, asked.years != THRESHOLD_YEARS
    field = "cutoff" if moved else "years"
    if not curves_only:
        return _plain(asked, **{field: NOT_HERE})
    if (moved and other) or not plain:
        return _plain(asked, **{field: ONE_AT_A_TIME})
    if moved and asked.cutoff not in asked.cutoffs:
        return _plain(asked, cutoff=OFF_LADDER)
    if other and few_enough() and not _thresholds_apart(asked.cutoff):
        return _plain(asked, years=SMALL_STEP)
    return asked


def _cut_open(cut: DataCut, standing: date) -> bool:
    """Whether pooled figures of a cut may be shown beside the registry's own and those of other cuts.

    Only of a locked one. Between two cuts that few records tell apart the one locked first is shown.
    """
    if cut.locked_at is None:
        return False
    rows = {row.disease: row for row in headline(standing)}
    now = {
        name: {code: getattr(rows[code], name) if code in rows else 0 for code in INDEX_DISEASES}
        for name in ("treated", "eligible")
    }
    earlier = DataCut.objects.filter(locked_at__lt=cut.locked_at).values_list("sizes", flat=True)
    mine = _cells(cut.sizes)
    return all(difference_releasable(mine, _cells(sizes)) for sizes in (now, *earlier))


def _cells(sizes: Mapping[str, Mapping[str, int]]) -> list[int]:
    return [
        sizes.get(name, {}).get(code, 0)
        for name in ("treated", "eligible")
        for code in INDEX_DISEASES
    ]


def _thresholds_apart(cutoff: date) -> bool:
    sizes = [sizes_at(cutoff, years) for years in THRESHOLDS]
    return all(difference_releasable(one, two) for one, two in pairwise(sizes))


def _plain(asked: Asked, **problem: str) -> Asked:
    """The registry's own view, with what could not be had."""
    return replace(
        asked,
        cutoff=asked.standing,
        years=THRESHOLD_YEARS,
        seal=None,
        cut=None,
        problems={**asked.problems, **{name: _(text) for name, text in problem.items()}},
    )


def _years(text: str) -> int:
    return next((years for years in THRESHOLDS if str(years) == text), THRESHOLD_YEARS)


def _codes(own: Scope) -> tuple[str, ...]:
    found = Center.objects.filter(id__in=own.center_ids).order_by("code")
    return tuple(found.values_list("code", flat=True))


class AskedProblem(ValueError):
    """What is asked for cannot be had; the message says what can."""


EARLIEST_YEAR: Final = 1980


def asked_cut(text: str) -> DataCut | None:
    """The data cut of a public id; None where none is asked for or there is none."""
    try:
        return DataCut.objects.filter(public_id=uuid.UUID(text)).first() if text else None
    except ValueError:
        return None


def asked_cutoff(text: str, standing: date) -> date:
    """The cutoff of a page's address; the registry's own when none is asked for. Raises AskedProblem."""
    if not text:
        return standing
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.isoformat() != text or found.year < EARLIEST_YEAR:
        raise AskedProblem(_("Write the cutoff as YYYY-MM-DD, such as 2015-12-31."))
    if found > standing:
        raise AskedProblem(_("The cutoff lies after the registry's own."))
    return found


def asked_moment(text: str, *, own_centers: bool) -> Seal | None:
    """The seal that an address names: by its number, a day (its end, UTC) or a time with its zone.

    A moment that is not past seals what is committed first. Raises AskedProblem.
    """
    if not text:
        return None
    if not own_centers:
        raise AskedProblem(
            _(
                "The past is shown to members of the centers: two moments close together would show one entry."
            )
        )
    moment = _moment(text)
    if isinstance(moment, datetime) and moment >= datetime.now(UTC):
        try:
            seal_events("default")
        except SealedMeanwhile:
            raise AskedProblem(_("Entries were sealed at this very moment: ask again.")) from None
    try:
        return seal_before(moment, "default")
    except NotSealed:
        raise AskedProblem(_("Nothing was sealed by then: choose a later moment.")) from None


def _moment(text: str) -> datetime | int:
    if text.isdecimal() and len(text) < 10:
        return int(text)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is not None and found.tzinfo is None and len(text) == len("2026-03-01"):
        found = datetime.combine(found.date(), time.min, UTC) + timedelta(days=1)
    if found is None or found.tzinfo is None:
        raise AskedProblem(
            _(
                "Write a day such as 2026-03-01, a time such as 2026-03-01T12:00Z, or a seal's number."
            )
        )
    return found
