"""URL roots."""

from __future__ import annotations

from django.urls import include, path

from registry import csp_reports, views

urlpatterns = [
    path("", views.home, name="home"),
    path("live", views.live, name="live"),
    path("ready", views.ready, name="ready"),
    path("csp-report/", csp_reports.csp_report, name="csp_report"),
    path("", include("centers.urls")),
    path("", include("patients.urls")),
    path("", include("analytics.urls")),
]
