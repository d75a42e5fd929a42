"""The clinical record: forms, edit checks, actions, import, pages."""

from django.apps import AppConfig


class PatientsConfig(AppConfig):
    """Holds no statistics: analytics fills the slots that this app names."""

    name = "patients"
