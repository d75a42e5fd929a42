"""Queries to the sites: the list with its filters, one thread, what is open of a record, counts."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Case, Count, F, IntegerField, OuterRef, Q, QuerySet, Subquery, When
from django.db.models import Value as Constant
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from patients.labels import display_value
from patients.models import Patient
from patients.queries.record_page import RecordView
from patients.query_models import QUERY_KINDS, Query, QueryMessage
from patients.rules.dictionary import FORMS, PATIENTS

# Filter value -> its words and the queries that it keeps; the first is the list as it opens.
STATES: Final = {
    "": (_("Not closed"), Q(closed_at=None)),
    "asking": (_("To be answered"), Q(closed_at=None, answered_at=None)),
    "answered": (_("Answered"), Q(state="answered")),
    "reopened": (_("Reopened"), Q(state="reopened")),
    "closed": (_("Closed"), Q(state="closed", confirmed_reason="")),
    "confirmed": (_("Confirmed at entry"), Q(state="closed") & ~Q(confirmed_reason="")),
}
# Filter value -> its words, and the least age in days.
AGES: Final = {
    "30": (_("Over 30 days"), 30),
    "90": (_("Over 90 days"), 90),
    "365": (_("Over one year"), 365),
}
# Heading -> columns; the key breaks ties, so that pages never overlap.
ORDERS: Final = {
    "age": ("asked_at", "id"),
    "record": ("patient__registry_number", "id"),
    "center": ("center__code", "asked_at", "id"),
    "state": ("state", "asked_at", "id"),
    "kind": ("kind", "check_id", "id"),
    "field": ("form_name", "field_name", "id"),
}
# The oldest first: a great age is an early time.
DEFAULT_ORDER: Final = "-age"
STATE_TONES: Final = {"open": "warn", "reopened": "warn", "answered": "info", "closed": "good"}


@dataclass(frozen=True, slots=True)
class QueryFilters:
    """Filters and order of the list; what is not on the allow-lists counts as not given."""

    state: str = ""
    kind: str = ""
    field: str = ""
    center: str = ""
    age: str = ""
    order: str = DEFAULT_ORDER

    @classmethod
    def read(cls, query: Mapping[str, Any], centers: Collection[str]) -> QueryFilters:
        """From the page's address. `centers`: codes the reader may choose."""

        def known(name: str, allowed: Collection[str]) -> str:
            value = str(query.get(name, ""))
            return value if value in allowed else ""

        order = str(query.get("order", ""))
        return cls(
            known("state", STATES),
            known("kind", QUERY_KINDS),
            known("field", _FIELD_NAMES),
            known("center", centers),
            known("age", AGES),
            order if order.removeprefix("-") in ORDERS else DEFAULT_ORDER,
        )

    @property
    def is_narrowed(self) -> bool:
        """Whether any filter is set."""
        return replace(self, order=DEFAULT_ORDER) != QueryFilters()


_FIELD_NAMES: Final = frozenset(
    [*FORMS, *(f"{form.name}.{field.name}" for form in FORMS.values() for field in form.fields)]
)


@dataclass(frozen=True, slots=True)
class QueryLine:
    """A query with what pages say of it: its age in days while it is not closed, form and field."""

    query: Query
    days: int
    form: str
    field: str
    tone: str

    @property
    def kind(self) -> str:
        """What raised it, in words."""
        return gettext(QUERY_KINDS[self.query.kind])


def line_of(query: Query, now: datetime | None = None) -> QueryLine:
    """A query as pages show it; its age counts from when it was asked, or asked again."""
    form = FORMS.get(query.form_name, PATIENTS)
    field = form.by_name.get(query.field_name)
    until = query.closed_at or now or timezone.now()
    days = max((until - query.asked_at).days, 0)
    label = gettext(field.label) if field else ""
    return QueryLine(query, days, gettext(form.title), label, STATE_TONES[query.state])


def visible_queries(center_ids: Collection[int]) -> QuerySet[Query]:
    """All queries about standing records of these centers."""
    return Query.objects.filter(center_id__in=center_ids, patient__retracted=False)


