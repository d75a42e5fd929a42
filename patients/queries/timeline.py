"""The course of a record in few lines: diagnosis, treatment, turns of the disease, last contact."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from patients.labels import code_label
from patients.partial_dates import PartialDate
from patients.queries.record_page import RecordView, RowView, row_date


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the timeline; `href` leads to its row on the page."""

    when: PartialDate
    text: str
    href: str
    kind: str


def timeline(view: RecordView) -> list[Event]:
    """Events by point, then in clinical order; assessments only where the response turns."""
    events = [
        *_of_patient(view),
        *_therapies(view, "prior_therapies", "Prior therapy"),
        *_courses(view),
        *_turns(view),
        *_therapies(view, "local_therapies", "Local therapy"),
        *_therapies(view, "systemic_therapies", "Systemic therapy"),
        *_last_contact(view),
    ]
    return sorted(events, key=lambda event: event.when.point)


def age_at(birth: PartialDate | None, day: date) -> int | None:
    """Completed years from the birth date's point; None when it is not known."""
    if birth is None:
        return None
    point = birth.point
    return day.year - point.year - ((day.month, day.day) < (point.month, point.day))


def _live(view: RecordView, form: str) -> list[RowView]:
    return [row for row in view.form(form).rows if not row.row.retracted]


def _of_patient(view: RecordView) -> Iterator[Event]:
    for name, text, kind in (
        ("primary_diagnosis_date", "Primary diagnosis", "diagnosis"),
        ("metastatic_diagnosis_date", "Metastatic disease", "diagnosis"),
        ("nephrectomy_date", "Nephrectomy", "therapy"),
        ("date_of_death", "Death", "death"),
    ):
        when = view.state.patient.partial(name)
        if when is not None:
            yield Event(when, text, "#patients", kind)


def _therapies(view: RecordView, form: str, title: str) -> Iterator[Event]:
    naming = "modality" if form == "local_therapies" else "therapy_class"
    for row in _live(view, form):
        when = row_date(row.row)
        if when is not None:
            field = view.form(form).form.by_name[naming]
            label = code_label(field, str(row.row.value(naming)))
            yield Event(when, f"{title}: {label.lower()}", f"#{row.anchor}", "therapy")


def _courses(view: RecordView) -> Iterator[Event]:
    """One event a course, at its first cycle that was given."""
    seen: set[object] = set()
    for row in _live(view, "cycles"):
        number, when = row.row.value("course_number"), row_date(row.row)
        if when is not None and number not in seen and row.row.value("doses_given") != 0:
            seen.add(number)
            yield Event(when, f"HD IL-2 course {number}", f"#{row.anchor}", "il2")


def _turns(view: RecordView) -> Iterator[Event]:
    before = None
    for row in _live(view, "assessments"):
        when, response = row_date(row.row), row.row.value("response")
        if when is not None and response != before:
            kind = "progression" if response == "PD" else "response"
            label = code_label(view.form("assessments").form.by_name["response"], str(response))
            yield Event(when, label, f"#{row.anchor}", kind)
            before = response


def _last_contact(view: RecordView) -> Iterator[Event]:
    dated = [(when, row) for row in _live(view, "follow_ups") if (when := row_date(row.row))]
    if dated:
        when, row = max(dated, key=lambda pair: pair[0].point)
        status = str(row.row.value("vital_status"))
        yield Event(when, f"Last contact, {status}", f"#{row.anchor}", "contact")
