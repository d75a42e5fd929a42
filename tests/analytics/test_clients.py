"""API clients on the pages of administrators: made, shown once, listed, revoked, never leaked."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics.actions.clients import create_client, make_client, revoke_client
from analytics.models import ApiClient
from centers.access import acting, scope_of, system_scope
from centers.actions.users import add_membership, end_membership
from centers.models import SYSTEM_USER_ID, Membership, User
from centers.roles import Role
from tests.api_tools import Program, get, is_problem, project
from tests.patients.pages import Page, Visitor, status_of
from tests.universe import Universe, build_people

LIST, NEW = "/administration/clients/", "/administration/clients/new/"
EXPORT = "/api/v1/outcomes.csv"
ABSENT = "00000000-0000-4000-8000-000000000000"
WHY = "Request of the person"
# Nobody knows its secret; hashing one for each line of a list takes long on purpose.
HASHED = "argon2$argon2id$v=19$m=19456,t=2,p=1$AAAA$AAAA"


@pytest.fixture
def people(database: None) -> Universe:
    return build_people()


@pytest.fixture
def adam(people: Universe) -> Visitor:
    return Visitor(people, "adam")


def values(universe: Universe, username: str = "ines", **more: str) -> dict[str, str]:
    owner = str(universe.users[username].public_id)
    return {
        "label": "R script",
        "project": str(project().public_id),
        "owner": owner,
        "scopes": "outcomes",
        "days": "30",
        "reason": WHY,
        **more,
    }


def made_by(page: Page) -> Program:
    """The client that the page shows, with its secret."""
    found = re.findall(r'value="(il2[cs][^"]+)" readonly', page.text)
    client = ApiClient.objects.select_related("user").get(client_id=found[0])
    return Program(client, found[1])


def export(one: Program) -> int:
    return one.get(EXPORT).status if one.ask().status == 200 else 401


def made(owner: User, label: str = "made") -> ApiClient:
    with acting(system_scope()), transaction.atomic():
        return make_client(label=label, project=project(), owner=owner, scopes=["outcomes"])[0]


def revoke_url(token: ApiClient) -> str:
    return f"{LIST}{token.public_id}/revoke/"


def test_stranger_is_sent_to_sign_in(people: Universe) -> None:
    for path in (LIST, NEW, revoke_url(made(people.users["ines"]))):
        response = Client().get(path)
        assert (response.status_code, response.headers["Location"]) == (
            302,
            f"/sign-in/?next={path}",
        )


def test_other_roles_are_refused(people: Universe) -> None:
    path = revoke_url(made(people.users["ines"]))
    for username in ("carla", "ines", "dana"):
        visitor = Visitor(people, username)
        assert [status_of(visitor.client, page) for page in (LIST, NEW, path)] == [403] * 3
        assert visitor.post(NEW, values(people)).status == 403
        assert visitor.post(path, {"reason": WHY}).status == 403
    assert ApiClient.objects.filter(revoked_at=None).count() == 1


def test_absent_client_is_404(people: Universe, adam: Visitor) -> None:
    assert adam.get(f"{LIST}{ABSENT}/revoke/").status == 404
    assert adam.post(f"{LIST}{ABSENT}/revoke/", {"reason": WHY}).status == 404


def test_client_is_made_shown_once_and_revoked(people: Universe, adam: Visitor) -> None:
    one = made_by(adam.post(NEW, values(people)))
    token = ApiClient.objects.get()
    assert token.user == people.users["ines"]
    assert timedelta(days=29) < token.expires_at - timezone.now() <= timedelta(days=30)
    assert export(one) == 200
    listed = adam.get(LIST).text
    assert "R script" in listed
    assert one.secret not in listed
    assert one.client.client_id in listed
    assert "Valid" in listed
    assert adam.post(revoke_url(token), {"reason": ""}).status == 422
    assert adam.post(revoke_url(token), {"reason": "Lost access"}).status == 302
    assert export(one) == 401
    text = adam.get(LIST).text
    assert "Revoked" in text
    assert "/revoke/" not in text
    assert (
        "already"
        in adam.client.post(revoke_url(token), {"reason": WHY}, follow=True).content.decode()
    )


def test_events_of_a_client_have_actor_and_reason_but_no_hash(
    people: Universe, adam: Visitor
) -> None:
    adam.post(NEW, values(people))
    adam.post(revoke_url(ApiClient.objects.get()), {"reason": "Lost access"})
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute(
            "select operation, reason, actor_id, after ? 'client_secret', after ->> 'public_id'"
            " from audit.event where table_name = 'analytics_api_client' order by id"
        )
        found = cursor.fetchall()
    actor, public_id = people.users["adam"].pk, str(ApiClient.objects.get().public_id)
    assert found == [
        ("insert", WHY, actor, False, public_id),
        ("update", "Lost access", actor, False, public_id),
    ]


WRONG = [
    ({"label": " "}, "Label: Enter a value."),
    ({"label": "x" * 101}, "at most 100 characters"),
    ({"project": ABSENT}, "Choose one of the list"),
    ({"owner": ""}, "Owner: Choose one."),
    ({"owner": ABSENT}, "Choose one of the list"),
    ({"owner": "1"}, "Owner:"),
    ({"scopes": ""}, "Scopes: Choose one of the list"),
    ({"scopes": "everything"}, "Choose one of the list"),
    ({"days": "0"}, "greater than or equal to 1"),
    ({"days": "367"}, "less than or equal to 366"),
    ({"days": "ten"}, "Enter a whole number"),
    ({"reason": ""}, "Reason: Enter a value."),
]


def test_client_is_refused_with_a_way_to_mend(people: Universe, adam: Visitor) -> None:
    for wrong, words in WRONG:
        page = adam.post(NEW, values(people, **wrong))
        assert page.status == 422, wrong
        assert words in page.text, wrong
    page = adam.post(NEW, values(people, "adam"))
    assert "opens an export today. Choose somebody else" in page.text
    system = str(User.objects.get(pk=SYSTEM_USER_ID).public_id)
    assert adam.post(NEW, values(people, owner=system)).status == 422
    assert not ApiClient.objects.exists()


def test_client_of_a_closed_account_is_refused(people: Universe, adam: Visitor) -> None:
    one = made_by(adam.post(NEW, values(people)))
    path = f"/administration/users/{people.users['ines'].public_id}/deactivate/"
    assert adam.post(path, {"reason": WHY}).status == 302
    assert export(one) == 401
    assert "Account closed" in adam.get(LIST).text
    assert adam.post(NEW, values(people)).status == 422
    with pytest.raises(ValidationError, match="closed"):
        create_client(
            actor=scope_of(people.users["adam"]),
            label="x",
            project_id=project().pk,
            owner_id=people.users["ines"].pk,
            scopes=["outcomes"],
            days=1,
            reason=WHY,
        )


def test_client_whose_owner_lost_the_last_role_is_refused_with_its_tokens(
    people: Universe, adam: Visitor
) -> None:
    one = made_by(adam.post(NEW, values(people)))
    token, ines = one.token(), people.users["ines"]
    held = add_membership(
        actor=system_scope(), user_id=ines.pk, role=Role.ADMINISTRATOR, reason=WHY
    )
    with acting(system_scope()), transaction.atomic():
        first = Membership.objects.filter(user=ines).exclude(pk=held.pk).get()
    assert get(EXPORT, token).status == 200
    end_membership(actor=system_scope(), membership_id=first.pk, reason=WHY)
    # Another role is left, which opens no figures.
    is_problem(get(EXPORT, token), 401)
    is_problem(one.ask(), 401, "invalid-client")
    assert "Role ended" in adam.get(LIST).text
    with pytest.raises(CommandError, match="No role"):
        call_command("create_api_client", label="x", project=project().name, owner="ines")
    add_membership(
        actor=system_scope(),
        user_id=ines.pk,
        role=Role.COORDINATOR,
        center_id=people.centers["C01"].pk,
        reason=WHY,
    )
    assert get(EXPORT, token).status == 200
    assert "Role ended" not in adam.get(LIST).text


def test_actions_need_the_permission_and_a_reason(people: Universe) -> None:
    token, ines = made(people.users["ines"]), people.users["ines"]
    with pytest.raises(PermissionDenied):
        create_client(
            actor=scope_of(ines),
            label="x",
            project_id=project().pk,
            owner_id=ines.pk,
            scopes=["outcomes"],
            days=1,
            reason=WHY,
        )
    with pytest.raises(PermissionDenied):
        revoke_client(actor=scope_of(ines), client_id=token.pk, reason=WHY)
    with pytest.raises(ValidationError, match="Say why"):
        revoke_client(actor=scope_of(people.users["adam"]), client_id=token.pk, reason=" ")


def test_making_and_revoking_need_a_recent_proof(people: Universe, adam: Visitor) -> None:
    token = made(people.users["ines"])
    session = adam.client.session
    session["confirmed_at"] = 0
    session.save()
    assert adam.post(NEW, values(people)).url.startswith("/confirm/")
    assert adam.post(revoke_url(token), {"reason": WHY}).url.startswith("/confirm/")
    assert ApiClient.objects.get().revoked_at is None


def test_extra_keys_change_nothing(people: Universe, adam: Visitor) -> None:
    extra = {
        "id": "1",
        "public_id": ABSENT,
        "client_secret": "00",
        "client_id": "x",
        "expires_at": "2099-01-01",
        "revoked_at": "2099-01-01",
        "last_used_at": "2099-01-01",
        "user_id": str(SYSTEM_USER_ID),
        "skip_authorization": "on",
    }
    assert export(made_by(adam.post(NEW, {**extra, **values(people)}))) == 200
    token = ApiClient.objects.get()
    assert token.user == people.users["ines"]
    assert str(token.public_id) != ABSENT
    assert token.expires_at < timezone.now() + timedelta(days=31)
    adam.post(revoke_url(token), {**extra, "label": "Other", "reason": WHY})
    after = ApiClient.objects.get()
    assert (after.name, after.expires_at) == ("R script", token.expires_at)
    assert after.revoked_at is not None
    assert after.revoked_at < timezone.now()


def test_labels_are_escaped_and_no_key_or_hash_is_shown(people: Universe, adam: Visitor) -> None:
    payload = "<script>alert(1)</script>"
    shown = [adam.post(NEW, values(people, label=payload))]
    token = ApiClient.objects.get()
    shown += [adam.get(path) for path in (LIST, NEW, revoke_url(token))]
    for page in shown:
        assert "<script>" not in page.text
        assert token.client_secret not in page.text
        assert f"/{token.pk}/" not in page.text
    assert sum("&lt;script&gt;" in page.text for page in shown) == 3


def test_list_of_clients_has_pages_and_tells_the_states(people: Universe, adam: Visitor) -> None:
    made(User.objects.get(pk=SYSTEM_USER_ID), "all centers")
    with CaptureQueriesContext(connection) as few:
        assert "System, by command" in adam.get(LIST).text
    with acting(system_scope()), transaction.atomic():
        for number in range(50):
            ApiClient.objects.create(
                name=f"old {number}",
                project=project(),
                user=people.users["ines"],
                client_id=f"il2c-{number}",
                client_secret=HASHED,
                scopes=["outcomes"],
                expires_at=timezone.now() - timedelta(days=1),
            )
    with CaptureQueriesContext(connection) as many:
        text = adam.get(LIST).text
    assert len(many) == len(few)
    assert text.index("all centers") < text.index("old 49")
    assert "Expired" in text
    assert "Page 1 of 2" in text
