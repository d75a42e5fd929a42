"""Pages of outcomes and cohorts, and the REST API."""

from __future__ import annotations

from django.urls import path

from analytics.api import outcomes, tokens
from analytics.views import clients, cohort, description, files, survival

urlpatterns = [
    path("cohort/", cohort.cohort_overview, name="cohort_overview"),
    path("cohort/description/", description.cohort_description, name="cohort_description"),
    path("cohort/survival/", survival.cohort_survival, name="cohort_survival"),
    path(
        "cohort/figures/<slug:figure>.<slug:kind>",
        files.cohort_file,
        name="cohort_file",
    ),
    path("api/v1/token", tokens.token, name="api_token"),
    path("api/v1/token/revoke", tokens.revoke, name="api_token_revoke"),
    path("api/v1/outcomes.csv", outcomes.outcomes_csv, name="api_outcomes_csv"),
    path("administration/clients/", clients.client_list, name="client_list"),
    path("administration/clients/new/", clients.client_create, name="client_create"),
    path(
        "administration/clients/<uuid:client>/revoke/",
        clients.client_revoke,
        name="client_revoke",
    ),
]
