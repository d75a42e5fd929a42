"""The record list: what it shows of each record, its filters and orders, all from allow-lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery, Value
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from patients import slots
from patients.models import ContactDue, Lock, Patient, Query, Signature
from patients.queries.completeness import all_complete, incomplete
from patients.queries.signatures import VERIFIED
from patients.rules.dictionary import DISEASES

ELIGIBLE: Final = ("yes", "no", "unknown", "recomputing")
# Parameter value -> columns; the registry number breaks ties, so that pages never overlap.
ORDERS: Final = {
    "number": ("registry_number",),
    "center": ("center__code", "registry_number"),
    "disease": ("disease", "registry_number"),
    "eligible": ("eligible", "registry_number"),
    "due": ("due_on", "registry_number"),
    "changed": ("changed_at", "registry_number"),
}
DEFAULT_ORDER: Final = "-changed"
RETIRED: Final = "retired"
STATES: Final = (RETIRED,)
# Status -> its words; of forms (patients.queries.completeness) or of the whole record.
STATUSES: Final = {
    "partial": _("To complete"),
    "complete": _("Complete"),
    "verified": _("Verified"),
    "locked": _("Locked"),
}
OPEN: Final = "open"
OVERDUE: Final = "overdue"
QUERIES: Final = (OPEN,)
CONTACTS: Final = (OVERDUE,)
# What a line of the list reads; a record has sixty columns more.
LINE: Final = (
    "public_id",
    "registry_number",
    "disease",
    "retracted",
    "center__code",
    "identity__record_id",
    "erasure__patient",
)


@dataclass(frozen=True, slots=True)
class ListFilters:
    """Filters and order of the list; what is not on the allow-lists counts as not given."""

    disease: str = ""
    eligible: str = ""
    center: str = ""
    state: str = ""
    status: str = ""
    queries: str = ""
    contact: str = ""
    order: str = DEFAULT_ORDER

    @classmethod
    def read(cls, query: Mapping[str, Any], centers: set[str]) -> ListFilters:
        """From the page's address. `centers`: codes the reader may choose."""

        def known(name: str, allowed: object) -> str:
            value = str(query.get(name, ""))
            return value if value in allowed else ""  # type: ignore[operator]

        order = str(query.get("order", ""))
        return cls(
            known("disease", DISEASES),
            known("eligible", ELIGIBLE),
            known("center", centers),
            known("state", STATES),
            known("status", STATUSES),
            known("queries", QUERIES),
            known("contact", CONTACTS),
            order if order.removeprefix("-") in ORDERS else DEFAULT_ORDER,
        )

    @property
    def is_narrowed(self) -> bool:
        """Whether any filter is set."""
        narrowing = (self.disease, self.eligible, self.center, self.state, self.status)
        return any((*narrowing, self.queries, self.contact))


def visible_records(*, retired: bool = False) -> QuerySet[Patient]:
    """The records of the scope in force that stand; or those that were retired."""
    return Patient.objects.filter(retracted=retired)


def filtered_records(filters: ListFilters) -> QuerySet[Patient]:
    """The records that pass, in order, with all that a line of the list reads."""
    records = with_eligibility(visible_records(retired=filters.state == RETIRED))
    if filters.disease:
        records = records.filter(disease=filters.disease)
    if filters.center:
        records = records.filter(center__code=filters.center)
    if filters.eligible:
        records = records.filter(**{"eligible": filters.eligible})
    if filters.queries:
        records = records.filter(Exists(Query.objects.filter(_OF_RECORD, closed_at=None)))
    if filters.contact:
        records = records.filter(_is_overdue())
    return ordered(_of_status(records, filters.status), filters.order)


_OF_RECORD: Final = Q(patient=OuterRef("pk"))


def _is_overdue() -> Exists:
    today = timezone.now().date()
    return Exists(ContactDue.objects.filter(_OF_RECORD, due_on__lt=today))


def _of_status(records: QuerySet[Patient], status: str) -> QuerySet[Patient]:
    if status == "partial":
        return incomplete(records)
    if status == "complete":
        return all_complete(records)
    if status == "verified":
        standing = Signature.objects.filter(_OF_RECORD, meaning=VERIFIED, broken_at=None)
        return records.filter(Exists(standing))
    if status == "locked":
        return records.filter(Exists(Lock.objects.filter(_OF_RECORD, unlocked_at=None)))
    return records


def ordered(records: QuerySet[Patient], order: str) -> QuerySet[Patient]:
    """In an order of the allow-list, with all that a line of the list reads."""
    columns = ORDERS[order.removeprefix("-")]
    if "due_on" in columns:
        due = ContactDue.objects.filter(_OF_RECORD).values("due_on")
        records = records.annotate(due_on=Subquery(due))
    is_down = order.startswith("-")
    main = F(columns[0]).desc(nulls_last=True) if is_down else F(columns[0]).asc(nulls_last=True)
    return (
        records.select_related("center", "identity", "erasure")
        .only(*LINE)
        .annotate(changed_at=F("version_row__changed_at"))
        .order_by(main, *columns[1:])
    )


def with_eligibility(records: QuerySet[Patient]) -> QuerySet[Patient]:
    """Annotated with `eligible`, by whoever fills the slot."""
    for annotate in slots.eligibility:
        return annotate(records)
    return records.annotate(eligible=Value(None))
