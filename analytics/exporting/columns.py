"""The columns of a release: names, labels, codes, and from which fields of the registry each one comes.

`sql` is over `r` (a frozen row), `subject` (its code) and `job`; the views are made of it
(release_sql.py). Names of SAS and ADaM stand beside: at most 8 characters, labels at most 40.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from analytics.exporting.fields import FIELDS, Treatment
from patients.rules.dictionary import FORMS, Field, Form

Kind = Literal["code", "codes", "integer", "number", "text"]
PRECISIONS: Final = ("day", "month", "year")
RARE: Final = "rare"


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `codes` are all values it can have; `quasi`: it counts in the report of risk."""

    name: str
    short: str
    label: str
    kind: Kind
    sql: str
    sources: tuple[str, ...]
    unit: str = ""
    codes: tuple[str, ...] = ()
    note: str = ""
    quasi: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a release. `frozen` is the table of the frozen cut that its rows come from."""

    name: str
    dataset: str
    title: str
    frozen: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ("subject",)

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(column.name for column in self.columns)


SUBJECT: Final = Column(
    "subject",
    "USUBJID",
    "Subject: random code of the project",
    "text",
    "subject.code",
    ("Patient.id",),
    note="16 random characters; derived from nothing; rows are sorted by it",
)
YES_NO_UNKNOWN: Final = ("yes", "no", "unknown")
CRITERIA: Final = {
    "metastatic_disease": ("METDIS", "Metastatic disease"),
    "received_hd_il2": ("RECIL2", "Received HD IL-2"),
    "survival_5y": ("SURV5Y", "Survived 5 years"),
    "no_later_systemic_therapy": ("NOLATER", "No later systemic therapy"),
    "progression_free_5y": ("PF5Y", "Progression-free at 5 years"),
    "eligible": ("ELIGFL", "Eligible for the long-term cohort"),
}
EVENTS: Final = ("progression", "implied_progression", "death", "new_therapy", "local_therapy")
CENSORINGS: Final = (
    "end_of_follow_up",
    "new_systemic_therapy",
    "local_therapy",
    "gap_before_event",
    "no_assessment",
)
RESPONSES: Final = ("CR", "PR", "SD", "PD", "NE")
PFS_BANDS: Final = ("5-<10", "10-<15", "15-<20", "20-<25", "25-<30", "30+")
# Where the greatest age at any released event could reach 90, age and year are withheld.
CAPPED: Final = "coalesce(r.oldest_age >= 90, false)"


def coded(
    name: str, short: str, label: str, codes: tuple[str, ...], source: str, *, quasi: bool = False
) -> Column:
    """A code of the frozen row as it is."""
    return Column(name, short, label, "code", f"r.{name}", (source,), codes=codes, quasi=quasi)


def outcome_codes() -> Iterator[Column]:
    """What both profiles say of the derived outcome."""
    for name, (short, label) in CRITERIA.items():
        yield coded(name, short, label, YES_NO_UNKNOWN, f"Outcome.{name}")
    yield coded("long_term_pfs", "LTPFSFL", "Long-term PFS", ("yes", "no"), "Outcome.long_term_pfs")
    yield coded("best_response", "BOR", "Best overall response", RESPONSES, "Outcome.best_response")
    yield coded(
        "surgical_ned",
        "SURGNED",
        "Rendered NED by local therapy",
        ("yes", "no"),
        "Outcome.surgical_ned",
    )
    yield Column(
        "courses", "NCOURSES", "HD IL-2 courses", "integer", "r.courses", ("Outcome.courses",)
    )


def dictionary_column(form: Form, name: str, short: str, *, model: str) -> Iterator[Column]:
    """A field of the data dictionary as the research profile treats it: a date becomes two columns."""
    spec, key = form.by_name[name], f"{model}.{name}"
    treatment = FIELDS[key].research
    label = spec.label.rstrip("?")[:36]
    if treatment is Treatment.DAYS:
        base = name.removesuffix("_date")
        stem = "" if name == "date" else f"{base}_"
        yield Column(
            f"{stem}day",
            f"{short}DY",
            f"{label}: day",
            "integer",
            f"r.{name}_day",
            (key,),
            unit="days since first dose",
        )
        yield Column(
            f"{stem}precision",
            f"{short}DTF",
            f"{label}: known to",
            "code",
            f"r.{name}_precision",
            (key,),
            codes=PRECISIONS,
        )
        return
    yield Column(
        name,
        short,
        label,
        _kind(spec),
        f"r.{name}" if treatment is not Treatment.RARE else rare(name),
        (key,),
        unit=spec.unit,
        codes=(*spec.codes, RARE) if treatment is Treatment.RARE and spec.codes else spec.codes,
        quasi=treatment is Treatment.RARE,
    )


def rare(name: str) -> str:
    """SQL of a value that becomes `rare` where fewer than 11 records of the export have it."""
    return f"case when r.{name} = any(job.rare_{name}) then '{RARE}' else r.{name} end"


def _kind(spec: Field) -> Kind:
    if spec.kind == "code":
        return "code"
    if spec.kind == "codes":
        return "codes"
    return "integer" if spec.kind == "integer" else "number" if spec.kind == "number" else "text"


def form_of(name: str) -> Form:
    """A form of the data dictionary."""
    return FORMS[name]
