"""Demo accounts in a deployment, invitations, and the page of the first password."""

from __future__ import annotations

from io import StringIO
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from django.contrib.auth import authenticate
from django.core import checks
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client

from centers.access import acting, scope_of, system_scope
from centers.actions.centers import create_center
from centers.actions.users import create_user
from centers.checks import no_demo_accounts
from centers.invitations import invitation_path
from centers.models import User
from centers.roles import PERMISSIONS, Role

pytestmark = pytest.mark.usefixtures("database")
PASSWORD = "a long enough passphrase"


def demo_user() -> User:
    return create_user(
        actor=system_scope(), username="demo", full_name="D", password=PASSWORD, is_demo=True
    )


def test_demo_account_signs_in_to_the_demo_only(settings: Any) -> None:
    user = demo_user()
    assert authenticate(username="demo", password=PASSWORD) == user
    settings.DEMO = False
    assert authenticate(username="demo", password=PASSWORD) is None


def test_session_of_a_demo_account_is_none_in_a_deployment(settings: Any) -> None:
    demo_user()
    client = Client()
    assert client.login(username="demo", password=PASSWORD)
    assert client.get("/sign-in/").status_code == 302
    settings.DEMO = False
    assert client.get("/sign-in/").status_code == 200


def test_real_account_signs_in_to_a_deployment(settings: Any) -> None:
    create_user(actor=system_scope(), username="real", full_name="R", password=PASSWORD)
    settings.DEMO = False
    assert authenticate(username="Real", password=PASSWORD)
    assert authenticate(username="real", password="wrong") is None
    with acting(system_scope()), transaction.atomic():
        User.objects.filter(username="real").update(is_active=False)
    assert authenticate(username="real", password=PASSWORD) is None


def test_deployment_check_finds_demo_accounts(settings: Any) -> None:
    settings.DEMO = False
    assert no_demo_accounts() == []
    demo_user()
    [found] = no_demo_accounts()
    assert (found.id, found.level) == ("centers.E001", checks.ERROR)
    assert found in checks.run_checks(tags=["security"], include_deployment_checks=True)
    settings.DEMO = True
    assert no_demo_accounts() == []


def test_deployment_check_without_a_database_says_so(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DEMO = False
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nonexistent")
    [found] = no_demo_accounts()
    assert found.id == "centers.W001"


def invite(*arguments: str) -> str:
    """The lines that `manage.py invite` prints."""
    printed = StringIO()
    call_command(
        "invite", *arguments, "--full-name", "Ada Example", "--email", "ada@example.org",
        stdout=printed,
    )  # fmt: skip
    return printed.getvalue()


def link_of(printed: str) -> str:
    return urlsplit(printed.splitlines()[-1]).path


def test_invite_makes_the_first_administrator() -> None:
    printed = invite("ada", "--address", "https://registry.example.org")
    assert "invited as administrator" in printed
    assert "\nhttps://registry.example.org/welcome/" in printed
    user = User.objects.get(username="ada")
    assert (user.full_name, user.email) == ("Ada Example", "ada@example.org")
    assert not user.has_usable_password()
    assert scope_of(user).registry_wide == PERMISSIONS[Role.ADMINISTRATOR]


def test_invite_gives_a_role_at_a_center() -> None:
    center = create_center(actor=system_scope(), values={"code": "C01", "name": "First"})
    invite("ada", "--role", "coordinator", "--center", "C01")
    scope = scope_of(User.objects.get(username="ada"))
    assert (scope.role, scope.center_ids) == (Role.COORDINATOR.value, (center.pk,))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ada", "--role", "coordinator"], "needs --center"),
        (["ada", "--center", "C01"], "takes no --center"),
        (["ada", "--role", "monitor", "--center", "C99"], "no center C99"),
        (["ada ada"], "user name"),
        (["system"], "name is taken"),
    ],
)
def test_invite_that_is_refused_saves_nothing(arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message) as refusal:
        invite(*arguments)
    assert refusal.value.returncode == 1
    assert User.objects.count() == 1


def test_invite_address_comes_from_the_settings(settings: Any) -> None:
    settings.CSRF_TRUSTED_ORIGINS = ["https://one.example.org", "https://two.example.org"]
    assert "https://one.example.org/welcome/" in invite("ada")
    settings.CSRF_TRUSTED_ORIGINS = []
    assert "http://localhost:8000/welcome/" in invite("eve")
    settings.DEMO = False
    settings.ALLOWED_HOSTS = ["registry.example.org"]
    assert "https://registry.example.org/welcome/" in invite("kim")


def test_link_sets_the_password_once_and_the_person_signs_in(
    superuser: psycopg.Connection,
) -> None:
    path = link_of(invite("ada"))
    client = Client()
    page = client.get(path, follow=True)
    assert page.status_code == 200
    assert "Set your password" in page.text
    form = page.redirect_chain[-1][0]
    answer = client.post(form, {"new_password1": PASSWORD, "new_password2": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, "/sign-in/")
    assert Client().login(username="ada", password=PASSWORD)
    assert "no longer works" in Client().get(path, follow=True).text
    user = User.objects.get(username="ada")
    changes = superuser.execute(
        "select actor_id from audit.event where table_name = 'centers_user' and operation = 'update'"
    ).fetchall()
    assert changes == [(user.pk,)]


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("short", "short", "too short"),
        (PASSWORD, "another long passphrase", "match"),
        ("ada@example.org", "ada@example.org", "similar"),
    ],
)
def test_bad_password_is_refused_with_a_summary(first: str, second: str, message: str) -> None:
    client = Client()
    form = client.get(link_of(invite("ada")), follow=True).redirect_chain[-1][0]
    page = client.post(form, {"new_password1": first, "new_password2": second})
    assert page.status_code == 200
    assert "There is a problem" in page.text
    assert message in page.text
    assert not User.objects.get(username="ada").has_usable_password()


@pytest.mark.parametrize("path", ["/welcome/MQ/none/", "/welcome/@@/none/", "/welcome/OTk5/c-1/"])
def test_wrong_link_says_so(path: str) -> None:
    page = Client().get(path, follow=True)
    assert page.status_code == 200
    assert "no longer works" in page.text


def test_link_of_a_closed_account_does_not_work() -> None:
    path = link_of(invite("ada"))
    with acting(system_scope()), transaction.atomic():
        User.objects.filter(username="ada").update(is_active=False)
    assert "no longer works" in Client().get(path, follow=True).text


def test_link_that_is_too_old_does_not_work(settings: Any) -> None:
    path = invitation_path(create_user(actor=system_scope(), username="ada", full_name="Ada"))
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert "no longer works" in Client().get(path, follow=True).text
