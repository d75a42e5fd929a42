"""URL roots."""

from __future__ import annotations

from django.urls import include, path

from registry import views

urlpatterns = [
    path("", views.home, name="home"),
    path("live", views.live, name="live"),
    path("ready", views.ready, name="ready"),
    path("", include("centers.urls")),
    path("", include("patients.urls")),
    path("", include("analytics.urls")),
]
