"""`manage.py create_api_client --label TEXT`: a client of the REST API, its secret shown once."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from analytics.actions.clients import DEFAULT_DAYS, make_client
from analytics.clients import SCOPES, may_own
from analytics.models import Project
from centers.access import acting, system_scope
from centers.models import SYSTEM_USER_ID, User


class Command(BaseCommand):
    """Prints the id, then the secret, on standard output, so that they can be piped into a store."""

    help = "Create a client of the REST API. Its secret is shown once; only its hash is stored."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The label, the project, who answers for it, what for, and for how long."""
        parser.add_argument("--label", required=True, help="what the client is for")
        parser.add_argument("--project", required=True, help="name of the project it reads for")
        parser.add_argument(
            "--owner",
            default="",
            help="user name of who answers for it (default: the system account)",
        )
        parser.add_argument(
            "--scope",
            action="append",
            choices=list(SCOPES),
            help="what its tokens are good for; may be repeated (default: all)",
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
                if not may_own(owner):
                    raise ValueError("No role of this person opens figures today. Name another.")
                client, secret = make_client(
                    label=options["label"],
                    project=Project.objects.get(name=options["project"]),
                    owner=owner,
                    scopes=options.get("scope") or list(SCOPES),
                    days=options["days"],
                )
            except Project.DoesNotExist as error:
                raise CommandError(
                    "There is no project of that name: an administrator makes it under Projects."
                ) from error
            except User.DoesNotExist as error:
                raise CommandError("There is no active account of that user name.") from error
            except ValueError as error:
                raise CommandError(str(error)) from error
        self.stderr.write(
            f"Client {client.client_id} ({client.name}), valid until {client.expires_at:%Y-%m-%d}. Its"
            f" secret is not shown again; end it with: manage.py revoke_api_client {client.client_id}"
        )
        self.stdout.write(f"{client.client_id}\n{secret}")
