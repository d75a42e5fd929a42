"""`manage.py create_api_token --label TEXT`: a bearer token for the REST API, shown once."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from analytics.actions.api_tokens import DEFAULT_DAYS, create_api_token
from centers.access import acting, system_scope
from centers.models import SYSTEM_USER_ID, User


class Command(BaseCommand):
    """Prints the token alone on standard output, so that it can be piped into a secret store."""

    help = "Create a bearer token for the REST API. It is shown once; only its hash is stored."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The label, whose rights the token has, and for how long."""
        parser.add_argument("--label", required=True, help="what the token is for")
        parser.add_argument(
            "--owner",
            default="",
            help="user name whose rights it reads with (default: the system account, all centers)",
        )
        parser.add_argument(
            "--days", type=int, default=DEFAULT_DAYS, help="days until it expires (default 90)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit status 1 with a reason when the owner or a value is refused."""
        with acting(system_scope()), transaction.atomic():
            try:
                owner = (
                    User.objects.get(username__iexact=options["owner"], is_active=True)
                    if options["owner"]
                    else User.objects.get(pk=SYSTEM_USER_ID)
                )
                token, secret = create_api_token(
                    label=options["label"], owner=owner, days=options["days"]
                )
            except User.DoesNotExist as error:
                raise CommandError("There is no active account of that user name.") from error
            except ValueError as error:
                raise CommandError(str(error)) from error
        self.stderr.write(
            f"Token {token.pk} ({token.label}), valid until {token.expires_at:%Y-%m-%d}. It is not"
            f" shown again; end it with: manage.py revoke_api_token {token.pk}"
        )
        self.stdout.write(secret)
