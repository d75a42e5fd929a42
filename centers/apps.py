"""The floor of the house: centers, people, access and audit."""

from importlib import import_module

from django.apps import AppConfig


class CentersConfig(AppConfig):
    """No word of medicine in here."""

    name = "centers"

    def ready(self) -> None:
        """Register the system checks; signing in and out become audit events."""
        import_module("centers.checks")
        import_module("centers.sign_in").connect()
        import_module("centers.confirmation").connect()
        import_module("centers.session_limits").connect()
