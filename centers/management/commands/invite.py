"""`manage.py invite`: an account for a person, such as the first administrator of a deployment."""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from centers.access import acting, system_scope
from centers.actions.users import add_membership, create_user
from centers.invitations import invitation_path, site_address
from centers.models import Center, User
from centers.roles import REGISTRY_WIDE, Role


class Command(BaseCommand):
    """Makes the account without a password and prints the link with which its owner sets one."""

    help = "Invite a person: makes an account and prints a one-time link to set its password."

    def add_arguments(self, parser: CommandParser) -> None:
        """Who, in which role, where."""
        roles = [role.value for role in Role if role != Role.SYSTEM]
        parser.add_argument("username", help="the name to sign in with")
        parser.add_argument("--full-name", required=True)
        parser.add_argument("--email", required=True)
        parser.add_argument("--role", choices=roles, default=Role.ADMINISTRATOR.value)
        parser.add_argument("--center", metavar="CODE", help="center of the role, such as C01")
        parser.add_argument(
            "--address", help="where the registry is reached, such as https://registry.example.org"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit status 1 and a message when the account cannot be made; then nothing is saved."""
        role = Role(options["role"])
        if (role in REGISTRY_WIDE) == bool(options["center"]):
            needs = "takes no --center" if options["center"] else "needs --center CODE"
            raise CommandError(f"The role {role.label} {needs}.")
        try:
            user = _invite(role, options)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        hours = settings.PASSWORD_RESET_TIMEOUT // 3600
        self.stdout.write(
            f"{user.username} is invited as {role.label}. Within {hours} hours, open once:"
        )
        self.stdout.write(urljoin(options["address"] or site_address(), invitation_path(user)))


def _invite(role: Role, options: dict[str, Any]) -> User:
    actor = system_scope()
    with acting(actor), transaction.atomic():
        user = create_user(
            actor=actor,
            username=options["username"],
            full_name=options["full_name"],
            email=options["email"],
        )
        center_id = _center_id(options["center"]) if options["center"] else None
        add_membership(actor=actor, user_id=user.pk, role=role, center_id=center_id)
    return user


def _center_id(code: str) -> int:
    center = Center.objects.filter(code=code).first()
    if center is None:
        raise CommandError(f"There is no center {code}.")
    return center.pk
