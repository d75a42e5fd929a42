"""The course of a record: every dated row as an event, for the list and the figure alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from patients.labels import code_label
from patients.partial_dates import PartialDate
from patients.queries.record_page import RecordView, RowView, row_date

# Lane of the figure -> its label, from top to bottom.
LANES: Final = {
    "diagnosis": gettext_noop("Diagnosis"),
    "il2": gettext_noop("HD IL-2"),
    "local": gettext_noop("Local therapy"),
    "systemic": gettext_noop("Systemic therapy"),
    "assessment": gettext_noop("Assessment"),
    "contact": gettext_noop("Follow-up"),
}
# Response -> how it is drawn.
_RESPONSES: Final = {"CR": "good", "NED": "good", "PR": "good", "SD": "stable", "PD": "progression"}


@dataclass(frozen=True, slots=True)
class Event:
    """One dated row; `href` leads to it on the page, `kind` says how it is drawn, in which lane.

    `until` is the end of what lasts; `code` a few letters beside the mark.
    """

    when: PartialDate
    text: str
    href: str
    kind: str
    lane: str
    until: PartialDate | None = None
    code: str = ""


def timeline(view: RecordView) -> list[Event]:
    """Every dated row that stands, by point, then in clinical order."""
    events = [
        *_of_patient(view),
        *_therapies(view, "prior_therapies", _("Prior therapy"), "systemic"),
        *_cycles(view),
        *_assessments(view),
        *_therapies(view, "local_therapies", _("Local therapy"), "local"),
        *_therapies(view, "systemic_therapies", _("Systemic therapy"), "systemic"),
        *_contacts(view),
        *_death(view),
    ]
    return sorted(events, key=lambda event: event.when.point)


def age_at(birth: PartialDate | None, day: date) -> int | None:
    """Completed years from the birth date's point; None when it is not known."""
    if birth is None:
        return None
    point = birth.point
    return day.year - point.year - ((day.month, day.day) < (point.month, point.day))


def _live(view: RecordView, form: str) -> Iterator[tuple[RowView, PartialDate]]:
    """Rows that stand and have a date."""
    for row in view.form(form).rows:
        when = row_date(row.row)
        if when is not None and not row.row.retracted:
            yield row, when


def _of_patient(view: RecordView) -> Iterator[Event]:
    for name, text, kind, lane in (
        ("primary_diagnosis_date", _("Primary diagnosis"), "diagnosis", "diagnosis"),
        ("metastatic_diagnosis_date", _("Metastatic disease"), "diagnosis", "diagnosis"),
        ("nephrectomy_date", _("Nephrectomy"), "therapy", "local"),
    ):
        when = view.state.patient.partial(name)
        if when is not None:
            yield Event(when, text, "#patients", kind, lane)


def _death(view: RecordView) -> Iterator[Event]:
    when = view.state.patient.partial("date_of_death")
    if when is not None:
        yield Event(when, _("Death"), "#patients", "death", "contact")


def _therapies(view: RecordView, form: str, title: str, lane: str) -> Iterator[Event]:
    naming = "modality" if form == "local_therapies" else "therapy_class"
    for row, when in _live(view, form):
        field = view.form(form).form.by_name[naming]
        label = code_label(field, str(row.row.value(naming)))
        text = f"{title}: {label if label.isupper() else label[0].lower() + label[1:]}"
        yield Event(when, text, f"#{row.anchor}", "therapy", lane, row.row.partial("end_date"))


def _cycles(view: RecordView) -> Iterator[Event]:
    """A cycle that was not given is told as such."""
    for row, when in _live(view, "cycles"):
        is_given = row.row.value("doses_given") != 0
        told = _("HD IL-2 %(cycle)s") if is_given else _("HD IL-2 %(cycle)s, not given")
        text = told % {"cycle": row.label[0].lower() + row.label[1:]}
        kind = "il2" if is_given else "stable"
        yield Event(when, text, f"#{row.anchor}", kind, "il2")


def _assessments(view: RecordView) -> Iterator[Event]:
    field = view.form("assessments").form.by_name["response"]
    for row, when in _live(view, "assessments"):
        code = str(row.row.value("response"))
        text = _("Assessment: %(response)s") % {"response": code_label(field, code)}
        kind = _RESPONSES.get(code, "unknown")
        yield Event(when, text, f"#{row.anchor}", kind, "assessment", code=code)


def _contacts(view: RecordView) -> Iterator[Event]:
    for row, when in _live(view, "follow_ups"):
        status = str(row.row.value("vital_status"))
        kind = "contact" if status == "alive" else "unknown"
        yield Event(
            when,
            _("Contact, %(status)s") % {"status": _(status)},
            f"#{row.anchor}",
            kind,
            "contact",
        )
