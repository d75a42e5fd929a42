"""Creating a record, amending its baseline form, and withdrawing consent."""

from __future__ import annotations

import uuid
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_http_methods

from centers.access import required_scope, requires
from centers.models import Center
from centers.roles import Permission
from patients.actions.changes import RowChange
from patients.calculated import of_patient
from patients.forms.entry import EntryForm, blank_form, read_form, saved_form
from patients.forms.page import EntryPage, read_page
from patients.forms.sections import BASELINE, IDENTIFYING
from patients.labels import code_label
from patients.models import Patient
from patients.queries.record_page import RecordView, view_record
from patients.rules.dictionary import DISEASES, PATIENTS
from patients.views.drafts import sent_form
from patients.views.entry import Entry, Onward, save_entry, show_entry
from patients.views.shared import editable_record, note_reading, sees_identifiers

FIXED_AT_CREATION = ("disease",)
DISEASE = PATIENTS.by_name["disease"]
GRID = Onward(gettext_noop("courses and cycles"), "course_grid")


@require_http_methods(["GET", "POST"])
@requires(Permission.EDIT_RECORDS)
def record_create(request: HttpRequest) -> HttpResponse:
    """A new record: first its center and disease (the address), then the baseline form."""
    editable = required_scope().permitted.get(Permission.EDIT_RECORDS, frozenset())
    centers = list(Center.objects.filter(id__in=editable, status="active").order_by("code"))
    code = request.GET.get("center", centers[0].code if len(centers) == 1 else "")
    center = next((c for c in centers if c.code == code), None)
    disease = request.GET.get("disease", "")
    if center is None or disease not in DISEASES:
        context = {"section": "records", "centers": centers, "center": center, "field": DISEASE}
        return render(request, "patients/record_start.html", context)
    entry = _creation(request, center, disease)
    return save_entry(request, entry) if request.method == "POST" else show_entry(request, entry)


def _creation(request: HttpRequest, center: Center, disease: str) -> Entry:
    query = urlencode({"center": center.code, "disease": disease})
    sent = sent_form(request, center.pk, query)
    if sent is not None:
        part = read_form(BASELINE, sent, {disease}, left_out=FIXED_AT_CREATION)
        page = read_page(sent, [part])
    else:
        part = blank_form(BASELINE, {disease}, left_out=FIXED_AT_CREATION)
        page = EntryPage([part])
    words = code_label(DISEASE, disease)
    return Entry(
        page,
        _("New record"),
        center.pk,
        lambda: [RowChange("patients", {"disease": disease, **part.changes})],
        _("The record was created. Its outcome follows when a course is entered."),
        context={"note": f"{center.code}, {words.lower()}", "change_start": True},
        query=query,
        onward=GRID,
    )


@require_http_methods(["GET", "POST"])
@requires(Permission.EDIT_RECORDS)
def record_amend(request: HttpRequest, record: uuid.UUID) -> HttpResponse:
    """The baseline form of a saved record."""
    patient = editable_record(record, is_sent=request.method == "POST")
    view = view_record(patient, identifiers=sees_identifiers(patient))
    if sees_identifiers(patient):
        note_reading("baseline", patient)
    entry = _amendment(request, patient, view)
    return save_entry(request, entry) if request.method == "POST" else show_entry(request, entry)


def _amendment(request: HttpRequest, patient: Patient, view: RecordView) -> Entry:
    row = view.state.patient
    hidden: frozenset[str] = frozenset() if sees_identifiers(patient) else IDENTIFYING
    diseases = {patient.disease}
    sent = sent_form(request, patient.center_id)
    if sent is not None:
        # A changed disease: the fields of both are on the page, to empty the one and fill the other.
        diseases.add(sent.get("disease", ""))
        part = read_form(BASELINE, sent, diseases, row_id=patient.pk, left_out=hidden)
        page = read_page(sent, [part], asks_reason=True)
    else:
        part = saved_form(BASELINE, row, diseases, left_out=hidden)
        page = EntryPage([part], asks_reason=True, version=patient.version_row.version)
    return Entry(
        page,
        _("Patient and baseline"),
        patient.center_id,
        lambda: [RowChange("patients", part.changes)],
        _("The baseline form was saved."),
        patient,
        view,
        dict(row.values),
        outputs=of_patient,
        onward=GRID,
    )


@require_http_methods(["GET", "POST"])
@requires(Permission.EDIT_RECORDS)
def consent_withdraw(request: HttpRequest, record: uuid.UUID) -> HttpResponse:
    """Withdraws consent: the record stays, and leaves every figure and export made from now on."""
    patient = editable_record(record, is_sent=request.method == "POST")
    part = EntryForm(PATIENTS, {}, row_id=patient.pk)
    if request.method == "POST":
        page = read_page(request.POST, [part], asks_reason=True)
    else:
        page = EntryPage([part], asks_reason=True, version=patient.version_row.version)
    page.act = _("Withdraw consent")
    page.require_reason(request.method == "POST")
    entry = Entry(
        page,
        _("Withdraw consent"),
        patient.center_id,
        lambda: [RowChange("patients", {"consent": "withdrawn"})],
        _("Consent is withdrawn. The record is left out of every figure and export from now on."),
        patient,
        template="patients/consent_withdraw.html",
    )
    return save_entry(request, entry) if request.method == "POST" else show_entry(request, entry)
