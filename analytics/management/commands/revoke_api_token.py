"""`manage.py revoke_api_token ID`: end a token of the REST API now."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics.actions.api_tokens import revoke_api_token
from analytics.models import ApiToken
from centers.access import acting, system_scope


class Command(BaseCommand):
    """Requests with the token answer 401 from then on."""

    help = "Revoke a bearer token of the REST API."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The number that create_api_token printed."""
        parser.add_argument("token_id", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit status 1 when there is no such token."""
        with acting(system_scope()):
            try:
                token = revoke_api_token(token_id=options["token_id"])
            except ApiToken.DoesNotExist as error:
                raise CommandError("There is no token of that number.") from error
        self.stdout.write(f"Token {token.pk} is revoked.")
