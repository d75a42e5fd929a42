"""The clinical record: forms, edit checks, actions, import, pages."""

from importlib import import_module

from django.apps import AppConfig


class PatientsConfig(AppConfig):
    """Holds no statistics: analytics fills the slots that this app names."""

    name = "patients"

    def ready(self) -> None:
        """See patients/filling.py."""
        import_module("patients.filling").fill()
