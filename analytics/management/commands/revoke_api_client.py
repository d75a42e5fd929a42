"""`manage.py revoke_api_client ID`: end a client of the REST API, and its tokens, now."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from analytics.actions.clients import end_client
from analytics.models import ApiClient
from centers.access import acting, system_scope


class Command(BaseCommand):
    """Requests of the client, and with its tokens, are refused from then on."""

    help = "Revoke a client of the REST API."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The id that create_api_client printed."""
        parser.add_argument("client_id")

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit status 1 when there is no such client."""
        with acting(system_scope()), transaction.atomic():
            try:
                found = ApiClient.objects.get(client_id=options["client_id"])
            except ApiClient.DoesNotExist as error:
                raise CommandError("There is no client of that id.") from error
            end_client(client_id=found.pk)
        self.stdout.write(f"Client {found.client_id} is revoked.")
