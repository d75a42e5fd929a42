"""Pages of outcomes and cohorts, and the REST API."""

from __future__ import annotations

from django.urls import include, path

from analytics.views import (
    accrual,
    clients,
    cohort,
    cuts,
    description,
    files,
    flow,
    past,
    progression,
    quality,
    report,
    saved,
    sensitivity,
    survival,
    swimmer,
)

urlpatterns = [
    path("cohort/", cohort.cohort_overview, name="cohort_overview"),
    path("cohort/description/", description.cohort_description, name="cohort_description"),
    path("cohort/survival/", survival.cohort_survival, name="cohort_survival"),
    path("cohort/progression/", progression.cohort_progression, name="cohort_progression"),
    path("cohort/swimmer/", swimmer.cohort_swimmer, name="cohort_swimmer"),
    path("cohort/flow/", flow.cohort_flow, name="cohort_flow"),
    path("cohort/flow/records/", flow.cohort_flow_records, name="cohort_flow_records"),
    path("cohort/accrual/", accrual.cohort_accrual, name="cohort_accrual"),
    path("cohort/quality/", quality.cohort_quality, name="cohort_quality"),
    path(
        "cohort/figures/<slug:figure>.<slug:kind>",
        files.cohort_file,
        name="cohort_file",
    ),
    path("records/<uuid:record>/past/", past.record_past, name="record_past"),
    path("cohort/sensitivity/", sensitivity.cohort_sensitivity, name="cohort_sensitivity"),
    path("cohort/report/", report.cohort_report, name="cohort_report"),
    path("cohort/report.html", report.cohort_report_file, name="cohort_report_file"),
    path("cohort/views/", saved.view_list, name="view_list"),
    path("cohort/views/new/<slug:page>/", saved.view_save, name="view_save"),
    path("cohort/views/<uuid:view>/remove/", saved.view_remove, name="view_remove"),
    path("cohort/cuts/", cuts.cut_list, name="cut_list"),
    path("cohort/cuts/new/", cuts.cut_create, name="cut_create"),
    path("cohort/cuts/compare/", cuts.cut_compare, name="cut_compare"),
    path("cohort/cuts/<uuid:cut>/", cuts.cut_detail, name="cut_detail"),
    path("cohort/cuts/<uuid:cut>/name/", cuts.cut_rename, name="cut_rename"),
    path("cohort/cuts/<uuid:cut>/lock/", cuts.cut_lock, name="cut_lock"),
    path("cohort/cuts/<uuid:cut>/again/", cuts.cut_reproduce, name="cut_reproduce"),
    path("api/v1/", include("analytics.api.urls")),
    path("administration/clients/", clients.client_list, name="client_list"),
    path("administration/clients/new/", clients.client_create, name="client_create"),
    path(
        "administration/clients/<uuid:client>/revoke/",
        clients.client_revoke,
        name="client_revoke",
    ),
]
