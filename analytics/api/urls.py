"""Addresses of the REST API, version 1."""

from __future__ import annotations

from django.urls import path, register_converter
from django.urls.converters import PathConverter

from analytics.api import cohorts, exports, figures, openapi, outcomes, released, tokens


class AnythingConverter(PathConverter):
    """Every text, with line feeds too."""

    regex = r"[\s\S]+"


register_converter(AnythingConverter, "anything")

urlpatterns = [
    path("token", tokens.token, name="api_token"),
    path("token/revoke", tokens.revoke, name="api_token_revoke"),
    path("openapi.json", openapi.schema, name="api_schema"),
    path("docs", openapi.docs, name="api_docs"),
    path("survival", figures.survival, name="api_survival"),
    path("centers", figures.centers, name="api_centers"),
    path("cohorts", cohorts.cohorts, name="api_cohorts"),
    path("cohorts/<uuid:cohort>", cohorts.one_cohort, name="api_cohort"),
    path("cuts", released.cuts, name="api_cuts"),
    path("codebook", released.codebook_view, name="api_codebook"),
    path("outcomes", released.outcomes, name="api_outcomes"),
    path("exports", exports.exports, name="api_exports"),
    path("exports/<uuid:export>", exports.one_export, name="api_export"),
    path("exports/<uuid:export>/manifest", exports.export_manifest, name="api_export_manifest"),
    path("exports/<uuid:export>/files/<str:file>", exports.export_file, name="api_export_file"),
    path("outcomes.csv", outcomes.outcomes_csv, name="api_outcomes_csv"),
    # Last: whatever is not above answers as the API does.
    path("<anything:rest>", openapi.absent, name="api_absent"),
]
