"""Pages of the clinical record. No address holds anything that identifies a person."""

from __future__ import annotations

from django.urls import path, register_converter

from patients.rules.dictionary import RECORD_FORMS, Form
from patients.views import baseline, records, rows


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
    path("records/new/", baseline.record_create, name="record_create"),
    path("records/<uuid:record>/", records.record_detail, name="record_detail"),
    path("records/<uuid:record>/outcome/", records.record_outcome, name="record_outcome"),
    path("records/<uuid:record>/baseline/", baseline.record_amend, name="record_amend"),
    path("records/<uuid:record>/consent/", baseline.consent_withdraw, name="consent_withdraw"),
    path("records/<uuid:record>/courses/new/", rows.course_create, name="course_create"),
    path("records/<uuid:record>/<form:form>/new/", rows.row_create, name="row_create"),
    path("records/<uuid:record>/<form:form>/<uuid:row>/", rows.row_amend, name="row_amend"),
    path(
        "records/<uuid:record>/<form:form>/<uuid:row>/retract/",
        rows.row_retract,
        name="row_retract",
    ),
]
