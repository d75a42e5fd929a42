"""Sign-in by a hospital's OpenID provider, against a real one on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from django.core.cache import cache
from django.db import transaction

from centers.access import acting, system_scope
from centers.account.limits import ADDRESS
from centers.actions.accounts import reset_second_factor
from centers.models import OpenIdentity, User
from tests.open_provider import CLIENT, SECRET, Provider, running_provider
from tests.sign_in import Visitor, app_of, code_of, person

pytestmark = pytest.mark.usefixtures("database")
EMAIL = "ada@example.org"
REFUSED = "named no account of the registry"


@pytest.fixture(scope="module")
def running() -> Iterator[Provider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture
def provider(running: Provider, settings: Any) -> Iterator[Provider]:
    """As new for each test, and configured."""
    before = dict(running.__dict__)
    settings.OIDC_ISSUER = running.issuer
    settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = CLIENT, SECRET
    settings.OIDC_NAME = "Example Hospital"
    cache.delete(f"openid:{running.issuer}")
    yield running
    running.__dict__.update(before)
    running.claims, running.codes = {}, {}


def go(provider: Provider, visitor: Visitor, wanted: str = "") -> Any:
    """Away and back, as a browser is sent."""
    away = visitor.client.get("/sign-in/hospital/", {"next": wanted} if wanted else {})
    assert away.status_code == 302
    back = urlsplit(provider.approve(away["Location"]))
    return visitor.client.get(f"{back.path}?{back.query}")


def test_invited_person_is_linked_by_the_verified_address_and_kept(provider: Provider) -> None:
    user, visitor = person(email=EMAIL.upper()), Visitor()
    assert "Continue with Example Hospital" in visitor.client.get("/sign-in/").text
    assert go(provider, visitor, "/account/")["Location"] == "/account/"
    assert visitor.is_in
    [identity] = OpenIdentity.objects.all()
    assert (identity.user, identity.issuer, identity.subject) == (
        user,
        provider.issuer,
        "subject-1",
    )
    assert provider.asked["code_verifier"]
    provider.email = "new@example.org"
    assert go(provider, Visitor())["Location"] == "/"
    assert OpenIdentity.objects.count() == 1


def test_link_is_an_event_of_the_person(provider: Provider, superuser: Any) -> None:
    user = person(email=EMAIL)
    go(provider, Visitor())
    found = superuser.execute(
        "select actor_id, operation from audit.event where table_name = 'centers_openidentity'"
    ).fetchall()
    assert found == [(user.pk, "insert")]


def test_second_factor_is_asked_for_as_of_everybody(provider: Provider) -> None:
    user, visitor = person(email=EMAIL), Visitor()
    secret = app_of(user)
    assert go(provider, visitor)["Location"] == "/sign-in/second-factor/"
    assert not visitor.is_in
    assert visitor.code(code_of(secret)).status_code == 302
    assert visitor.is_in


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "javascript:x"])
def test_it_leads_to_no_other_site(provider: Provider, wanted: str) -> None:
    person(email=EMAIL)
    assert go(provider, Visitor(), wanted)["Location"] == "/"


def expired(provider: Provider) -> None:
    provider.claims = {"exp": int(time.time()) - 3600}


def unsigned(provider: Provider) -> None:
    provider.algorithm, provider.key = "none", ""


def by_secret(provider: Provider) -> None:
    provider.algorithm, provider.key = "HS256", SECRET * 3


def other_key(provider: Provider) -> None:
    provider.key = generate_private_key(65537, 2048)


def unknown_key_name(provider: Provider) -> None:
    provider.headers = {"kid": "k2"}


def claim(name: str, value: Any) -> Callable[[Provider], None]:
    def change(provider: Provider) -> None:
        provider.claims = {name: value}

    change.__name__ = f"{name}-{value}"
    return change


def unverified(provider: Provider) -> None:
    provider.verified = False


def other_person(provider: Provider) -> None:
    provider.email = "eve@example.org"


def redirecting(provider: Provider) -> None:
    provider.redirects = True


@pytest.mark.parametrize(
    "spoil",
    [
        expired,
        unsigned,
        by_secret,
        other_key,
        unknown_key_name,
        claim("aud", "another-client"),
        claim("iss", "https://other.example"),
        claim("nonce", "stale"),
        claim("nonce", None),
        claim("exp", None),
        claim("sub", None),
        claim("azp", "another-client"),
        claim("email_verified", "true"),
        claim("email", None),
        claim("email", ["ada@example.org"]),
        unverified,
        other_person,
    ],
    ids=lambda spoil: spoil.__name__,
)
def test_what_cannot_be_believed_signs_nobody_in(
    provider: Provider, spoil: Callable[[Provider], None]
) -> None:
    person(email=EMAIL)
    visitor = Visitor()
    spoil(provider)
    answer = go(provider, visitor)
    assert answer.status_code == 400
    assert REFUSED in answer.text
    assert not visitor.is_in
    assert not OpenIdentity.objects.exists()


def test_provider_that_redirects_is_not_followed(provider: Provider) -> None:
    redirecting(provider)
    visitor = Visitor()
    for _ in range(ADDRESS.most):
        assert visitor.client.get("/sign-in/hospital/").status_code == 400
    assert visitor.client.get("/sign-in/hospital/").status_code == 429


def test_provider_is_asked_for_its_description_once_in_a_while(provider: Provider) -> None:
    visitor = Visitor()
    for _ in range(ADDRESS.most + 1):
        assert visitor.client.get("/sign-in/hospital/").status_code == 302
    redirecting(provider)
    assert visitor.client.get("/sign-in/hospital/").status_code == 302


def test_state_is_of_this_browser_and_good_once(provider: Provider) -> None:
    person(email=EMAIL)
    first, second = Visitor(), Visitor()
    away = first.client.get("/sign-in/hospital/")["Location"]
    second.client.get("/sign-in/hospital/")
    back = urlsplit(provider.approve(away))
    assert second.client.get(f"{back.path}?{back.query}").status_code == 400
    assert first.client.get(f"{back.path}?{back.query}").status_code == 302
    assert Visitor().client.get(f"{back.path}?{back.query}")["Location"] == "/sign-in/"


def test_request_asks_for_pkce_nonce_and_no_more_than_the_address(provider: Provider) -> None:
    url = Visitor().client.get("/sign-in/hospital/?scope=admin&auth_params=prompt%3Dnone")[
        "Location"
    ]
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert url.startswith(f"{provider.address}/authorize?")
    assert (asked["scope"], asked["code_challenge_method"]) == ("openid email", "S256")
    assert asked["redirect_uri"] == "http://testserver/sign-in/hospital/return/"
    assert len(asked["nonce"]) > 40
    assert "prompt" not in asked


@pytest.mark.parametrize("case", ["closed", "two", "demo", "another subject"])
def test_accounts_that_are_not_linked(provider: Provider, case: str) -> None:
    user = person(email=EMAIL, is_demo=case == "demo")
    if case == "two":
        person(email=EMAIL)
    if case == "closed":
        with acting(system_scope()), transaction.atomic():
            User.objects.filter(pk=user.pk).update(is_active=False)
    if case == "another subject":
        go(provider, Visitor())
        provider.subject = "subject-2"
    assert go(provider, Visitor()).status_code == 400


def test_administrator_unlinks_so_that_a_new_account_there_can_be_linked(
    provider: Provider,
) -> None:
    user = person(email=EMAIL)
    go(provider, Visitor())
    provider.subject = "subject-2"
    assert go(provider, Visitor()).status_code == 400
    reset_second_factor(actor=system_scope(), user_id=user.pk, reason="New account there")
    assert go(provider, Visitor()).status_code == 302
    assert OpenIdentity.objects.get(user=user).subject == "subject-2"


def test_without_the_setting_there_is_no_such_sign_in() -> None:
    assert Visitor().client.get("/sign-in/hospital/").status_code == 404
    assert Visitor().client.get("/sign-in/hospital/return/")["Location"] == "/sign-in/"
    assert "Continue with" not in Visitor().client.get("/sign-in/").text
