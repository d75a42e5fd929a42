"""Accounts at a hospital's OpenID provider, linked to invited people once and for all."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from centers.access import acting, scope_of
from centers.account.oidc import Named
from centers.backends import may_sign_in
from centers.models import OpenIdentity, User


def person_named(named: Named) -> User | None:
    """Whose account this is. Nobody is signed in yet, and nobody is signed up.

    A pair of issuer and subject that is known is its person's for ever. An unknown one is linked to
    the one open account whose e-mail an administrator set to the address that the provider has
    verified; accounts of the demo are never linked.
    """
    known = (
        OpenIdentity.objects.filter(issuer=named.issuer, subject=named.subject)
        .select_related("user")
        .first()
    )
    if known is not None:
        return known.user if may_sign_in(known.user) else None
    return _link(named) if named.email else None


def _link(named: Named) -> User | None:
    found = User.objects.filter(email__iexact=named.email, is_active=True, is_demo=False)
    people = [user for user in found[:2] if may_sign_in(user)]
    if len(people) != 1:
        return None
    try:
        with acting(scope_of(people[0])), transaction.atomic():
            OpenIdentity.objects.create(user=people[0], issuer=named.issuer, subject=named.subject)
    except IntegrityError:  # the person has another account there: an administrator decides
        return None
    return people[0]
