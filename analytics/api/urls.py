"""Addresses of the REST API, version 1."""

from __future__ import annotations

from django.urls import path

from analytics.api import cohorts, figures, openapi, outcomes, tokens

urlpatterns = [
    path("token", tokens.token, name="api_token"),
    path("token/revoke", tokens.revoke, name="api_token_revoke"),
    path("openapi.json", openapi.schema, name="api_schema"),
    path("docs", openapi.docs, name="api_docs"),
    path("survival", figures.survival, name="api_survival"),
    path("centers", figures.centers, name="api_centers"),
    path("cohorts", cohorts.cohorts, name="api_cohorts"),
    path("cohorts/<uuid:cohort>", cohorts.one_cohort, name="api_cohort"),
    path("outcomes.csv", outcomes.outcomes_csv, name="api_outcomes_csv"),
]
