"""The page `confirm`, one-time links, and links by mail."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.core import mail
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from centers.access import acting, system_scope
from centers.account import resets
from centers.account.limits import ANSWERS, RESETS_OF_ACCOUNT, RESETS_OF_ADDRESS, SIGNING
from centers.account.reset_mail import send_reset_mails
from centers.confirmation import may_sign, note_confirmation, recently_confirmed, spend_signing
from centers.invitations import LinkTokens, invitation_path
from centers.models import Session, User
from centers.tasks import clear_sessions
from tests.sign_in import PASSWORD, Visitor, app_of, code_of, factors, person, without_tokens

pytestmark = pytest.mark.usefixtures("database", "one_window")
EMAIL = "ada@example.org"


def request_of(visitor: Visitor, user: User) -> HttpRequest:
    """A request in the visitor's session."""
    request = RequestFactory().get("/")
    request.session = visitor.client.session
    request.user = user
    return request


def test_sign_in_is_a_proof_but_not_one_for_signing() -> None:
    user, visitor = person(), Visitor()
    visitor.sign_in(user.username)
    request = request_of(visitor, user)
    assert recently_confirmed(request)
    assert not may_sign(request)
    visitor.client.post("/confirm/", {"password": PASSWORD})
    request = request_of(visitor, user)
    assert may_sign(request)
    spend_signing(request)
    assert not may_sign(request)


def test_code_of_the_app_confirms_and_counts_as_used() -> None:
    user, visitor = person(), Visitor()
    secret = app_of(user)
    code = code_of(secret)
    visitor.sign_in(user.username)
    visitor.code(code)
    assert "Confirm with the code" in visitor.client.get("/confirm/").text
    again = visitor.client.post("/confirm/", {"code": code})
    assert again.status_code == 400
    assert "not right" in again.text
    answer = visitor.client.post("/confirm/", {"code": code_of(secret, 1), "next": "/account/"})
    assert answer["Location"] == "/account/"
    assert may_sign(request_of(visitor, user))


def test_three_wrong_answers_pause_signing_and_are_an_event(superuser: psycopg.Connection) -> None:
    user, visitor = person(), Visitor()
    visitor.sign_in(user.username)
    for _ in range(SIGNING.most):
        answer = visitor.client.post("/confirm/", {"password": "wrong"})
        assert answer.status_code == 400
    assert "Signing is paused for" in answer.text
    assert visitor.client.post("/confirm/", {"password": PASSWORD}).status_code == 302
    request = request_of(visitor, user)
    assert recently_confirmed(request)
    assert not may_sign(request)
    found = superuser.execute(
        "select actor_id from audit.event where operation = 'signing_refused'"
    ).fetchall()
    assert found == [(user.pk,)]


def test_confirmation_is_not_for_guessing() -> None:
    user, visitor = person(), Visitor()
    visitor.sign_in(user.username)
    for _ in range(ANSWERS.most):
        visitor.client.post("/confirm/", {"password": "wrong"})
    answer = visitor.client.post("/confirm/", {"password": PASSWORD})
    assert answer.status_code == 429
    assert "Too many attempts" in answer.text


def test_account_without_any_proof_is_told_what_to_do() -> None:
    user = person()
    client = Client()
    with acting(system_scope()), transaction.atomic():
        user.set_unusable_password()
        user.save()
        client.force_login(user)
    assert "Sign out, and sign in again" in client.get("/confirm/").text
    assert client.post("/confirm/", {"password": ""}).status_code == 400


def test_forced_sign_in_of_tests_is_a_proof() -> None:
    client = Client()
    user = person()
    with acting(system_scope()):
        client.force_login(user)
    assert client.get("/account/second-factor/app/").status_code == 200


class Later(LinkTokens):
    """A clock that was set back by so many seconds, for making old links."""

    def __init__(self, seconds: int) -> None:
        super().__init__()
        self.seconds = seconds

    def _now(self) -> Any:
        return super()._now() - timedelta(seconds=self.seconds)


def link_of_age(user: User, seconds: int) -> str:
    uid = invitation_path(user).split("/")[2]
    return f"/welcome/{uid}/{Later(seconds).make_token(user)}/"


def works(path: str) -> bool:
    return "no longer works" not in Client().get(path, follow=True).text


@pytest.mark.parametrize(
    ("has_password", "hours", "expected"),
    [(True, 23, True), (True, 25, False), (False, 25, True), (False, 71, True), (False, 73, False)],
)
def test_reset_is_good_for_a_day_and_an_invitation_for_three(
    has_password: bool, hours: int, expected: bool
) -> None:
    user = person()
    if not has_password:
        with acting(system_scope()), transaction.atomic():
            user.set_unusable_password()
            user.save()
    assert works(link_of_age(user, hours * 3600)) is expected