def passing(queries: QuerySet[Query], filters: QueryFilters) -> QuerySet[Query]:
    """The queries that pass, in order, with all that a line of the list shows."""
    queries = queries.filter(STATES[filters.state][1])
    if filters.center:
        queries = queries.filter(center__code=filters.center)
    if filters.kind:
        queries = queries.filter(kind=filters.kind)
    if filters.field:
        form, __, field = filters.field.partition(".")
        queries = queries.filter(form_name=form)
        queries = queries.filter(field_name=field) if field else queries
    if filters.age:
        before = timezone.now() - timedelta(days=AGES[filters.age][1])
        queries = queries.filter(asked_at__lt=before)
    columns = ORDERS[filters.order.removeprefix("-")]
    # An age goes the other way than the time that it counts from.
    is_down = filters.order.startswith("-") != (filters.order.removeprefix("-") == "age")
    main = F(columns[0]).desc() if is_down else F(columns[0]).asc()
    return queries.select_related("center", "patient").order_by(main, *columns[1:])


def fields_asked(queries: QuerySet[Query]) -> list[tuple[str, str]]:
    """Forms and fields that unclosed queries are about: (filter value, words)."""
    pairs = queries.filter(closed_at=None).values_list("form_name", "field_name").distinct()
    found = []
    for form_name, field_name in sorted(pairs):
        form = FORMS.get(form_name)
        if form and (not field_name or field_name in form.by_name):
            label = f": {gettext(form.by_name[field_name].label)}" if field_name else ""
            value = f"{form_name}.{field_name}" if field_name else form_name
            found.append((value, gettext(form.title) + label))
    return found


def find_query(public_id: uuid.UUID, center_ids: Collection[int]) -> Query | None:
    """A query, open or closed, about a standing record of these centers."""
    found = visible_queries(center_ids).filter(public_id=public_id)
    return found.select_related(
        "center", "patient", "patient__center", "patient__version_row", "opened_by", "closed_by"
    ).first()


def thread_of(query: Query) -> list[QueryMessage]:
    """What was said, the first word first."""
    return list(query.thread.select_related("author").order_by("written_at", "id"))


def open_queries_of(patient_id: int) -> list[QueryLine]:
    """Unclosed queries about one record, the oldest first."""
    found = Query.objects.filter(patient_id=patient_id, closed_at=None)
    now = timezone.now()
    return [line_of(query, now) for query in found.order_by("asked_at", "id")]


def annotate_queries(records: QuerySet[Patient]) -> QuerySet[Patient]:
    """Adds `queries_open` (to be answered) and `queries_answered` (to be closed) to each record.

    One statement whatever the number of records; the index of unclosed queries serves it.
    """
    unclosed = Query.objects.filter(patient=OuterRef("pk"), closed_at=None).order_by()

    def count(queries: QuerySet[Query]) -> Coalesce:
        number = queries.values("patient").annotate(n=Count("pk")).values("n")
        return Coalesce(Subquery(number, output_field=IntegerField()), 0)

    return records.annotate(
        queries_open=count(unclosed.filter(answered_at=None)),
        queries_answered=count(unclosed.exclude(answered_at=None)),
    )


def open_by_form(patient_ids: Collection[int]) -> dict[tuple[int, str, int | None], int]:
    """Numbers of unclosed queries by record, form and row, for cells of a grid; one query."""
    rows = (
        Query.objects.filter(patient_id__in=patient_ids, closed_at=None)
        .values_list("patient_id", "form_name", "row_id")
        .annotate(n=Count("pk"))
        .order_by()
    )
    return {(patient, form, row): number for patient, form, row, number in rows}


def place_of(query: Query, view: RecordView) -> tuple[str, str, str]:
    """Where what the query asks about stands on the record page (anchor), its name, and its value.

    No identifier is told: the view is read without them.
    """
    form = FORMS.get(query.form_name, PATIENTS)
    rows = [view.state.patient] if form is PATIENTS else view.state.rows[form.name]
    row = next((row for row in rows if row.id == query.row_id), None)
    field = form.by_name.get(query.field_name)
    value = display_value(field, row.values.get(field.name)) if field and row else ""
    link = view.links.get((form.name, query.row_id or 0))
    if link is None or form is PATIENTS:
        return f"#{form.name}", gettext(form.title), value
    return link.href, link.label, value


def count_states(queries: QuerySet[Query]) -> dict[str, int]:
    """How many queries each state's filter would keep, in one statement."""
    return queries.aggregate(
        **{
            state or "unclosed": Count(Case(When(condition, then=Constant(1))))
            for state, (__, condition) in STATES.items()
        }
    )
