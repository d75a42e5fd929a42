"""The floor of the house: centers, people, access and audit."""

from django.apps import AppConfig


class CentersConfig(AppConfig):
    """No word of medicine in here."""

    name = "centers"
