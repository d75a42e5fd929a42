"""URL roots."""

from __future__ import annotations

from django.urls import include, path

from registry import csp_reports, health, operations, views

handler500 = "registry.views.server_error"
urlpatterns = [
    path("", views.home, name="home"),
    path("live", health.live, name="live"),
    path("ready", health.ready, name="ready"),
    path("metrics", health.metrics, name="metrics"),
    path("administration/operations/", operations.operations, name="operations"),
    path("administration/operations/retry/", operations.operations_retry, name="operations_retry"),
    path("csp-report/", csp_reports.csp_report, name="csp_report"),
    path("", include("centers.urls")),
    path("", include("patients.urls")),
    path("", include("analytics.urls")),
]
