"""Outcomes, statistics, cohorts, exports: everything derived from the clinical record."""

from importlib import import_module

from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    """Fills the slots of patients with what analytics knows, once the models of both are loaded."""

    name = "analytics"

    def ready(self) -> None:
        """See analytics/slots.py."""
        import_module("analytics.slots").fill()