def test_link_is_spent_by_its_use_ends_sessions_and_keeps_the_factor() -> None:
    user, visitor = person(), Visitor()
    visitor.sign_in(user.username)
    app_of(user)
    path = invitation_path(user)
    client = Client()
    form = client.get(path, follow=True).redirect_chain[-1][0]
    new = "quite another passphrase"
    client.post(form, {"new_password1": new, "new_password2": new})
    assert not works(path)
    assert not visitor.is_in
    assert factors(user) == ["totp"]
    assert visitor.sign_in(user.username, new)["Location"] == "/sign-in/second-factor/"


def test_links_tell_nothing_about_accounts() -> None:
    user = person()
    wrong = invitation_path(user)[:-6] + "00000/"
    absent = "/welcome/OTk5OTk5/c-1/"
    pages = [without_tokens(Client().get(path, follow=True).text) for path in (wrong, absent)]
    assert pages[0] == pages[1]


def ask(email: str, visitor: Visitor | None = None) -> HttpResponse:
    visitor = visitor or Visitor()
    answer: HttpResponse = visitor.client.post("/sign-in/forgotten/", {"email": email})
    return answer


def test_forgotten_password_answers_alike_and_hands_over_numbers_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handed: list[list[int]] = []
    monkeypatch.setattr(resets.send_reset_links, "delay", handed.append)
    user = person(email=EMAIL)
    known, unknown = ask(EMAIL.upper()), ask("nobody@example.org")
    assert known.status_code == unknown.status_code == 200
    assert without_tokens(known.content.decode()) == without_tokens(unknown.content.decode())
    assert handed == [[user.pk], []]


def test_mail_has_a_link_that_works_and_is_sent_three_times_an_hour() -> None:
    user = person(email=EMAIL)
    assert send_reset_mails([user.pk]) == 1
    [message] = mail.outbox
    assert message.to == [EMAIL]
    found = re.search(r"https?://[^/]+(/welcome/\S+)", str(message.body))
    assert found
    assert works(found[1])
    assert "It works for 24 hours" in str(message.body)
    for _ in range(RESETS_OF_ACCOUNT.most):
        send_reset_mails([user.pk])
    assert len(mail.outbox) == RESETS_OF_ACCOUNT.most


def test_mail_to_who_has_no_password_yet_says_how_long_that_link_works() -> None:
    user = person(email=EMAIL)
    with acting(system_scope()), transaction.atomic():
        user.set_unusable_password()
        user.save()
    assert send_reset_mails([user.pk]) == 1
    assert "It works for 72 hours" in str(mail.outbox[0].body)


def test_no_mail_for_closed_accounts_or_none(settings: Any) -> None:
    user, demo = person(email=EMAIL), person(email=EMAIL, is_demo=True)
    settings.DEMO = False
    settings.CSRF_TRUSTED_ORIGINS = ["https://registry.example.org"]
    with acting(system_scope()), transaction.atomic():
        User.objects.filter(pk=user.pk).update(is_active=False)
    assert send_reset_mails([user.pk, demo.pk]) == 0
    assert send_reset_mails([]) == 0


def test_asking_for_links_is_limited_by_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resets.send_reset_links, "delay", lambda ids: None)
    visitor = Visitor()
    for _ in range(RESETS_OF_ADDRESS.most):
        assert ask(EMAIL, visitor).status_code == 200
    assert ask(EMAIL, visitor).status_code == 429
    assert ask(EMAIL).status_code == 200


def test_without_mail_the_page_names_the_administrator(settings: Any) -> None:
    settings.EMAIL_HOST, settings.EMAIL_BACKEND = "", "django.core.mail.backends.smtp.EmailBackend"
    assert "Ask your registry administrator" in Client().get("/sign-in/forgotten/").text
    page = ask(EMAIL)
    assert "sends no mail" in page.content.decode()


@pytest.mark.parametrize(
    ("moment", "cleared"), [("expire_date", 1), ("started_at", 1), ("seen_at", 0)]
)
def test_rows_of_ended_sessions_are_cleared_and_not_listed(moment: str, cleared: int) -> None:
    user, here, there = person(), Visitor(), Visitor()
    here.sign_in(user.username)
    there.sign_in(user.username)
    row = Session.objects.get(session_key=there.key)
    long_ago = getattr(row, moment) - timedelta(days=1)
    Session.objects.filter(pk=row.pk).update(**{moment: long_ago})
    assert str(row.public_id) not in here.client.get("/account/").text
    assert clear_sessions() == cleared
    assert here.is_in


def test_note_of_a_confirmation_needs_no_second_page() -> None:
    user, visitor = person(), Visitor()
    visitor.sign_in(user.username)
    request = request_of(visitor, user)
    note_confirmation(request, signing=True)
    assert may_sign(request)
