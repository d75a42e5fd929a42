"""Passwords: how they are kept, which are refused, and that long ones count to their last character."""

from __future__ import annotations

import re
from itertools import chain
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client

from centers.access import system_scope
from centers.actions.users import create_user
from centers.invitations import invitation_path
from centers.models import User
from tests.sign_in import Visitor, person

ADA = User(username="ada", full_name="Ada Lovelace-Müller", email="ada@hospital-nord.example")
# What browsers and password managers offer, twice as long as some sites take.
LONG = (
    "correct horse battery staple, and forty more words of no sense at all: 0123456789 abcdefghij"
)


def codes(password: str, user: User | None = None) -> set[Any]:
    try:
        validate_password(password, user)
    except ValidationError as refusal:
        return {error.code for error in refusal.error_list}
    return set()


def test_passwords_are_kept_as_argon2id_of_two_rounds_and_19_mib() -> None:
    assert make_password("x").startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")


@pytest.mark.parametrize(
    "password",
    [
        "il-2-registry-2026",
        "IL2 Registry 1234567",
        "interleukin-2!!",
        "Aldesleukin_Proleukin",
        "melanoma/renal cell",
        "ｒｅｇｉｓｔｒｙ 1234567",
        "High-dose IL-2 !?!?!?!?!?",
    ],
)
def test_password_of_the_registrys_words_and_little_else_is_refused(password: str) -> None:
    assert "password_context" in codes(password)


@pytest.mark.parametrize(
    "password",
    [
        "lovelace 1234567",
        "hospital-nord-2026",
        "Ada!Müller!2026!!",
        "ada-nord-registry",
        "MÜLLER--2026--12",
    ],
)
def test_password_of_the_persons_own_names_and_little_else_is_refused(password: str) -> None:
    assert "password_context" in codes(password, ADA)


@pytest.mark.parametrize(
    "password",
    [
        "a long enough passphrase",
        "melanoma kept us all awake",
        "registry 12345678 of mine",
        "Tr0ub4dor&3-il2-xkcd",
        "!?.,;:-_#+*~()[]{}",
    ],
)
def test_password_with_enough_of_its_own_is_taken(password: str) -> None:
    assert codes(password, ADA) == set()


def test_password_close_to_the_full_name_is_refused() -> None:
    """The rule of Django looks for attributes by name, and passes over those that are not there."""
    assert "password_too_similar" in codes("Lovelace-Müller Ada", ADA)
    assert "password_too_similar" in codes("Lovelace-Mullers", ADA)


@pytest.mark.parametrize("length", [64, 128])
def test_long_password_is_taken_whole(database: None, length: int) -> None:
    password = (LONG + LONG)[:length]
    account = create_user(actor=system_scope(), username="ada", full_name="Ada", password=password)
    assert account.check_password(password)
    assert not account.check_password(password[:-1])
    assert not account.check_password(password[:-1] + "#")


@pytest.mark.parametrize("length", [64, 128])
def test_long_password_is_set_and_used_on_the_pages(database: None, length: int) -> None:
    account, password = person(), (LONG + LONG)[:length]
    client = Client()
    form = client.get(invitation_path(account), follow=True).redirect_chain[-1][0]
    client.post(form, {"new_password1": password, "new_password2": password})
    assert Visitor().sign_in(account.username, password[:-1] + "#").status_code == 400
    assert Visitor().sign_in(account.username, password).status_code == 302


def test_boxes_of_passwords_take_128_characters_and_what_is_pasted(database: None) -> None:
    account, visitor = person(), Visitor()
    visitor.sign_in(account.username)
    pages = [
        Client().get("/sign-in/"),
        Client().get(invitation_path(account), follow=True),
        visitor.client.get("/account/password/"),
        visitor.client.get("/confirm/"),
    ]
    boxes = [re.findall(r"<input[^>]*type=\"password\"[^>]*>", page.text) for page in pages]
    assert [len(found) for found in boxes] == [1, 2, 3, 1]
    for box in chain.from_iterable(boxes):
        longest = re.search(r"maxlength=\"(\d+)\"", box)
        assert longest is None or int(longest[1]) >= 128, box
        assert not re.search(r"onpaste|readonly|autocomplete=\"off\"", box), box
