"""Signing in with a real browser: passkeys by a virtual authenticator, codes, lock-out, axe."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.accessibility import check
from tests.e2e.conftest import Visit, Visitor
from tests.sign_in import PASSWORD, app_of, code_of, person, recovery_codes_of
from tests.universe import PASSWORD as UNIVERSE_PASSWORD


def with_authenticator(visitor: Visitor) -> Any:
    """A passkey holder in the browser, whose owner always agrees."""
    cdp = visitor.context.new_cdp_session(visitor.page)
    cdp.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made = cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return cdp, made["authenticatorId"]


def send(visitor: Visitor, username: str, password: str = PASSWORD) -> Page:
    page = visitor.open("/sign-in/")
    page.locator("#id_username").fill(username)
    page.locator("#id_password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    return page


def test_passkey_is_made_and_signs_in_by_itself(visit: Visit) -> None:
    visitor = visit("carla")
    cdp, holder = with_authenticator(visitor)
    page = visitor.open("/account/")
    check(visitor, "account")
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("What you call it").fill("Work laptop")
    check(visitor, "add a passkey")
    page.get_by_role("button", name="Make the passkey").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your passkey is added")
    assert len(page.locator("main ol code").all()) == 10
    check(visitor, "recovery codes")
    assert len(cdp.send("WebAuthn.getCredentials", {"authenticatorId": holder})["credentials"]) == 1
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page = visitor.open("/account/")
    expect(page.get_by_role("region", name="Your second factors")).to_contain_text("Work laptop")
    page = visitor.open("/confirm/?next=/account/password/")
    check(visitor, "confirm with a passkey")
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/account/password/")


def test_passkey_is_the_second_factor_after_a_password(visit: Visit) -> None:
    visitor = visit("carla")
    with_authenticator(visitor)
    page = visitor.open("/account/second-factor/passkey/")
    page.get_by_role("button", name="Make the passkey").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your passkey is added")
    page.get_by_role("button", name="Sign out").click()
    page = send(visitor, "carla", UNIVERSE_PASSWORD)
    expect(page.get_by_role("heading", level=1)).to_have_text("Second factor")
    check(visitor, "second factor by passkey")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_passkey_of_nobody_here_is_refused(visit: Visit) -> None:
    visitor = visit("carla")
    with_authenticator(visitor)
    page = visitor.open("/account/second-factor/passkey/")
    page.get_by_role("button", name="Make the passkey").click()
    page.get_by_role("link", name="Your account").last.click()
    page.get_by_role("link", name="Remove one").click()
    check(visitor, "remove a factor")
    page.get_by_role("button", name="Remove").click()
    expect(page.locator("main")).to_contain_text("It is removed")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("does not fit an account")


def test_app_is_set_up_and_asked_for_at_sign_in(visit: Visit) -> None:
    visitor = visit("petra")
    page = visitor.open("/account/second-factor/app/")
    secret = page.locator("main code").inner_text().replace(" ", "")
    assert page.locator("main img").evaluate("image => image.naturalWidth") > 0
    check(visitor, "add an app")
    page.get_by_label("Code that the app shows").fill("123")
    page.get_by_role("button", name="Add the app").click()
    assert page.title().startswith("Error")
    check(visitor, "add an app, refused")
    page.get_by_label("Code that the app shows").fill(code_of(secret))
    page.get_by_role("button", name="Add the app").click()
    recovery = page.locator("main ol code").first.inner_text()
    page.get_by_role("button", name="Sign out").click()
    page = send(visitor, "petra", UNIVERSE_PASSWORD)
    check(visitor, "second factor by code")
    page.get_by_label("Code").fill(code_of(secret, 1))
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page = visitor.open("/confirm/?next=/account/")
    page.get_by_label("Code").fill(recovery)
    page.get_by_role("button", name="Confirm with the code").click()
    page.wait_for_url("**/account/")
    expect(page.locator("main")).to_contain_text("9 of 10 left")


def test_lock_out_says_how_long(visit: Visit) -> None:
    user = person(f"lock{secrets.token_hex(4)}")
    visitor = visit()
    for _ in range(5):
        page = send(visitor, user.username, "wrong")
        assert page.title().startswith("Error")
    check(visitor, "sign-in, refused")
    page = send(visitor, user.username)
    expect(page.get_by_role("alert")).to_contain_text("Too many attempts. Try again in")
    check(visitor, "sign-in, locked out")


def test_without_javascript_code_and_password_do(visit: Visit) -> None:
    user = person(f"plain{secrets.token_hex(4)}")
    app_of(user)
    code = recovery_codes_of(user)[0]
    visitor = visit(javascript=False)
    page = visitor.open("/sign-in/")
    assert page.get_by_role("button", name="Use a passkey").count() == 0
    page = send(visitor, user.username)
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Sign out").wait_for()


@pytest.mark.parametrize("width", [1366, 320])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_without_violations(visit: Visit, width: int, scheme: str) -> None:
    stranger = visit(width=width, scheme=scheme)
    for path in ("/sign-in/", "/sign-in/forgotten/", "/welcome/MQ/none/"):
        stranger.open(path)
        check(stranger, path)
    visitor = visit("dana", width=width, scheme=scheme)
    visit("dana")
    for path in ("", "second-factor/", "second-factor/app/", "second-factor/passkey/", "password/"):
        visitor.open(f"/account/{path}")
        check(visitor, path)
    visitor.open("/confirm/")
    check(visitor, "confirm")
