"""Pages of administrators: who may open them, what they save, what they refuse, what they never show."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.core.exceptions import ValidationError
from django.db import connection, connections, transaction
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from centers.access import Scope, acting, scope_of, system_scope
from centers.actions.users import (
    add_membership,
    create_user,
    deactivate_user,
    end_membership,
)
from centers.models import Center, Membership, OpenIdentity, User
from centers.roles import PERMISSIONS, Permission, Role
from tests.patients.pages import Page, Visitor, status_of
from tests.patients.test_actions_concurrency import while_open
from tests.universe import PASSWORD, Universe, build_people

ABSENT = "00000000-0000-4000-8000-000000000000"
CENTERS, PEOPLE = "/administration/centers/", "/administration/users/"
CENTER_PAGES = ("", "amend/", "close/", "reopen/")
PERSON_PAGES = (
    "",
    "amend/",
    "memberships/new/",
    "deactivate/",
    "reactivate/",
    "link/",
    "sessions/",
    "second-factor/",
)
WHY = "Change of duties"
PAYLOAD = "<script>alert(1)</script>"


@pytest.fixture
def people(database: None) -> Universe:
    return build_people()


@pytest.fixture
def adam(people: Universe) -> Visitor:
    return Visitor(people, "adam")


def center_url(universe: Universe, code: str = "C01", rest: str = "") -> str:
    return f"{CENTERS}{universe.centers[code].public_id}/{rest}"


def person_url(universe: Universe, username: str, rest: str = "") -> str:
    return f"{PEOPLE}{universe.users[username].public_id}/{rest}"


def all_pages(universe: Universe) -> list[str]:
    return [
        CENTERS,
        f"{CENTERS}new/",
        *(center_url(universe, rest=rest) for rest in CENTER_PAGES),
        PEOPLE,
        f"{PEOPLE}new/",
        *(person_url(universe, "carla", rest) for rest in PERSON_PAGES),
        end_url(universe, "carla"),
    ]


def end_url(universe: Universe, username: str, by: str = "adam") -> str:
    """Where the first membership of a person is ended."""
    page = Visitor(universe, by).get(person_url(universe, username))
    found = re.search(r'href="([^"]+/end/)"', page.text)
    assert found
    return found[1]


def saved(username: str) -> User:
    return User.objects.get(username=username)


def memberships(user: User) -> list[tuple[str, str, date, date | None]]:
    with acting(system_scope()), transaction.atomic():
        held = Membership.objects.filter(user=user).select_related("center").order_by("id")
        return [(m.role, m.center.code if m.center else "", m.starts_on, m.ends_on) for m in held]


def last_events(table: str) -> list[tuple[str, str | None, str]]:
    """Operation, reason and actor of the events of a table."""
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute(
            "select operation, reason, username from audit.event join centers_user u"
            " on u.id = actor_id where table_name = %s order by event.id",
            [table],
        )
        return list(cursor.fetchall())


def invitation(**more: str) -> dict[str, str]:
    return {
        "full_name": "Nora New",
        "email": "nora@example.org",
        "username": "nora",
        "role": "investigator",
        "reason": "New member of the team",
        **more,
    }


def make_administrator(universe: Universe, username: str) -> None:
    person = universe.users[username]
    page = Visitor(universe, "adam").post(
        person_url(universe, username, "memberships/new/"), {"role": "administrator", "reason": WHY}
    )
    assert page.status == 302, person


# Who may open the pages


def test_stranger_is_sent_to_sign_in(people: Universe) -> None:
    for path in all_pages(people):
        response = Client().get(path)
        assert (response.status_code, response.headers["Location"]) == (
            302,
            f"/sign-in/?next={path}",
        )


def test_other_roles_are_refused(people: Universe) -> None:
    paths = all_pages(people)
    for username in ("carla", "dana"):
        visitor = Visitor(people, username)
        for path in paths:
            assert status_of(visitor.client, path) == 403, (username, path)
            assert status_of(visitor.client, path, "post") in (403, 405), (username, path)


def test_administrator_opens_every_page(people: Universe, adam: Visitor) -> None:
    for path in all_pages(people):
        assert adam.get(path).status == 200, path


def test_absent_center_person_or_membership_is_404(people: Universe, adam: Visitor) -> None:
    """The system account is nobody's, so it is as absent as none."""
    system, public_id = User.objects.get(pk=1).public_id, ABSENT
    paths = [f"{CENTERS}{public_id}/{rest}" for rest in CENTER_PAGES]
    paths += [f"{PEOPLE}{key}/{rest}" for rest in PERSON_PAGES for key in (public_id, system)]
    paths.append(person_url(people, "carla", f"memberships/{public_id}/end/"))
    # A membership of somebody else is none of this person's.
    paths.append(end_url(people, "otto").replace(str(people.users["otto"].public_id), str(people.users["carla"].public_id)))  # fmt: skip
    for path in paths:
        assert adam.get(path).status == 404, path
        assert adam.post(path, {"reason": WHY}).status in (404, 405), path


