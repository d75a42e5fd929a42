"""Administration in a browser: a person is invited and signs in, leaves again; clients; no JavaScript."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.api_tools import project
from tests.e2e.accessibility import check, path_of
from tests.e2e.conftest import Visit
from tests.universe import PASSWORD, Universe

PEOPLE = "/administration/users/"


def invite(page: Page) -> str:
    """Fill the form of an invitation; answers the one-time link."""
    page.get_by_role("link", name="Invite a person").click()
    page.get_by_label("Full name").fill("Nora New")
    page.get_by_label("E-mail").fill("nora@example.org")
    page.get_by_label("User name").fill("nora")
    page.get_by_label("Role").select_option("Coordinator (at a center)")
    page.get_by_label("Center").select_option("C01 First Center")
    page.get_by_label("Reason").fill("New member of the team")
    page.get_by_role("button", name="Invite").click()
    link = page.get_by_label("Link, shown this once").input_value()
    assert "/welcome/" in link
    return link


def test_invited_person_signs_in_works_and_leaves(visit: Visit, universe: Universe) -> None:
    """All of it without JavaScript."""
    admin = visit("adam", javascript=False)
    expect(admin.page.get_by_role("heading", level=1)).to_have_text("Centers")
    admin.page.get_by_role("link", name="People", exact=True).click()
    link = invite(admin.page)
    nora = visit(javascript=False)
    nora.page.goto(link)
    nora.page.locator("#id_new_password1").fill(PASSWORD)
    nora.page.locator("#id_new_password2").fill(PASSWORD)
    nora.page.get_by_role("button", name="Set password").click()
    nora.sign_in("nora")
    expect(nora.page.get_by_role("heading", level=1)).to_have_text("Work to do")
    admin.page.get_by_role("link", name="Done").click()
    expect(admin.page.get_by_role("heading", level=1)).to_have_text("Nora New")
    admin.page.get_by_role("link", name=re.compile("End.*Coordinator C01")).click()
    admin.page.get_by_label("Reason").fill("Left the team")
    admin.page.get_by_role("button", name="End").click()
    expect(admin.page.get_by_role("status")).to_contain_text("the membership ends")
    nora.open("/")
    expect(nora.page.locator("main")).to_contain_text("no role today")
    admin.page.get_by_role("link", name="Close account").click()
    admin.page.get_by_label("Reason").fill("Left the team")
    admin.page.get_by_role("button", name="Close the account").click()
    expect(admin.page.get_by_role("status")).to_contain_text("Closed: the account of Nora New")
    nora.open("/")
    expect(nora.page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_refused_invitation_keeps_what_was_typed(visit: Visit, universe: Universe) -> None:
    page = visit("adam").open(f"{PEOPLE}new/")
    page.get_by_label("Full name").fill("Carla Again")
    page.get_by_label("User name").fill("Carla")
    page.get_by_role("button", name="Invite").click()
    assert page.title().startswith("Error")
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_label("Full name")).to_have_value("Carla Again")
    page.get_by_role("alert").get_by_role("link", name=re.compile("Role")).click()
    expect(page.get_by_label("Role")).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1366, 320])
def test_answers_of_forms_are_without_violations(
    visit: Visit, universe: Universe, scheme: str, width: int
) -> None:
    admin = visit("adam", width=width, scheme=scheme)
    page = admin.open(PEOPLE)
    invite(page)
    check(admin, "one-time link")
    agreed = project()
    page = admin.open("/administration/clients/new/")
    page.get_by_label("Label").fill("R script")
    page.get_by_label("Project").select_option(str(agreed.public_id))
    page.get_by_label("Owner").select_option("Ines Example (ines)")
    page.locator("input[name=scopes][value=outcomes]").check()
    page.get_by_label("Reason").fill("Request of the person")
    page.get_by_role("button", name="Make the client").click()
    assert page.get_by_label("Client secret, shown this once").input_value().startswith("il2s")
    check(admin, "secret")
    admin.open("/administration/clients/")
    check(admin, "clients")
    page = admin.open(path_of(universe, "{bea}memberships/new/"))
    page.get_by_role("button", name="Add").click()
    assert page.title().startswith("Error")
    check(admin, "refused membership")
    page = admin.open("/administration/clients/new/")
    page.get_by_role("button", name="Make the client").click()
    check(admin, "refused client")
