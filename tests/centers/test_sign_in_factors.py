"""Second factors: who needs one, codes that work once, what is stored, who may take them away."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.test import Client
from django.urls import resolve, reverse

from centers.access import acting, scope_of, system_scope
from centers.account.factors import factors_of
from centers.account.limits import ANSWERS
from centers.actions.accounts import end_sessions, reset_second_factor
from centers.actions.centers import create_center
from centers.actions.users import add_membership
from centers.models import Session, User
from centers.roles import Permission, Role
from centers.sealing import seal_events
from patients.models import ROW_MODELS
from tests.audit_trail import verify_live
from tests.crawl import routes
from tests.sign_in import (
    PASSWORD,
    Visitor,
    app_of,
    code_of,
    factors,
    person,
    recovery_codes_of,
)

pytestmark = pytest.mark.usefixtures("database", "one_window")
ALL_ROLES = frozenset(role.value for role in Role if role != Role.SYSTEM)


def with_role(role: Role = Role.COORDINATOR) -> User:
    user = person()
    center_id = None
    if role is Role.COORDINATOR:
        center_id = create_center(
            actor=system_scope(), values={"code": f"C{user.pk}", "name": "A Center"}
        ).pk
    add_membership(actor=system_scope(), user_id=user.pk, role=role, center_id=center_id)
    return user


def test_sign_in_asks_for_the_code_and_gives_no_session_before() -> None:
    user, visitor = person(), Visitor()
    secret = app_of(user)
    answer = visitor.sign_in(user.username, next="/account/")
    assert answer["Location"] == "/sign-in/second-factor/"
    assert not visitor.is_in
    before = visitor.key
    assert "authenticator app" in visitor.client.get("/sign-in/second-factor/").text
    answer = visitor.code(code_of(secret))
    assert (answer.status_code, answer["Location"]) == (302, "/account/")
    assert visitor.is_in
    assert visitor.key != before


def test_second_step_without_the_first_leads_to_sign_in() -> None:
    secret = app_of(person())
    visitor = Visitor()
    assert visitor.client.get("/sign-in/second-factor/")["Location"] == "/sign-in/"
    assert visitor.code(code_of(secret))["Location"] == "/sign-in/"


@pytest.mark.parametrize("steps", [0, 1])
def test_code_works_once(steps: int) -> None:
    user = person()
    code = code_of(app_of(user), steps)
    first, second = Visitor(), Visitor()
    first.sign_in(user.username)
    second.sign_in(user.username)
    assert first.code(f"{code[:3]} {code[3:]}").status_code == 302
    answer = second.code(code)
    assert answer.status_code == 400
    assert "There is a problem" in answer.text
    assert not second.is_in


def test_code_is_used_for_as_long_as_it_would_be_good() -> None:
    user = person()
    code = code_of(app_of(user), 1)
    first, second = Visitor(), Visitor()
    first.sign_in(user.username)
    first.code(code)
    second.sign_in(user.username)
    # The library forgets a used code after half a minute, and accepts it for longer.
    cache.delete(f"allauth.mfa.totp.used?user={user.pk}&code={code}")
    answer = second.code(code)
    assert answer.status_code == 400
    assert "used already" in answer.text


@pytest.mark.parametrize("code", ["", "000000x", "12345", "é", "0" * 400, "<script>"])
def test_wrong_codes_are_refused(code: str) -> None:
    user, visitor = person(), Visitor()
    app_of(user)
    visitor.sign_in(user.username)
    assert visitor.code(code).status_code == 400
    assert not visitor.is_in


def test_old_code_is_refused() -> None:
    user, visitor = person(), Visitor()
    secret = app_of(user)
    visitor.sign_in(user.username)
    assert visitor.code(code_of(secret, -3)).status_code == 400
    assert visitor.code(code_of(secret, 3)).status_code == 400


def test_wrong_codes_are_counted_with_the_account_wherever_they_come_from() -> None:
    user = person()
    secret = app_of(user)
    for _ in range(ANSWERS.most):
        visitor = Visitor()
        visitor.sign_in(user.username)
        assert visitor.code("000000").status_code == 400
    visitor = Visitor()
    visitor.sign_in(user.username)
    answer = visitor.code(code_of(secret))
    assert answer.status_code == 429
    assert "Too many attempts" in answer.text


def test_recovery_code_works_once() -> None:
    user = person()
    app_of(user)
    code = recovery_codes_of(user)[3]
    first, second = Visitor(), Visitor()
    first.sign_in(user.username)
    assert first.code(code).status_code == 302
    second.sign_in(user.username)
    assert second.code(code).status_code == 400
    assert "9 of 10 left" in first.client.get("/account/").text


def test_secrets_are_sealed_and_factor_changes_are_events_without_them(
    superuser: psycopg.Connection,
) -> None:
    user = person()
    secret, codes = app_of(user), recovery_codes_of(user)
    rows = superuser.execute("select data::text from mfa_authenticator").fetchall()
    assert len(rows) == 2
    assert not [row for row in rows for text in (secret, codes[0]) if text in row[0]]
    found = superuser.execute(
        "select operation, actor_id, after from audit.event where table_name = 'mfa_authenticator'"
    ).fetchall()
    assert [(operation, actor) for operation, actor, _ in found] == [("insert", user.pk)] * 2
    assert [sorted(after) for *_, after in found] == [["created_at", "id", "type", "user_id"]] * 2


def test_audit_trail_of_factors_is_found_whole_after_their_use() -> None:
    user, visitor = person(), Visitor()
    secret, [recovery, *_] = app_of(user), recovery_codes_of(user)
    visitor.sign_in(user.username)
    visitor.code(code_of(secret))
    visitor.client.post("/sign-out/")
    visitor.sign_in(user.username)
    assert visitor.code(recovery).status_code == 302
    seal_events()
    assert verify_live().findings == []


def test_closed_account_does_not_get_past_the_second_step() -> None:
    user, visitor = person(), Visitor()
    secret = app_of(user)
    visitor.sign_in(user.username)
    with acting(system_scope()), transaction.atomic():
        User.objects.filter(pk=user.pk).update(is_active=False)
    assert visitor.code(code_of(secret))["Location"] == "/sign-in/"
    assert not visitor.is_in


def test_role_that_needs_a_factor_leads_to_its_set_up_and_nothing_else(settings: Any) -> None:
    settings.REGISTRY_MFA_ROLES = ALL_ROLES
    user, visitor = with_role(), Visitor()
    visitor.sign_in(user.username)
    for path in ("/records/", "/cohort/", "/records/new/"):
        assert visitor.client.get(path)["Location"] == "/account/second-factor/"
    assert visitor.client.post("/records/new/")["Location"] == "/account/second-factor/"
    for path in ("/account/", "/account/second-factor/", "/account/password/", "/confirm/"):
        assert visitor.client.get(path).status_code == 200
    app_of(user)
    assert visitor.client.get("/records/").status_code == 200
    assert visitor.client.post("/sign-out/").status_code == 302


def test_every_page_with_a_permission_asks_for_the_factor(settings: Any) -> None:
    settings.REGISTRY_MFA_ROLES = ALL_ROLES
    user, visitor = with_role(), Visitor()
    visitor.sign_in(user.username)
    asked = [path for path, view in every_view() if isinstance(view.permission, Permission)]
    assert len(asked) > 100
    for path in asked:
        for answer in (visitor.client.get(path), visitor.client.post(path)):
            assert (path, answer.get("Location")) == (path, "/account/second-factor/")


def every_view() -> Iterator[tuple[str, Any]]:
    """An address and the view of each route, whatever its object: nothing has to exist."""
    kinds = {
        "UUIDConverter": uuid.uuid4(),
        "FormConverter": next(iter(ROW_MODELS)),
        "DayConverter": "2017-06-30",
    }
    for route in routes():
        values = {name: kinds.get(kind, "x") for name, kind in route.arguments.items()}
        path = reverse(route.name, kwargs=values)
        yield path, resolve(path).func


@pytest.mark.parametrize(
    ("roles", "role", "status"),
    [
        (frozenset(), Role.COORDINATOR, 200),
        (frozenset({"administrator"}), Role.COORDINATOR, 200),
        (frozenset({"coordinator"}), Role.COORDINATOR, 302),
    ],
)
def test_setting_names_the_roles_that_need_a_factor(
    settings: Any, roles: frozenset[str], role: Role, status: int
) -> None:
    settings.REGISTRY_MFA_ROLES = roles
    user, visitor = with_role(role), Visitor()
    visitor.sign_in(user.username)
    assert visitor.client.get("/records/").status_code == status


def test_app_is_set_up_with_a_code_and_recovery_codes_are_shown_once() -> None:
    user, visitor = person(), Visitor()
    visitor.sign_in(user.username)
    page = visitor.client.get("/account/second-factor/app/").text
    found = re.search(r"<code>([A-Z2-7 ]+)</code>", page)
    assert found
    secret = found[1].replace(" ", "")
    wrong = visitor.client.post("/account/second-factor/app/", {"code": "000000"})
    assert wrong.status_code == 400
    assert found[1] in wrong.text
    before = visitor.key
    code = code_of(secret)
    page = visitor.client.post("/account/second-factor/app/", {"code": code}).text
    codes = re.findall(r"<code>(\d{8})</code>", page)
    assert len(set(codes)) == 10
    assert visitor.key != before
    assert factors(user) == ["recovery_codes", "totp"]
    other = Visitor()
    other.sign_in(user.username)
    assert other.code(code).status_code == 400
    assert other.code(codes[0]).status_code == 302
    assert codes[1] not in visitor.client.get("/account/recovery-codes/").text


def test_other_sessions_end_when_a_factor_is_added_or_removed() -> None:
    user, owner, other = person(), Visitor(), Visitor()
    owner.sign_in(user.username)
    other.sign_in(user.username)  # by somebody who knows the password
    page = owner.client.get("/account/second-factor/app/").text
    found = re.search(r"<code>([A-Z2-7 ]+)</code>", page)
    assert found
    secret = found[1].replace(" ", "")
    owner.client.post("/account/second-factor/app/", {"code": code_of(secret)})
    assert (owner.is_in, other.is_in) == (True, False)
    later = Visitor()
    later.sign_in(user.username)
    assert later.code(code_of(secret, 1)).status_code == 302
    own = Authenticator.objects.get(user=user, type="totp").pk
    for wrong in (f"{own}0", "9" * 5000, "x", ""):
        refused = owner.client.post("/account/second-factor/remove/", {"factor": wrong})
        assert refused.status_code == 400
    assert later.is_in
    owner.client.post("/account/second-factor/remove/", {"factor": str(own)})
    assert (owner.is_in, later.is_in) == (True, False)


def test_codes_under_another_key_are_refused_in_words(settings: Any) -> None:
    user, visitor = person(), Visitor()
    code = code_of(app_of(user))
    recovery_codes_of(user)
    settings.REGISTRY_FACTOR_KEY = bytes(range(32))
    visitor.sign_in(user.username)
    page = visitor.code(code)
    assert (page.status_code, "have an administrator reset" in page.text) == (400, True)
    assert [factor.codes_left for factor in factors_of(user)] == [None, 0]


def test_new_recovery_codes_end_the_old_ones() -> None:
    user = person()
    secret, [old, *_] = app_of(user), recovery_codes_of(user)
    visitor = Visitor()
    visitor.sign_in(user.username)
    visitor.code(code_of(secret))
    page = visitor.client.post("/account/recovery-codes/").text
    new = re.findall(r"<code>(\d{8})</code>", page)
    assert len(new) == 10
    other = Visitor()
    other.sign_in(user.username)
    assert other.code(old).status_code == 400
    assert other.code(new[0]).status_code == 302


def test_removing_the_last_factor_takes_the_recovery_codes_too() -> None:
    user = person()
    secret = app_of(user)
    recovery_codes_of(user)
    visitor = Visitor()
    visitor.sign_in(user.username)
    visitor.code(code_of(secret))
    foreign = person()
    app_of(foreign)
    theirs = Authenticator.objects.get(user=foreign).pk
    refused = visitor.client.post("/account/second-factor/remove/", {"factor": str(theirs)})
    assert refused.status_code == 400
    assert factors(foreign) == ["totp"]
    own = Authenticator.objects.get(user=user, type="totp").pk
    assert (
        visitor.client.post("/account/second-factor/remove/", {"factor": str(own)}).status_code
        == 302
    )
    assert factors(user) == []


def test_factor_pages_ask_for_a_fresh_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    user, visitor = person(), Visitor()
    visitor.sign_in(user.username)
    monkeypatch.setattr("centers.confirmation.RECENT_SECONDS", 0)
    for path in ("app/", "passkey/", "remove/"):
        answer = visitor.client.get(f"/account/second-factor/{path}")
        assert answer["Location"].startswith("/confirm/?next=")


def test_administrator_resets_a_factor_with_a_reason(superuser: psycopg.Connection) -> None:
    admin, user, visitor = with_role(Role.ADMINISTRATOR), person(), Visitor()
    secret = app_of(user)
    visitor.sign_in(user.username)
    visitor.code(code_of(secret))
    actor = scope_of(admin)
    with pytest.raises(ValidationError):
        reset_second_factor(actor=actor, user_id=user.pk, reason=" ")
    with pytest.raises(ValidationError, match="own account"):
        reset_second_factor(actor=actor, user_id=admin.pk, reason="Mine")
    with pytest.raises(PermissionDenied):
        reset_second_factor(actor=scope_of(user), user_id=admin.pk, reason="No")
    assert reset_second_factor(actor=actor, user_id=user.pk, reason="Lost telephone") == 1
    assert not visitor.is_in
    assert factors(user) == []
    found = superuser.execute(
        "select actor_id, reason from audit.event"
        " where table_name = 'mfa_authenticator' and operation = 'delete'"
    ).fetchall()
    assert found == [(admin.pk, "Lost telephone")]


def test_administrator_ends_the_sessions_of_a_person() -> None:
    admin, user = with_role(Role.ADMINISTRATOR), person()
    first, second, bystander = Visitor(), Visitor(), Visitor()
    first.sign_in(user.username)
    second.sign_in(user.username)
    bystander.sign_in(admin.username)
    assert end_sessions(actor=scope_of(admin), user_id=user.pk) == 2
    assert not first.is_in
    assert not second.is_in
    assert bystander.is_in
    with pytest.raises(PermissionDenied):
        end_sessions(actor=scope_of(user), user_id=admin.pk)


def test_person_lists_and_ends_own_sessions_only() -> None:
    user, stranger = person(), person()
    here, there, theirs = Visitor(), Visitor(), Visitor()
    here.sign_in(user.username)
    there.sign_in(user.username)
    theirs.sign_in(stranger.username)
    foreign = str(Session.objects.get(user=stranger).public_id)
    assert foreign not in here.client.get("/account/").text
    here.client.post("/account/sessions/end/", {"session": foreign})
    assert theirs.is_in
    other = str(Session.objects.exclude(session_key=here.key).get(user=user).public_id)
    assert here.client.post("/account/sessions/end/", {"session": other}).status_code == 302
    assert here.is_in
    assert not there.is_in
    assert here.client.post("/account/sessions/end/", {"session": "nonsense"}).status_code == 404
    there.sign_in(user.username)
    here.client.post("/account/sessions/end/")
    assert (here.is_in, there.is_in) == (True, False)


def test_password_change_ends_other_sessions_and_keeps_this_one() -> None:
    user = person()
    here, there = Visitor(), Visitor()
    here.sign_in(user.username)
    there.sign_in(user.username)
    new = {"new_password1": "quite another passphrase", "new_password2": "quite another passphrase"}
    assert (
        here.client.post("/account/password/", {"old_password": "wrong", **new}).status_code == 400
    )
    answer = here.client.post("/account/password/", {"old_password": PASSWORD, **new})
    assert answer["Location"] == "/account/"
    assert (here.is_in, there.is_in) == (True, False)
    assert Visitor().sign_in(user.username).status_code == 400
    assert Visitor().sign_in(user.username, "quite another passphrase").status_code == 302


def test_old_password_is_not_guessed_on_the_page_that_changes_it() -> None:
    user, visitor = person(), Visitor()
    visitor.sign_in(user.username)
    new = {"new_password1": "quite another passphrase", "new_password2": "quite another passphrase"}
    for _ in range(ANSWERS.most):
        visitor.client.post("/account/password/", {"old_password": "wrong", **new})
    answer = visitor.client.post("/account/password/", {"old_password": PASSWORD, **new})
    assert answer.status_code == 429


STRANGE = (
    '{"id":"AA","rawId":"AA","type":"public-key","response":{"userHandle":"Mg",'
    '"clientDataJSON":"e30","authenticatorData":"AA","signature":"AA"}}'
)


@pytest.mark.parametrize(
    "credential",
    [
        *("", "null", "[]", "{}", "1", '"x"', "{", '{"id": 1}', STRANGE),
        '{"response": {"userHandle": "MQ"}}',
        '{"id":"AA","rawId":"AA","type":"public-key","response":[]}',
        '{"id":null,"rawId":[],"type":"x","response":{"userHandle":7}}',
    ],
)
def test_malformed_passkey_answers_are_refused(credential: str) -> None:
    visitor = Visitor()
    visitor.client.get("/sign-in/passkey/")
    answer = visitor.client.post("/sign-in/passkey/", {"credential": credential})
    assert answer.status_code == 400
    assert "This passkey does not fit" in answer.text
    user = person()
    app_of(user)
    visitor.sign_in(user.username)
    answer = visitor.client.post("/sign-in/second-factor/", {"credential": credential})
    assert answer.status_code == 400
    assert not visitor.is_in


@pytest.mark.parametrize("credential", ["[]", "{}", "1", STRANGE, '{"id": 1}'])
def test_malformed_new_passkeys_are_refused(credential: str) -> None:
    user, visitor = person(), Visitor()
    visitor.sign_in(user.username)
    visitor.client.get("/account/second-factor/passkey/")
    answer = visitor.client.post(
        "/account/second-factor/passkey/", {"name": "Key", "credential": credential}
    )
    assert answer.status_code == 400
    assert factors(user) == []


def test_pages_of_the_account_are_closed_to_strangers() -> None:
    for path in ("", "second-factor/", "second-factor/app/", "password/", "recovery-codes/"):
        assert Client().get(f"/account/{path}")["Location"].startswith("/sign-in/")