def test_changes_of_accounts_need_a_recent_proof(people: Universe, adam: Visitor) -> None:
    session = adam.client.session
    session["confirmed_at"] = 0
    session.save()
    for path in [page for page in all_pages(people) if page.startswith(PEOPLE)][1:]:
        page = adam.post(path, {"reason": WHY})
        assert page.url.startswith("/confirm/") or path == person_url(people, "carla")
    assert saved("carla").is_active


def queries_of(visitor: Visitor, paths: list[str]) -> list[int]:
    counts = []
    for path in paths:
        with CaptureQueriesContext(connection) as captured:
            assert visitor.get(path).status == 200
        counts.append(len(captured))
    return counts


def test_lists_take_no_query_more_for_more_lines(people: Universe, adam: Visitor) -> None:
    paths = [CENTERS, PEOPLE, center_url(people), person_url(people, "bea")]
    before = queries_of(adam, paths)
    with acting(system_scope()), transaction.atomic():
        more = User.objects.bulk_create(
            User(username=f"p{n}", full_name=f"Person {n:02}") for n in range(9)
        )
        for user in [*more, people.users["bea"]]:
            Membership.objects.create(
                user=user, center=people.centers["C01"], role=Role.PRINCIPAL_INVESTIGATOR
            )
    assert queries_of(adam, paths) == before
    assert max(before) < 16


# Centers


def test_center_is_created(people: Universe, adam: Visitor) -> None:
    values = {"code": "C03", "name": "Third", "country": "NL", "irb_expiry": "31-Dec-2030"}
    page = adam.post(f"{CENTERS}new/", {**values, "reason": "Request of the center"})
    center = Center.objects.get(code="C03")
    assert (page.status, page.url) == (302, f"{CENTERS}{center.public_id}/")
    assert (center.name, center.irb_expiry, center.status) == (
        "Third",
        date(2030, 12, 31),
        "active",
    )
    assert last_events("centers_center")[-1] == ("insert", "Request of the center", "adam")


WRONG_CENTERS = [
    ({"code": ""}, "Code: Enter a value."),
    ({"code": "C 3"}, "Use letters, digits"),
    ({"code": "c01"}, "Another center has this code"),
    ({"name": " "}, "Name: Enter a value."),
    ({"country": "nl"}, "two capital letters"),
    ({"irb_expiry": "31.31.2030"}, "Write day, month and year"),
    ({"reason": ""}, "Reason: Enter a value."),
    ({"name": "One\nTwo"}, "cannot be seen"),
    ({"name": "x" * 201}, "at most 200 characters"),
]


def test_center_is_refused_with_a_way_to_mend(people: Universe, adam: Visitor) -> None:
    for wrong, words in WRONG_CENTERS:
        page = adam.post(f"{CENTERS}new/", {"code": "C03", "name": "Third", "reason": WHY, **wrong})
        assert page.status == 422, wrong
        assert "<title>Error: New center" in page.text
        assert words in page.text, wrong
    assert Center.objects.count() == 2


