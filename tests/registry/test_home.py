"""Home."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.test import Client

from centers.access import acting, system_scope
from centers.actions.users import add_membership, create_user
from centers.models import Center, User
from centers.roles import REGISTRY_WIDE, Role

PASSWORD = "a long passphrase"


def member(role: Role | None, center: Center | None = None) -> User:
    user = create_user(
        actor=system_scope(), username="someone", full_name="Some One", password=PASSWORD
    )
    if role is not None:
        add_membership(
            actor=system_scope(), user_id=user.pk, role=role, center_id=center and center.pk
        )
    return user


def client_of(user: User) -> Client:
    client = Client()
    with acting(system_scope()):
        client.force_login(user)
    return client


@pytest.mark.parametrize(
    ("role", "place"),
    [
        (Role.COORDINATOR, "/records/work/"),
        (Role.MONITOR, "/records/"),
        (Role.INVESTIGATOR, "/cohort/"),
        (Role.ADMINISTRATOR, "/administration/centers/"),
    ],
)
def test_home_sends_each_role_to_its_work(database: None, role: Role, place: str) -> None:
    with acting(system_scope()), transaction.atomic():
        center = Center.objects.create(code="C01", name="Center")
    user = member(role, None if role in REGISTRY_WIDE else center)
    response = client_of(user).get("/", follow=True)
    assert response.redirect_chain == [(place, 302)]
    assert response.status_code == 200


def test_home_tells_people_without_pages_why(database: None) -> None:
    response = client_of(member(None)).get("/")
    assert response.status_code == 200
    assert "no role" in response.content.decode()
    assert 'href="/records/"' not in response.content.decode()


def test_home_sends_strangers_to_sign_in(database: None) -> None:
    assert Client().get("/").headers["Location"] == "/sign-in/"


def test_every_page_has_the_strict_policy(database: None) -> None:
    policy = Client().get("/sign-in/").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
