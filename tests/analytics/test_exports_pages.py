"""Pages of exports and projects: asked for, decided by another, fetched in ranges, seen by their people alone."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.urls import reverse

from analytics.exporting.engine import build_waiting
from analytics.models import ExportJob, Project
from analytics.projects import RESEARCH
from centers.access import acting, system_scope
from tests.analytics.conftest import signed_in
from tests.analytics.exports_world import World, again, ask, build_world
from tests.snapshot import start_from


@pytest.fixture(scope="module", autouse=True)
def _store(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings.REGISTRY_EXPORT_DIR = tmp_path_factory.mktemp("exports")


@pytest.fixture
def world(database: None, superuser: psycopg.Connection) -> World:
    return start_from("export pages", lambda: build_world(superuser), superuser)


def page(client: Client, route: str, /, *arguments: Any, **data: Any) -> str:
    """The text of a page, opened or (with data) sent."""
    url = reverse(route, args=arguments)
    response = client.post(url, data, follow=True) if data else client.get(url)
    assert response.status_code == 200, (url, response.status_code)
    return response.content.decode()


def test_export_from_request_to_download(world: World) -> None:
    asker, approver, admin = map(signed_in, (world.asker, world.approver, world.administrator))
    assert "Nothing was exported yet" in page(asker, "export_list")
    assert "The export is asked for" in page(
        asker,
        "export_create",
        project=str(world.projects[RESEARCH].public_id),
        cut=str(world.cut.public_id),
        population="treated",
        formats=["csv"],
    )
    with acting(system_scope()), transaction.atomic():
        key = ExportJob.objects.get().public_id
    assert "Waiting for the worker" in page(asker, "export_detail", key)
    build_waiting()
    assert "Report of risk" in page(asker, "export_detail", key)
    assert asker.get(reverse("export_decide", args=[key])).status_code == 403
    file = reverse("export_file", args=[key, "subjects.csv"])
    assert asker.get(file).status_code == 404
    assert "Choose one" in approver.post(reverse("export_decide", args=[key]), {}).content.decode()
    text = page(approver, "export_decide", key, decision="release", reason="Read the report")
    assert "Released." in text
    whole = asker.get(file)
    part = asker.get(file, headers={"Range": "bytes=10-19"})
    content = b"".join(whole.streaming_content)
    assert (part.status_code, b"".join(part.streaming_content)) == (206, content[10:20])
    # Who releases it does not thereby have it; nor does who administers the project.
    assert approver.get(file).status_code == 404
    assert admin.get(file).status_code == 403
    seen = page(admin, "project_detail", world.projects[RESEARCH].public_id)
    assert seen.count("subjects.csv") == 2
    assert "Called back" in page(approver, "export_call_back", key, reason="Wrong cut")
    assert asker.get(file).status_code == 404
    assert "-----BEGIN PUBLIC KEY-----" in page(Client(), "export_key")
    assert "cause_of_death" in page(asker, "export_codebook", RESEARCH)


def test_exports_of_others_are_absent(world: World) -> None:
    job = ask(world)
    admin = signed_in(world.administrator)
    member = world.projects[RESEARCH].public_id, world.asker.public_id
    page(admin, "project_remove_member", *member, sent="1")
    asker = signed_in(world.asker)
    for name in ("export_detail", "export_end"):
        assert asker.get(reverse(name, args=[job.public_id])).status_code == 404
    assert "Nothing was exported yet" in page(asker, "export_list")


def test_project_from_agreement_to_destroyed_codes(world: World) -> None:
    admin = signed_in(world.administrator)
    given = {
        "name": "A new one",
        "profile": "safe_harbor",
        "agreement": "DUA 7",
        "purpose": "Outcome",
        "recipients": "A university",
    }
    refused = admin.post(reverse("project_create"), given)
    assert "Enter the day" in refused.content.decode()
    made = page(admin, "project_create", **given, agreement_expires_on="24-Mar-2099")
    assert "Add its members" in made
    with acting(system_scope()), transaction.atomic():
        key = Project.objects.get(name="A new one").public_id
    assert "A new one" in page(admin, "project_list")
    assert "Asker" in page(admin, "project_add_member", key, user=str(world.asker.public_id))
    amended = {**given, "name": "Renamed", "agreement_expires_on": "24-Mar-2098", "reason": "x"}
    assert "Renamed" in page(admin, "project_amend", key, **amended)
    assert "Closed" in page(admin, "project_close", key, reason="End")
    assert "Destroyed: 0 codes" in page(admin, "project_destroy", key, reason="End")


def test_requester_ends_an_export(world: World) -> None:
    job = ask(world)
    asker = signed_in(world.asker)
    assert "same bytes" in page(asker, "export_end", job.public_id)
    assert "Ended" in page(asker, "export_end", job.public_id, sent="1")
    assert again(job).state == "expired"