def test_center_is_amended_where_the_form_was_changed(people: Universe, adam: Visitor) -> None:
    path = center_url(people, rest="amend/")
    opened = adam.get(path).form
    adam.post(path, {**opened, "city": "Delft", "reason": WHY})
    # A form that was open all the while changes its own box alone.
    adam.post(path, {**opened, "country": "NL", "reason": WHY})
    center = Center.objects.get(code="C01")
    assert (center.city, center.country, center.name) == ("Delft", "NL", "First Center")
    assert last_events("centers_center")[-2:] == [("update", WHY, "adam")] * 2


def test_center_is_closed_and_reopened(people: Universe, adam: Visitor) -> None:
    for act, status in (("close/", "closed"), ("reopen/", "active")):
        assert adam.post(center_url(people, rest=act), {"reason": ""}).status == 422
        assert adam.post(center_url(people, rest=act), {"reason": WHY}).status == 302
        assert Center.objects.get(code="C01").status == status
    assert "Record" not in adam.get(center_url(people)).text.split("<main")[1]


def test_center_shows_its_members_today(people: Universe, adam: Visitor) -> None:
    text = adam.get(center_url(people)).text
    assert all(f"{name} Example" in text for name in ("Carla", "Petra", "Max", "Bea"))
    assert "Otto Example" not in text
    row = re.search(r"C01</a>.*?</tr>", adam.get(CENTERS).text, re.S)
    assert row
    assert '<td class="num">4</td>' in row[0]


def test_page_without_centers_says_what_to_do(database: None) -> None:
    boss = create_user(actor=system_scope(), username="boss", full_name="Boss")
    add_membership(actor=system_scope(), user_id=boss.pk, role=Role.ADMINISTRATOR)
    visitor = Visitor(Universe(users={"boss": boss}), "boss")
    assert "make the first one" in visitor.get(CENTERS).text


# People


def test_list_of_people_is_filtered(people: Universe, adam: Visitor) -> None:
    def found(query: str) -> set[str]:
        text = adam.get(f"{PEOPLE}?{query}").text
        return set(re.findall(r">(\w+) Example</a></th>", text))

    assert found("") == {name.title() for name in people.users}
    assert found("name=ETR") == {"Petra"}
    assert found("role=monitor") == {"Max", "Bea", "Mona"}
    assert found("role=monitor&center=C01") == {"Max"}
    assert found("center=C02") == {"Otto", "Bea", "Mona"}
    assert found("state=closed") == found("state=none") == set()
    adam.post(person_url(people, "max", "deactivate/"), {"reason": WHY})
    adam.post(end_url(people, "otto"), {"reason": WHY})
    assert (found("state=closed"), found("state=none")) == ({"Max"}, {"Otto"})
    assert found("role=nonsense&center=X&state=1&order=password&is_demo=1&page=99") == found("")
    assert found("name=%00%27--") == set()
    assert "System" not in adam.get(f"{PEOPLE}?name=system").text


def test_list_of_people_has_pages(people: Universe, adam: Visitor) -> None:
    with acting(system_scope()), transaction.atomic():
        User.objects.bulk_create(
            User(username=f"p{n}", full_name=f"Person {n:02}") for n in range(50)
        )
    assert "Page 1 of 2" in adam.get(PEOPLE).text
    assert "Page 2 of 2" in adam.get(f"{PEOPLE}?page=2&name=").text


def test_invited_person_sets_a_password_and_signs_in(people: Universe, adam: Visitor) -> None:
    center = people.centers["C01"].public_id
    page = adam.post(f"{PEOPLE}new/", invitation(role="coordinator", center=str(center)))
    assert page.status == 200
    nora = saved("nora")
    assert not nora.has_usable_password()
    assert memberships(nora) == [("coordinator", "C01", timezone.now().date(), None)]
    for table in ("centers_user", "centers_membership"):
        assert last_events(table)[-1] == ("insert", "New member of the team", "adam")
    found = re.search(r"http://testserver(/welcome/\S+)", str(mail.outbox[0].body))
    assert found
    browser = Client()
    opened = browser.get(found[1], follow=True)
    path = opened.redirect_chain[-1][0]
    browser.post(path, {"new_password1": PASSWORD, "new_password2": PASSWORD})
    assert saved("nora").check_password(PASSWORD)
    assert "no longer works" in Client().get(found[1], follow=True).content.decode()


