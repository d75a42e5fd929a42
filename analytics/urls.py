"""Pages of outcomes and cohorts, and the REST API."""

from __future__ import annotations

from django.urls import path

from analytics import views
from analytics.api.views import outcomes_csv

urlpatterns = [
    path("cohort/", views.cohort_overview, name="cohort_overview"),
    path("api/v1/outcomes.csv", outcomes_csv, name="outcomes_csv"),
]
