"""How every form page saves: check, claim the submission, one action, and the answer."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from centers.access import required_scope
from patients.actions.changes import Conflict, RecordChange, Refused, RowChange, SavedRecord
from patients.actions.drafts import DraftPage, drop_draft
from patients.actions.preview import preview_record
from patients.actions.records import save_records
from patients.actions.submissions import (
    claim_submission,
    complete_submission,
    submitted_record,
)
from patients.calculated import Calculated
from patients.forms.page import EntryPage
from patients.models import Patient
from patients.queries.confirmed import carried_reasons
from patients.queries.data_queries import open_queries_of
from patients.queries.field_notes import lead_to_row
from patients.queries.record_page import RecordView
from patients.queries.twins import twins_of
from patients.rules.record import RecordState
from patients.rules.values import Value
from patients.views.drafts import KEEP, RESTORE, address_of, offer_of
from patients.views.shared import banner, notes_beside_fields

OK, REFUSED, CONFLICT = 200, 422, 409
# Asks only for the checks: the script sends it while somebody types.
CHECK_HEADER = "X-Registry-Check"


@dataclass(frozen=True, slots=True)
class Onward:
    """Where "save and next" leads: the route (it takes the record and `arguments`) and its words."""

    title: str
    route: str
    arguments: tuple[str, ...] = ()


@dataclass(slots=True)
class Entry:
    """One form page: what it shows and what saving it means.

    `rows` are built only when the page is valid. `current` are the row's values as saved now, for
    a conflict. `again` names the address of "save and add another", if the page offers it. `query` is
    the part of the page's address that tells its draft from others.
    """

    page: EntryPage
    heading: str
    center_id: int
    rows: Callable[[], Sequence[RowChange]]
    done: str
    patient: Patient | None = None
    view: RecordView | None = None
    current: dict[str, Value] = field(default_factory=dict)
    again: str = ""
    template: str = "patients/entry_form.html"
    context: dict[str, Any] = field(default_factory=dict)
    query: str = ""
    # Values that follow from the record as it stands, or would stand.
    outputs: Callable[[RecordState], Sequence[Calculated]] = lambda _: ()
    # The next form of the record, by "save and next".
    onward: Onward | None = None

    def links(self) -> dict[tuple[str, int | None], str]:
        """Where other rows of the record stand on its page, by form and row id, for findings."""
        if self.view is None or self.patient is None:
            return {}
        page = reverse("record_detail", args=[self.patient.public_id])
        return {row: page + link.href for row, link in self.view.links.items()}


def show_entry(request: HttpRequest, entry: Entry, status: int = OK) -> HttpResponse:
    """The page with its boxes, and with the error summary when something was refused."""
    context: dict[str, Any] = {"section": "records", "page": entry.page, "heading": entry.heading}
    if request.method != "POST" and RESTORE in request.GET:
        entry.page.forget_errors()  # nobody has sent it yet
    if not entry.page.act:
        context["offer"] = offer_of(request, _draft_page(request, entry))
    if status == OK and RESTORE not in request.GET:
        context["first_box"] = entry.page.first_box
        if entry.patient is not None and entry.page.adds:
            entry.page.carry(carried_reasons(entry.patient.pk))
    if entry.patient is not None:
        context |= banner(entry.patient)
        _put_notes(entry, entry.patient)
    context |= {"again": entry.again, "onward": entry.onward} | entry.context
    if entry.view is not None:
        context["calculated"] = entry.outputs(entry.view.state)
    # What is locked is read as text; what was typed before the lock stays in its boxes.
    is_locked = entry.patient is not None and context["signing"].lock is not None
    as_text = is_locked and request.method != "POST"
    template = "patients/entry_locked.html" if as_text else entry.template
    return render(request, template, context, status=status)


def _put_notes(entry: Entry, patient: Patient) -> None:
    """How the fields of saved rows changed and what is asked about them, beside their boxes."""
    saved = [part for part in entry.page.parts if part.row_id is not None and part.boxes]
    if not saved:
        return
    notes = notes_beside_fields(patient, open_queries_of(patient.pk))
    for part in saved:
        row = entry.context.get("row")
        for name, box in part.boxes.items():
            note = notes.get((part.form.name, part.row_id or 0, name))
            if note is not None and row is not None:
                lead_to_row(note, str(row.public_id))
            box.note = note


def _draft_page(request: HttpRequest, entry: Entry) -> DraftPage:
    patient, version = entry.patient, entry.page.version
    if patient is not None and version is None:
        version = patient.version_row.version
    record = patient.public_id if patient else None
    address = address_of(request, entry.query)
    return DraftPage(entry.center_id, address, entry.heading, record, version)


def save_entry(request: HttpRequest, entry: Entry) -> HttpResponse:
    """Save what was sent and go to the record; else the same page with 422 or 409."""
    page = entry.page
    if CHECK_HEADER in request.headers:
        return _check_entry(entry)
    if page.gone or (entry.patient is not None and entry.patient.retracted):
        page.gone = page.gone or _("This record was retired while you were working on it.")
        page.is_conflict = True
        return show_entry(request, entry, CONFLICT)
    if not page.is_valid:
        return show_entry(request, entry, REFUSED)
    if not page.is_changed:
        messages.info(request, _("Nothing was changed."))
        return _go_on(request, entry, entry.patient.public_id if entry.patient else None)
    try:
        record = _save_once(request, entry)
    except Refused as refused:
        page.refuse(refused.findings, entry.links())
        own = entry.patient.pk if entry.patient else None
        entry.context |= {"twins": twins_of(refused.findings, required_scope(), own)}
        is_locked = any(finding.check == "record.locked" for finding in refused.findings)
        return show_entry(request, entry, CONFLICT if is_locked else REFUSED)
    except Conflict as conflict:
        page.merge(conflict.actual, entry.current)
        return show_entry(request, entry, CONFLICT)
    messages.success(request, entry.done)
    return _go_on(request, entry, record)


def _check_entry(entry: Entry) -> HttpResponse:
    """What the server says to what stands in the boxes, for the script: nothing is saved."""
    page = entry.page
    state, findings = preview_record(actor=required_scope(), change=_change(entry))
    page.refuse(findings, {})
    return JsonResponse(
        {
            "errors": page.notes("error"),
            "warnings": page.notes("warning"),
            "outputs": {value.id: value.text for value in entry.outputs(state)},
        }
    )


def _save_once(request: HttpRequest, entry: Entry) -> uuid.UUID | None:
    """One transaction: the claim and the action stand or fall together, the draft goes with them."""
    submission = uuid.UUID(entry.page.submission)
    with transaction.atomic():
        if not claim_submission(submission, entry.center_id):
            return submitted_record(submission)
        saved = _save(entry)
        complete_submission(submission, saved.patient_id)
        if not entry.page.act and KEEP not in request.POST:
            drop_draft(
                actor=required_scope(),
                center_id=entry.center_id,
                address=address_of(request, entry.query),
            )
        return saved.public_id


def _change(entry: Entry) -> RecordChange:
    return RecordChange(
        entry.center_id,
        entry.patient.pk if entry.patient else None,
        list(entry.rows()),
        expected_version=entry.page.version,
    )


def _save(entry: Entry) -> SavedRecord:
    return save_records(
        actor=required_scope(),
        changes=[_change(entry)],
        reason=entry.page.reason,
        confirmed=entry.page.confirmed,
    )[0]


def _go_on(request: HttpRequest, entry: Entry, record: uuid.UUID | None) -> HttpResponse:
    if entry.again and "again" in request.POST:
        return redirect(entry.again)
    if entry.onward and record and "onward" in request.POST:
        return redirect(entry.onward.route, record, *entry.onward.arguments)
    return redirect("record_detail", record=record) if record else redirect("record_list")
