"""Pages of the clinical record. No address holds anything that identifies a person."""

from __future__ import annotations

from django.urls import path, register_converter

from patients.rules.dictionary import RECORD_FORMS, Form
from patients.views import (
    baseline,
    data_queries,
    download,
    drafts,
    duplicates,
    grid,
    history,
    identifiers,
    imports,
    monitoring,
    paper,
    records,
    rows,
    signatures,
    work,
)


class FormConverter:
    """A form of the dictionary that has rows, by its name."""

    regex = "|".join(form.name for form in RECORD_FORMS[1:])
    _forms = {form.name: form for form in RECORD_FORMS[1:]}

    def to_python(self, value: str) -> Form:
        """The form; the expression lets only known names through."""
        return self._forms[value]

    def to_url(self, value: Form | str) -> str:
        """Its name."""
        return value.name if isinstance(value, Form) else value


register_converter(FormConverter, "form")

urlpatterns = [
    path("records/", records.record_list, name="record_list"),
    path("records/find/", records.record_find, name="record_find"),
    path("records/switch/", records.record_switch, name="record_switch"),
    path("records/blank/", paper.blank_forms, name="blank_forms"),
    path("records/work/", work.work_list, name="work_list"),
    path("records/due/", work.due_list, name="due_list"),
    path("records/due/mail/", work.reminder_set, name="reminder_set"),
    path("records/new/", baseline.record_create, name="record_create"),
    path("records/download/", download.record_download, name="record_download"),
    path("records/imports/", imports.import_list, name="import_list"),
    path("records/imports/new/", imports.import_create, name="import_create"),
    path("records/imports/template.<slug:kind>", imports.import_template, name="import_template"),
    path("records/imports/<uuid:job>/", imports.import_detail, name="import_detail"),
    path("records/imports/<uuid:job>/columns/", imports.import_columns, name="import_columns"),
    path("records/imports/<uuid:job>/cells/", imports.import_cells, name="import_cells"),
    path("records/imports/<uuid:job>/effects/", imports.import_effects, name="import_effects"),
    path("records/imports/<uuid:job>/report.csv", imports.import_report, name="import_report"),
    path("records/imports/<uuid:job>/check/", imports.import_check, name="import_check"),
    path("records/imports/<uuid:job>/commit/", imports.import_commit, name="import_commit"),
    path("records/imports/<uuid:job>/undo/", imports.import_undo, name="import_undo"),
    path("records/imports/<uuid:job>/discard/", imports.import_discard, name="import_discard"),
    path("records/drafts/", drafts.draft_list, name="draft_list"),
    path("records/drafts/save/", drafts.draft_save, name="draft_save"),
    path("records/drafts/<uuid:draft>/discard/", drafts.draft_discard, name="draft_discard"),
    path("records/<uuid:record>/", records.record_detail, name="record_detail"),
    path("records/<uuid:record>/reveal/", identifiers.record_reveal, name="record_reveal"),
    path("records/<uuid:record>/retire/", identifiers.record_retire, name="record_retire"),
    path("records/<uuid:record>/erase/", identifiers.record_erase, name="record_erase"),
    path("records/<uuid:record>/history/", history.record_history, name="record_history"),
    path(
        "records/<uuid:record>/history/events.<slug:form>",
        history.record_history_download,
        name="record_history_download",
    ),
    path("records/<uuid:record>/outcome/", records.record_outcome, name="record_outcome"),
    path("records/<uuid:record>/baseline/", baseline.record_amend, name="record_amend"),
    path("records/<uuid:record>/consent/", baseline.consent_withdraw, name="consent_withdraw"),
    path("records/<uuid:record>/grid/", grid.course_grid, name="course_grid"),
    path("records/<uuid:record>/courses/new/", rows.course_create, name="course_create"),
    path("records/<uuid:record>/<form:form>/new/", rows.row_create, name="row_create"),
    path("records/<uuid:record>/<form:form>/<uuid:row>/", rows.row_amend, name="row_amend"),
    path(
        "records/<uuid:record>/<form:form>/<uuid:row>/retract/",
        rows.row_retract,
        name="row_retract",
    ),
    path("records/<uuid:record>/queries/new/", data_queries.query_raise, name="query_raise"),
    path(
        "records/<uuid:record>/<form:form>/<uuid:row>/restore/",
        rows.row_restore,
        name="row_restore",
    ),
    path("records/<uuid:record>/contacts/", work.record_contacts, name="record_contacts"),
    path("records/<uuid:record>/contacts/new/", work.contact_create, name="contact_create"),
    path(
        "records/<uuid:record>/contacts/<uuid:contact>/retract/",
        work.contact_retract,
        name="contact_retract",
    ),
    path("records/<uuid:record>/verify/", signatures.record_verify, name="record_verify"),
    path("records/<uuid:record>/sign/", signatures.record_sign, name="record_sign"),
    path("records/<uuid:record>/lock/", signatures.record_lock, name="record_lock"),
    path("records/<uuid:record>/print/", signatures.record_print, name="record_print"),
    path("monitoring/duplicates/", duplicates.duplicate_list, name="duplicate_list"),
    path(
        "monitoring/duplicates/<uuid:first>/<uuid:second>/",
        duplicates.duplicate_review,
        name="duplicate_review",
    ),
    path("monitoring/locks/", monitoring.lock_list, name="lock_list"),
    path("monitoring/queries/", data_queries.query_list, name="query_list"),
    path("monitoring/queries/<uuid:query>/", data_queries.query_detail, name="query_detail"),
    path("monitoring/queries/<uuid:query>/answer/", data_queries.query_answer, name="query_answer"),
    path("monitoring/queries/<uuid:query>/close/", data_queries.query_close, name="query_close"),
    path("monitoring/queries/<uuid:query>/reopen/", data_queries.query_reopen, name="query_reopen"),
]
