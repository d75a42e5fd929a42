"""Adding, amending and retracting rows of a record's forms."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from centers.access import requires
from centers.roles import Permission
from patients.actions.changes import RowChange
from patients.actions.records import rows_to_restore
from patients.forms.entry import EntryForm, blank_form, read_form, saved_form
from patients.forms.page import EntryPage, read_page
from patients.labels import display_value
from patients.models import Patient
from patients.queries.record_page import RecordView, RowView, view_record
from patients.rules.dictionary import COURSES, CYCLES, FORMS, Form
from patients.rules.values import Value
from patients.views.drafts import sent_form
from patients.views.entry import Entry, Onward, save_entry, show_entry
from patients.views.shared import editable_record

ORDER = ("prior_therapies", "assessments", "local_therapies", "systemic_therapies", "follow_ups")
FIRST_CYCLE = ("course_number", "cycle_number")


def _row_or_404(view: RecordView, form: Form, row: uuid.UUID, *, is_sent: bool = False) -> RowView:
    """A live row of the record. Retracted rows are read on the record page, not amended.

    `is_sent`: somebody typed already; a row retracted meanwhile is found, so that nothing is lost.
    """
    found = view.row(form.name, row)
    if found is None or (found.row.retracted and not is_sent):
        raise Http404
    return found


def _amend_retracted(
    request: HttpRequest, form: Form, found: RowView, patient: Patient, view: RecordView
) -> HttpResponse:
    """The row was retracted while somebody amended it: what was typed may become a new row."""
    part = read_form(form, request.POST, {patient.disease}, left_out=form.keys)
    page = EntryPage([part], version=patient.version_row.version)
    page.gone = _("%(row)s was retracted while you were working on it.") % {"row": found.label}
    entry = _row_entry(page, part, found, patient, view)
    if not form.keys:
        entry.context["save_as"] = reverse("row_create", args=[patient.public_id, form])
    return save_entry(request, entry)


@require_http_methods(["GET", "POST"])
@requires(Permission.EDIT_RECORDS)
def row_create(request: HttpRequest, record: uuid.UUID, form: Form) -> HttpResponse:
    """A new row of a form."""
    patient = editable_record(record, is_sent=request.method == "POST")
    view = view_record(patient, identifiers=False)
    sent = sent_form(request, patient.center_id)
    if sent is not None:
        part = read_form(form, sent, {patient.disease})
        page = read_page(sent, [part])
    else:
        part = blank_form(form, {patient.disease}, initial=_initial(view, form))
        page = EntryPage([part])
    entry = Entry(
        page,
        _("New %(row)s") % {"row": _(form.row_title).lower()},
        patient.center_id,
        lambda: [RowChange(form.name, part.changes)],
        _("%(row)s was saved.") % {"row": _(form.row_title)},
        patient,
        view,
        again=reverse("row_create", args=[record, form]),
        onward=_onward(form),
    )
    return save_entry(request, entry) if request.method == "POST" else show_entry(request, entry)


def _onward(form: Form) -> Onward | None:
    """The form that is filled in after this one, in the order of a chart."""
    place = ORDER.index(form.name) if form.name in ORDER else len(ORDER)
    if place + 1 >= len(ORDER):
        return None
    following = FORMS[ORDER[place + 1]]
    return Onward(_(following.title).lower(), "row_create", (following.name,))


def _initial(view: RecordView, form: Form) -> dict[str, Value]:
    """The numbers that a new cycle most likely has: the second one of the last course."""
    if form is not CYCLES:
        return {}
    last = max((row.whole("course_number") or 0 for row in view.state.live("courses")), default=0)
    return {"course_number": last, "cycle_number": 2} if last else {}


@require_http_methods(["GET", "POST"])
@requires(Permission.EDIT_RECORDS)
def course_create(request: HttpRequest, record: uuid.UUID) -> HttpResponse:
    """A course with its first cycle, in one page and one save."""
    patient = editable_record(record, is_sent=request.method == "POST")
    view = view_record(patient, identifiers=False)
    sent = sent_form(request, patient.center_id)
    if sent is not None:
        course = read_form(COURSES, sent, set(), prefix="course.")
        cycle = read_form(CYCLES, sent, set(), prefix="cycle.", left_out=FIRST_CYCLE)
        page = read_page(sent, [course, cycle])
    else:
        number = 1 + max(
            (row.whole("course_number") or 0 for row in view.state.live("courses")), default=0
        )
        initial: dict[str, Value] = {"course_number": number}
        course = blank_form(COURSES, set(), prefix="course.", initial=initial)
        cycle = blank_form(CYCLES, set(), prefix="cycle.", left_out=FIRST_CYCLE)
        page = EntryPage([course, cycle])
    entry = _course_entry(page, course, cycle, patient, view)
    return save_entry(request, entry) if request.method == "POST" else show_entry(request, entry)


def _course_entry(
    page: EntryPage, course: EntryForm, cycle: EntryForm, patient: Patient, view: RecordView
) -> Entry:
    course.heading, cycle.heading = _("Course"), _("First cycle")

    def rows() -> list[RowChange]:
        number = course.boxes["course_number"].value
        first = {"course_number": number, "cycle_number": 1, **cycle.changes}
        return [RowChange("courses", course.changes), RowChange("cycles", first)]

    return Entry(
        page,
        _("New course"),
        patient.center_id,
        rows,
        _("The course and its first cycle were saved."),
        patient,
        view,
    )


@require_http_methods(["GET", "POST"])
@requires(Permission.EDIT_RECORDS)
def row_amend(request: HttpRequest, record: uuid.UUID, form: Form, row: uuid.UUID) -> HttpResponse:
    """A saved row, to be changed with a reason."""
    patient = editable_record(record, is_sent=request.method == "POST")
    view = view_record(patient, identifiers=False)
    found = _row_or_404(view, form, row, is_sent=request.method == "POST")
    if found.row.retracted:
        return _amend_retracted(request, form, found, patient, view)
    sent = sent_form(request, patient.center_id)
    if sent is not None:
        part = read_form(form, sent, {patient.disease}, row_id=found.row.id, left_out=form.keys)
        page = read_page(sent, [part], asks_reason=True)
    else:
        part = saved_form(form, found.row, {patient.disease}, left_out=form.keys)
        page = EntryPage([part], asks_reason=True, version=patient.version_row.version)
    entry = _row_entry(page, part, found, patient, view)
    return save_entry(request, entry) if request.method == "POST" else show_entry(request, entry)


def _row_entry(
    page: EntryPage, part: EntryForm, found: RowView, patient: Patient, view: RecordView
) -> Entry:
    name, row = part.form.name, found.row
    return Entry(
        page,
        found.label,
        patient.center_id,
        lambda: [RowChange(name, part.changes, row_id=row.id)],
        _("%(row)s was saved.") % {"row": _(part.form.row_title)},
        patient,
        view,
        dict(row.values),
        context={"form_name": part.form, "row": found},
    )


@require_http_methods(["GET", "POST"])
@requires(Permission.EDIT_RECORDS)
def row_retract(
    request: HttpRequest, record: uuid.UUID, form: Form, row: uuid.UUID
) -> HttpResponse:
    """Retracts a row entered in error: it stays visible, struck out, and counts nowhere."""
    patient = editable_record(record, is_sent=request.method == "POST")
    view = view_record(patient, identifiers=False)
    found = _row_or_404(view, form, row, is_sent=request.method == "POST")
    if found.row.retracted:  # pressed twice, or somebody else was faster
        messages.info(request, _("%(row)s is retracted already.") % {"row": found.label})
        return redirect("record_detail", record=record)
    part = EntryForm(form, {}, row_id=found.row.id)
    if request.method == "POST":
        page = read_page(request.POST, [part], asks_reason=True)
    else:
        page = EntryPage([part], asks_reason=True, version=patient.version_row.version)
    page.act = _("Retract")
    page.require_reason(request.method == "POST")
    entry = _retraction(page, form, found, patient, view)
    return save_entry(request, entry) if request.method == "POST" else show_entry(request, entry)


@require_http_methods(["GET", "POST"])
@requires(Permission.EDIT_RECORDS)
def row_restore(
    request: HttpRequest, record: uuid.UUID, form: Form, row: uuid.UUID
) -> HttpResponse:
    """Takes back the retraction of a row: it counts again and is checked as if entered now."""
    patient = editable_record(record)
    view = view_record(patient, identifiers=False)
    found = view.row(form.name, row)
    if found is None:
        raise Http404
    if not found.row.retracted:  # restored meanwhile: there it stands
        return redirect("record_detail", record=record)
    part = EntryForm(form, {}, row_id=found.row.id)
    if request.method == "POST":
        page = read_page(request.POST, [part], asks_reason=True)
    else:
        page = EntryPage([part], asks_reason=True, version=patient.version_row.version)
    page.act = _("Restore")
    page.require_reason(request.method == "POST")
    entry = _restoration(page, form, found, patient, view)
    return save_entry(request, entry) if request.method == "POST" else show_entry(request, entry)


def _restoration(
    page: EntryPage, form: Form, found: RowView, patient: Patient, view: RecordView
) -> Entry:
    assert found.row.id is not None
    rows = rows_to_restore(patient.pk, form.name, found.row.id)
    return Entry(
        page,
        _("Restore %(row)s") % {"row": found.label},
        patient.center_id,
        lambda: [RowChange(name, row_id=key, restore=True) for name, key in rows],
        _("%(row)s counts again.") % {"row": found.label},
        patient,
        view,
        template="patients/row_retract.html",
        context={"values": _entered(form, found), "cycles": len(rows) - 1, "is_restoring": True},
    )


def _entered(form: Form, found: RowView) -> list[tuple[str, str]]:
    """What the row holds: (label, value)."""
    return [
        (_(field.label), display_value(field, value))
        for field in form.fields
        if (value := found.row.values.get(field.name)) is not None
    ]


def _retraction(
    page: EntryPage, form: Form, found: RowView, patient: Patient, view: RecordView
) -> Entry:
    rows = [found.row]
    if form is COURSES:  # a course is retracted with its cycles
        number = found.row.value("course_number")
        cycles = view.state.live(CYCLES.name)
        rows += [cycle for cycle in cycles if cycle.value("course_number") == number]
    return Entry(
        page,
        _("Retract %(row)s") % {"row": found.label},
        patient.center_id,
        lambda: [RowChange(row.form, row_id=row.id, retract=True) for row in rows],
        _("%(row)s was retracted.") % {"row": found.label},
        patient,
        view,
        template="patients/row_retract.html",
        context={
            "values": _entered(form, found),
            "cycles": len(rows) - 1,
            "form": FORMS[form.name],
        },
    )
