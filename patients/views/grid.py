"""A record's courses and cycles as one grid: saved by one action, in one transaction."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Final

from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from centers.access import requires
from centers.roles import Permission
from patients.calculated import Calculated, of_course
from patients.forms.grid import COLUMNS, Grid, copy_above, first_box, make_grid
from patients.forms.page import EntryPage, read_page
from patients.forms.pasting import Pasted, paste_cycles
from patients.models import Patient
from patients.queries.record_page import RecordView, view_record
from patients.rules.definitions import DEFINITIONS
from patients.rules.dictionary import COURSES, CYCLES
from patients.rules.record import RecordState
from patients.views.drafts import sent_form
from patients.views.entry import Entry, Onward, save_entry, show_entry
from patients.views.shared import editable_record

PASTE_LIMIT: Final = 20_000
HEADS: Final = {
    form.name: [(field, DEFINITIONS[form.name][field.name]) for field in COLUMNS[form.name]]
    for form in (COURSES, CYCLES)
}


@require_http_methods(["GET", "POST"])
@requires(Permission.EDIT_RECORDS)
def course_grid(request: HttpRequest, record: uuid.UUID) -> HttpResponse:
    """All courses and cycles of a record. Some buttons only change the grid: they save nothing."""
    patient = editable_record(record, is_sent=request.method == "POST")
    view = view_record(patient, identifiers=False)
    sent = sent_form(request, patient.center_id)
    if sent is None:
        grid, pasted = make_grid(view.state, None), None
        page = EntryPage(grid.parts, asks_reason=True, version=patient.version_row.version)
        return show_entry(request, _entry(page, grid, patient, view))
    grid, pasted = _changed_grid(view, sent)
    page = read_page(sent, grid.parts, asks_reason=True)
    entry = _entry(page, grid, patient, view, pasted)
    if request.method == "GET" or pasted is not None:
        page.forget_errors()
        return show_entry(request, entry)
    return save_entry(request, entry)


def _changed_grid(view: RecordView, sent: QueryDict) -> tuple[Grid, Pasted | None]:
    """The grid as sent, after the button that was pressed (add a course, copy, paste), if any."""
    grid = make_grid(view.state, sent)
    pasted: Pasted | None = None
    if "copy" in sent:
        pasted = Pasted(copy_above(grid, sent, sent.get("copy", "")))
    elif sent.get("grid") == "more":
        return make_grid(view.state, sent, grid.blank + 1), Pasted(sent)
    elif sent.get("grid") == "paste":
        pasted = paste_cycles(grid, sent, sent.get("paste", "")[:PASTE_LIMIT])
    return (make_grid(view.state, pasted.sent) if pasted else grid), pasted


def _entry(
    page: EntryPage, grid: Grid, patient: Patient, view: RecordView, pasted: Pasted | None = None
) -> Entry:
    was = pasted.was if pasted else {}
    for row in grid.rows:
        row.was = {name: was[box.name] for name, box in row.part.boxes.items() if box.name in was}

    def outputs(state: RecordState) -> Sequence[Calculated]:
        numbers = [int(row.key) for row in grid.courses]
        return [value for number in numbers for value in of_course(state, number)]

    values = outputs(view.state)
    size = len(values) // len(grid.courses) if grid.courses else 0
    for place, row in enumerate(grid.courses):
        row.calculated = values[place * size : (place + 1) * size]
    return Entry(
        page,
        _("Courses and cycles"),
        patient.center_id,
        lambda: grid.changes,
        _("Courses and cycles were saved."),
        patient,
        view,
        template="patients/course_grid.html",
        context={
            "grid": grid,
            "heads": HEADS,
            "problem": pasted.problem if pasted else "",
            "unsaved": pasted is not None,
            "first_box": first_box(grid.cycles),
        },
        outputs=outputs,
        onward=Onward("assessments", "row_create", ("assessments",)),
    )
