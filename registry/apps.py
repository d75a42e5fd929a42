"""The project as an app: it brings `manage.py up` and the style sheet."""

from importlib import import_module

from django.apps import AppConfig

from registry.celery import app as celery_app


class RegistryConfig(AppConfig):
    """Makes the Celery application the current one before any task is used."""

    name = "registry"

    def ready(self) -> None:
        """Tasks declared with shared_task bind to this application; checks are registered."""
        celery_app.set_default()
        import_module("registry.checks")