def test_invitation_is_mailed_and_names_nobody(people: Universe, adam: Visitor) -> None:
    page = adam.post(f"{PEOPLE}new/", invitation())
    assert "The link was sent by e-mail" in page.text
    assert "/welcome/" not in page.text
    (message,) = mail.outbox
    assert message.to == ["nora@example.org"]
    assert "/welcome/" in message.body
    assert not re.search("nora|new|adam|C01|investigator", message.body, re.I)


@override_settings(EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend", EMAIL_HOST="")
def test_invitation_without_a_mail_server_is_handed_over(people: Universe, adam: Visitor) -> None:
    page = adam.post(f"{PEOPLE}new/", invitation())
    assert page.status == 200
    assert "No mail server is set up" in page.text
    assert "/welcome/" in page.text


@override_settings(
    EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
    EMAIL_HOST="127.0.0.1",
    EMAIL_PORT=9,
    EMAIL_USE_TLS=False,
)
def test_invitation_whose_mail_fails_is_handed_over(people: Universe, adam: Visitor) -> None:
    page = adam.post(f"{PEOPLE}new/", invitation())
    assert "could not be sent by e-mail" in page.text
    assert saved("nora").is_active


WRONG_INVITATIONS = [
    ({"full_name": ""}, "Full name: Enter a value."),
    ({"email": "nora"}, "valid email address"),
    ({"email": "nora@example.org\r\nBcc: x@example.org"}, "cannot be seen"),
    ({"username": "CARLA"}, "is taken, perhaps by a closed account"),
    ({"username": "no ra"}, "letters, digits and"),
    ({"role": ""}, "Role: Choose one."),
    ({"role": "system"}, "Choose one of the list"),
    ({"role": "coordinator"}, "held at a center: choose one"),
    ({"center": ABSENT, "role": "monitor"}, "Choose one of the list"),
    ({"center": "1", "role": "monitor"}, "Center:"),
    ({"center": "{C01}"}, "whole registry: leave it empty"),
    ({"starts_on": "24-Mar-2030", "ends_on": "23-Mar-2030"}, "cannot end before it starts"),
    ({"reason": " "}, "Reason: Enter a value."),
]


def test_invitation_is_refused_with_a_way_to_mend(people: Universe, adam: Visitor) -> None:
    center = people.centers["C01"].public_id
    for wrong, words in WRONG_INVITATIONS:
        values = {name: text.format(C01=center) for name, text in wrong.items()}
        page = adam.post(f"{PEOPLE}new/", invitation(**values))
        assert page.status == 422, wrong
        assert words in page.text, wrong
    assert not User.objects.filter(username="nora").exists()
    assert mail.outbox == []


def test_membership_is_added_and_ended(people: Universe, adam: Visitor) -> None:
    otto, today = people.users["otto"], timezone.now().date()
    values = {"role": "monitor", "center": str(people.centers["C01"].public_id), "reason": WHY}
    last = today + timedelta(days=30)
    path = person_url(people, "otto", "memberships/new/")
    assert adam.post(path, {**values, "ends_on": last.isoformat()}).status == 302
    assert memberships(otto)[-1] == ("monitor", "C01", today, last)
    assert people.centers["C01"].pk in scope_of(otto).center_ids
    again = adam.post(path, values)
    assert (again.status, "Choose another first day" in again.text) == (422, True)
    ends = re.findall(r'href="([^"]+/end/)"', adam.get(person_url(people, "otto")).text)
    assert len(ends) == 2
    assert adam.post(ends[1], {"ends_on": today.isoformat(), "reason": WHY}).status == 302
    assert memberships(otto)[-1][3] == today
    assert adam.post(ends[1], {"reason": "Left the team"}).status == 302
    assert scope_of(otto).center_ids == (people.centers["C02"].pk,)
    assert last_events("centers_membership")[-1] == ("update", "Left the team", "adam")
    assert "never began" in adam.get(person_url(people, "otto")).text


def test_membership_to_come_says_so(people: Universe, adam: Visitor) -> None:
    values = {"role": "investigator", "starts_on": "1/2/2090", "reason": WHY}
    adam.post(person_url(people, "otto", "memberships/new/"), values)
    text = adam.get(person_url(people, "otto")).text
    assert "To come" in text
    assert "01-Feb-2090" in text


def test_closed_account_is_signed_out_and_stays_out(people: Universe, adam: Visitor) -> None:
    carla = Visitor(people, "carla")
    with acting(system_scope()), transaction.atomic():
        passkey = {"user": people.users["carla"], "type": Authenticator.Type.WEBAUTHN}
        Authenticator.objects.create(**passkey, data={})
        OpenIdentity.objects.create(user=people.users["carla"], issuer="https://a", subject="1")
    assert carla.get("/records/").status == 200
    adam.post(person_url(people, "carla", "deactivate/"), {"reason": "Left the team"})
    assert carla.get("/records/").url.startswith("/sign-in/")
    assert not Client().login(username="carla", password=PASSWORD)
    assert last_events("centers_user")[-1] == ("update", "Left the team", "adam")
    page = adam.post(person_url(people, "carla", "link/"), {"reason": WHY})
    assert (page.status, "reactivate it first" in page.text) == (422, True)
    adam.post(person_url(people, "carla", "reactivate/"), {"reason": WHY})
    assert saved("carla").is_active
    assert carla.get("/records/").url.startswith("/sign-in/")
    assert not saved("carla").has_usable_password()
    assert not Authenticator.objects.exists()
    assert not OpenIdentity.objects.exists()


def test_sessions_of_a_person_are_ended(people: Universe, adam: Visitor) -> None:
    carla = Visitor(people, "carla")
    assert carla.get("/records/").status == 200
    assert adam.post(person_url(people, "carla", "sessions/"), {}).status == 302
    assert carla.get("/records/").url.startswith("/sign-in/")
    assert not people.users["carla"].sessions.exists()
    assert people.users["adam"].sessions.exists()
    assert saved("carla").has_usable_password()


def test_second_factor_of_a_person_is_reset(people: Universe, adam: Visitor) -> None:
    kinds = (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES)
    with acting(system_scope()), transaction.atomic():
        for kind in kinds:
            Authenticator.objects.create(user=people.users["carla"], type=kind, data={})
            Authenticator.objects.create(user=people.users["adam"], type=kind, data={})
    path = person_url(people, "carla", "second-factor/")
    assert adam.post(path, {"reason": ""}).status == 422
    assert adam.post(path, {"reason": "Lost access"}).status == 302
    assert set(Authenticator.objects.values_list("user__username", flat=True)) == {"adam"}


def test_new_link_ends_password_sessions_and_older_links(people: Universe, adam: Visitor) -> None:
    carla = Visitor(people, "carla")
    first, second = (
        adam.post(person_url(people, "carla", "link/"), {"reason": "Lost access"}) for _ in range(2)
    )
    links = [
        re.search(r'value="http://testserver(/[^"]+)" readonly', p.text) for p in (first, second)
    ]
    assert carla.get("/records/").url.startswith("/sign-in/")
    assert not saved("carla").has_usable_password()
    answers = [Client().get(link[1], follow=True).content.decode() for link in links if link]
    assert ["no longer works" in text for text in answers] == [True, False]
    assert last_events("centers_user")[-1] == (
        "update",
        "New one-time link: Lost access",
        "adam",
    )


def test_person_is_amended(people: Universe, adam: Visitor) -> None:
    path = person_url(people, "carla", "amend/")
    values = {"full_name": "Carla Other", "email": "carla@example.org", "reason": WHY}
    assert adam.post(path, values).status == 302
    assert (saved("carla").full_name, saved("carla").email) == ("Carla Other", "carla@example.org")
    assert adam.post(path, values).status == 302
    assert last_events("centers_user")[-1] == ("update", WHY, "adam")
    assert len([e for e in last_events("centers_user") if e[1] == WHY]) == 1
    assert adam.post(path, {**values, "email": ""}).status == 422


# What nobody may


def test_administrator_changes_nothing_of_the_own_account(people: Universe, adam: Visitor) -> None:
    make_administrator(people, "ines")
    before = memberships(people.users["adam"])
    own = end_url(people, "adam", by="ines")
    values = {"role": "data_manager", "full_name": "A", "email": "a@example.org", "reason": WHY}
    for rest in PERSON_PAGES[1:]:
        page = adam.post(person_url(people, "adam", rest), values)
        assert page.status == 422, rest
        assert "Ask another administrator" in page.text
    assert "Ask another administrator" in adam.post(own, {"reason": WHY}).text
    assert memberships(people.users["adam"]) == before
    shown = adam.get(person_url(people, "adam")).text
    assert "/end/" not in shown
    assert "deactivate" not in shown
    assert Visitor(people, "ines").post(own, {"reason": WHY}).status == 302
    assert adam.get(PEOPLE).status == 403


def test_last_administrator_stays(people: Universe, adam: Visitor) -> None:
    """A second administrator may not leave the registry without one, now or on a day to come."""
    make_administrator(people, "ines")
    ines = Visitor(people, "ines")
    end = end_url(people, "adam", by="ines")
    with acting(system_scope()), transaction.atomic():
        held = Membership.objects.get(user=people.users["ines"], role=Role.ADMINISTRATOR)
    tomorrow = timezone.now().date() + timedelta(days=1)
    # Hers ends tomorrow, so that his may end today, but not after hers.
    end_membership(actor=system_scope(), membership_id=held.pk, ends_on=tomorrow)
    page = ines.post(end, {"ends_on": (tomorrow + timedelta(days=5)).isoformat(), "reason": WHY})
    assert (page.status, "last administrator" in page.text) == (422, True)
    assert ines.post(end, {"reason": WHY}).status == 302
    # Who only acts as an administrator, without a membership, counts for none.
    stray = Scope(
        people.users["ines"].pk, "administrator", registry_wide=PERMISSIONS[Role.ADMINISTRATOR]
    )
    add_membership(actor=stray, user_id=people.users["otto"].pk, role=Role.ADMINISTRATOR)
    end_membership(actor=system_scope(), membership_id=held.pk)
    with pytest.raises(ValidationError, match="last administrator"):
        deactivate_user(actor=stray, user_id=people.users["otto"].pk, reason=WHY)
    assert saved("otto").is_active


@pytest.mark.parametrize("acts", [("end", "end"), ("close", "end"), ("close", "close")])
def test_two_administrators_cannot_remove_each_other_at_once(
    people: Universe, adam: Visitor, acts: tuple[str, str]
) -> None:
    make_administrator(people, "ines")
    with acting(system_scope()), transaction.atomic():
        held = {m.user_id: m.pk for m in Membership.objects.filter(role=Role.ADMINISTRATOR)}

    def removal(act: str, by: str, whom: str) -> Callable[[], object]:
        actor, user_id = scope_of(people.users[by]), people.users[whom].pk
        if act == "close":
            return lambda: deactivate_user(actor=actor, user_id=user_id, reason=WHY)
        return lambda: end_membership(actor=actor, membership_id=held[user_id], reason=WHY)

    first, second = removal(acts[0], "adam", "ines"), removal(acts[1], "ines", "adam")
    (error,) = while_open(first, second)
    assert isinstance(error, ValidationError)
    assert "last administrator" in str(error)
    assert scope_of(people.users["adam"]).may(Permission.MANAGE_USERS)


FORBIDDEN = {
    "id": "1",
    "public_id": ABSENT,
    "is_active": "",
    "is_demo": "on",
    "password": "pbkdf2",
    "center_id": "1",
    "user": "1",
    "user_id": "1",
    "created_at": "1999-01-01",
    "status": "closed",
    "code": "X99",
    "username": "evil",
    "is_superuser": "on",
    "role": "administrator",
    "initial-code": "X",
}


def state_of(username: str) -> dict[str, Any]:
    return User.objects.filter(username=username).values().get()


def test_extra_keys_of_an_account_change_nothing(people: Universe, adam: Visitor) -> None:
    before = state_of("carla")
    held = memberships(people.users["carla"])
    values = {"full_name": "Carla Example", "email": "c@example.org", "reason": WHY}
    assert adam.post(person_url(people, "carla", "amend/"), {**FORBIDDEN, **values}).status == 302
    assert state_of("carla") == {**before, "email": "c@example.org"}
    adam.post(person_url(people, "carla", "reactivate/"), {**FORBIDDEN, "reason": WHY})
    assert state_of("carla") == {**before, "email": "c@example.org"}
    assert memberships(people.users["carla"]) == held


def test_extra_keys_of_an_invitation_change_nothing(people: Universe, adam: Visitor) -> None:
    assert adam.post(f"{PEOPLE}new/", {**FORBIDDEN, **invitation()}).status == 200
    nora = saved("nora")
    assert (nora.is_active, nora.is_demo, nora.has_usable_password()) == (True, False, False)
    assert nora.created_at.date() == timezone.now().date()
    assert str(nora.public_id) != ABSENT
    assert [role for role, *_ in memberships(nora)] == ["investigator"]


def test_extra_keys_of_a_center_change_nothing(people: Universe, adam: Visitor) -> None:
    before = Center.objects.filter(code="C01").values().get()
    path = center_url(people, rest="amend/")
    opened = {
        k: v for k, v in adam.get(path).form.items() if k in before or k.startswith("initial")
    }
    assert adam.post(path, {**FORBIDDEN, **opened, "city": "Delft", "reason": WHY}).status == 302
    assert Center.objects.filter(pk=before["id"]).values().get() == {**before, "city": "Delft"}
    values = {"code": "C09", "name": "Ninth", "reason": WHY}
    adam.post(f"{CENTERS}new/", {**FORBIDDEN, **values})
    ninth = Center.objects.get(code="C09")
    assert ninth.status == "active"
    assert str(ninth.public_id) != ABSENT


def test_extra_keys_of_a_membership_change_nothing(people: Universe, adam: Visitor) -> None:
    path = end_url(people, "otto")
    before = memberships(people.users["otto"])[0]
    adam.post(path, {**FORBIDDEN, "center": ABSENT, "starts_on": "1-Jan-1999", "reason": WHY})
    after = memberships(people.users["otto"])
    assert len(after) == 1
    assert after[0][:3] == before[:3]


def test_names_are_escaped(people: Universe, adam: Visitor) -> None:
    values = {"full_name": PAYLOAD, "email": "c@example.org", "reason": PAYLOAD}
    adam.post(person_url(people, "carla", "amend/"), values)
    adam.post(center_url(people, rest="amend/"), {"name": PAYLOAD, "city": PAYLOAD, "reason": WHY})
    pages = [*all_pages(people), f"{PEOPLE}?name={PAYLOAD}"]
    shown: list[Page] = [adam.get(path) for path in pages]
    shown.append(adam.post(person_url(people, "carla", "link/"), {"reason": PAYLOAD}))
    shown.append(adam.post(person_url(people, "carla", "amend/"), {**values, "email": PAYLOAD}))
    for page in shown:
        assert "<script>" not in page.text
    assert sum("&lt;script&gt;" in page.text for page in shown) > 10


def test_no_page_names_a_key_of_the_database(people: Universe, adam: Visitor) -> None:
    for path in all_pages(people):
        text = adam.get(path).text
        assert not re.search(r'(href|action|value)="[^"]*/\d+/', text), path
    assert uuid.UUID(end_url(people, "carla").split("/")[-3])


def test_scope_of_administrators_holds_no_record(people: Universe) -> None:
    scope = scope_of(people.users["adam"])
    assert scope.center_ids == ()
    assert not scope.may(Permission.VIEW_RECORDS)
    assert scope.role == Role.ADMINISTRATOR
