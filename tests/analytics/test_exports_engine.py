"""Exports built by the engine: what is in them, that they verify, how they end; default deny."""

from __future__ import annotations

import csv
import io
import json
import os
import uuid
from collections.abc import Callable
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import models, transaction
from django.urls import reverse
from django.utils import timezone

from analytics.actions import exports, projects
from analytics.actions.clients import end_client, make_client
from analytics.api.authentication import client_scope
from analytics.exporting import engine, formats, store
from analytics.exporting.codebook import codebook
from analytics.exporting.columns import Column
from analytics.exporting.download import Wanted, find_file, send_file
from analytics.exporting.fields import FIELDS, MODELS, NEVER, Treatment
from analytics.exporting.formats.csv_package import write_table
from analytics.exporting.manifest import problems, public_key_pem
from analytics.exporting.release_sql import release_ddl
from analytics.exporting.risk import needs_review
from analytics.exporting.spool import Spooled
from analytics.exporting.tables import RELEASES, Table
from analytics.models import ExportJob, ExportRevocation, Project
from analytics.projects import RESEARCH, SAFE_HARBOR
from analytics.queries.survival import Analysis, survival_groups
from analytics.stats.counts import pooled as together
from analytics.stats.kaplan_meier import kaplan_meier
from centers.access import acting, pooled, scope_of, set_reason, system_scope
from centers.actions.users import deactivate_user, end_membership
from centers.models import Membership
from patients.models import Patient
from tests.analytics.adtte_rules import broken
from tests.analytics.conftest import signed_in
from tests.analytics.exports_world import (
    World,
    again,
    ask,
    build,
    build_world,
    fetched,
    hashes,
)
from tests.snapshot import start_from

APPS = ("centers", "patients", "analytics", "registry")
SQL = Path(engine.__file__).with_name("release_1.sql")


@pytest.fixture(scope="module", autouse=True)
def _store(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings.REGISTRY_EXPORT_DIR = tmp_path_factory.mktemp("exports")


def _build(superuser: psycopg.Connection) -> World:
    world = build_world(superuser)
    world.built[RESEARCH] = build(world, RESEARCH, formats=["csv", "adam"])
    return world


@pytest.fixture
def world(database: None, superuser: psycopg.Connection) -> World:
    return start_from("exports", lambda: _build(superuser), superuser)


def lines(job: ExportJob, name: str) -> list[dict[str, str]]:
    text = store.place(hashes(job)[name]).read_text()
    return list(csv.DictReader(io.StringIO(text)))


# --- the field registry ---------------------------------------------------------------------------


def test_every_field_of_every_model_is_in_the_registry() -> None:
    """Default deny: whoever adds a field says what becomes of it in a release."""
    known, unlisted = set(), set()
    for model in apps.get_models():
        fields = model._meta.concrete_fields
        if model.__name__ in MODELS and model._meta.app_label in APPS:
            for field in fields:
                if not isinstance(field, models.GeneratedField | models.CompositePrimaryKey):
                    known.add(f"{model.__name__}.{field.name}")
        elif any(field.related_model is Patient for field in fields):
            unlisted.add(model.__name__)
    assert set(FIELDS) == known
    assert unlisted <= NEVER
    assert set(MODELS) & NEVER == set()


def test_columns_come_from_fields_that_their_profile_releases() -> None:
    for profile, tables in RELEASES.items():
        for table in tables.values():
            for column in table.columns:
                assert column.sources, column.name
                treatments = {FIELDS[key].treatment(profile) for key in column.sources}
                assert treatments - {Treatment.DROP, Treatment.USED}, (profile, column.name)
                assert Treatment.DROP not in treatments, (profile, column.name)
                assert len(column.short) <= 8
                assert len(column.label) <= 40
            assert len({column.short for column in table.columns}) == len(table.columns)


@pytest.mark.requirement("E1")
def test_identifiers_and_dates_are_released_in_no_profile_as_they_are() -> None:
    for entry in FIELDS.values():
        if entry.field_class in "ID":
            for profile in RELEASES:
                assert entry.treatment(profile) not in (Treatment.AS_IS, Treatment.RARE)
    assert FIELDS["Outcome.t0"].research is Treatment.YEAR


def test_views_in_the_database_are_those_of_the_registry(superuser: psycopg.Connection) -> None:
    assert SQL.read_text() == release_ddl()
    for profile, tables in RELEASES.items():
        for table in tables.values():
            rows = superuser.execute(
                "select attname::text from pg_attribute where attrelid = %s::regclass order by attnum",
                [f"release.{profile}_{table.name}"],
            ).fetchall()
            assert tuple(name for (name,) in rows) == table.names
    frozen = superuser.execute(
        "select a.attname, format_type(atttypid, null) from pg_attribute a join pg_class c"
        " on c.oid = attrelid join pg_namespace n on n.oid = relnamespace"
        " where nspname = 'frozen' and relkind = 'r' and attnum > 0"
    ).fetchall()
    assert {kind for name, kind in frozen if name != "frozen_at"} <= {
        "bigint",
        "integer",
        "text",
        "numeric",
        "boolean",
    }


def test_codebook_says_everything_of_every_column() -> None:
    for profile in RELEASES:
        for table in codebook(profile)["tables"]:
            for column in table["columns"]:
                assert column["treatment"]
                assert column["type"] in ("integer", "number", "text") or column["codes"]
    out = io.StringIO()
    call_command("codebook", "--profile", SAFE_HARBOR, "--format", "json", stdout=out)
    assert json.loads(out.getvalue())["profile"] == SAFE_HARBOR


def test_exporter_sees_rows_of_a_running_export_alone(world: World) -> None:
    job = world.built[RESEARCH]
    with psycopg.connect(os.environ["DATABASE_EXPORTER_URL"]) as exporter:
        for key in ("", str(job.public_id)):
            exporter.execute("select set_config('registry.export', %s, false)", [key])
            found = exporter.execute("select count(*) from release.research_subjects").fetchone()
            assert found == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            exporter.execute("select * from pseudonym.subject")


# --- what comes out -------------------------------------------------------------------------------


def test_adtte_keeps_its_rules_and_a_mutant_of_each_is_found(world: World) -> None:
    job = world.built[RESEARCH]
    adtte, adsl = lines(job, "adtte.csv"), lines(job, "adsl.csv")
    assert broken(adtte, adsl) == []
    mutants: list[dict[str, Any]] = [
        {"AVAL": "7"},
        {"AVAL": "-1", "ADY": "-1"},
        {"CNSR": "0", "EVNTDESC": "end_of_follow_up"},
        {"CNSR": "2", "CNSDTDSC": "first dose"},
        {"CNSR": "9"},
        {"CNSDTDSC": "first dose", "CNSR": "0", "EVNTDESC": "death"},
        {"PARAMCD": "TTP"},
        {"USUBJID": "0" * 16},
        {"PARAMCD": "OS", "CNSR": "0", "EVNTDESC": "progression", "CNSDTDSC": ""},
    ]
    for mutant in mutants:
        assert broken([{**adtte[1], **mutant}, *adtte[:1], *adtte[2:]], adsl), mutant
    assert broken(adtte[1:], adsl)


def test_curves_from_the_adtte_are_those_of_the_dashboard(world: World) -> None:
    """Kaplan-Meier by product limit in fractions, against the page's own counts and estimate."""
    adtte = lines(world.built[RESEARCH], "adtte.csv")
    for endpoint, parameter in (("pfs", "PFS"), ("os", "OS")):
        with acting(pooled(scope_of(world.asker))), transaction.atomic():
            groups = survival_groups(
                Analysis(endpoint, records="treated"), date(2017, 6, 30), own_centers=False
            )
        counts = together((groups.counts or {}).values())
        chosen = [line for line in adtte if line["PARAMCD"] == parameter]
        assert len(chosen) == counts.n == 160
        assert sum(line["CNSR"] == "0" for line in chosen) == int(counts.events.sum())
        page = kaplan_meier(counts)
        for day, survival in _product_limit(chosen):
            assert page.survival[page.index_at(day)] == pytest.approx(float(survival), abs=1e-12)


def _product_limit(chosen: list[dict[str, str]]) -> list[tuple[int, Fraction]]:
    ends = [(int(line["AVAL"]), line["CNSR"] == "0") for line in chosen]
    found, survival = [], Fraction(1)
    for day in sorted({day for day, happened in ends if happened}):
        at_risk = sum(end >= day for end, _ in ends)
        survival *= 1 - Fraction(sum(end == day and is_event for end, is_event in ends), at_risk)
        found.append((day, survival))
    return found


def test_sizes_and_risk_are_reported(world: World) -> None:
    job = world.built[RESEARCH]
    assert job.risk is not None
    subjects = lines(job, "subjects.csv")
    assert job.records == job.risk["records"] == len(subjects) == 160
    quasi = job.risk["quasi_identifiers"]
    classes: dict[tuple[str, ...], int] = {}
    for line in subjects:
        key = tuple(line[name] for name in quasi)
        classes[key] = classes.get(key, 0) + 1
    assert job.risk["k"] == min(classes.values())
    assert job.risk["uniques"] == sum(n == 1 for n in classes.values())
    assert [line["subject"] for line in subjects] == sorted(line["subject"] for line in subjects)
    assert needs_review({"small_cells": {}, "records": 10})
    assert not needs_review({"small_cells": {}, "records": 11})


@pytest.mark.requirement("E2")
def test_verification_finds_one_flipped_byte(world: World, tmp_path: Path) -> None:
    job = world.built[RESEARCH]
    folder = fetched(job, tmp_path)
    key = tmp_path / "export-key.pem"
    key.write_text(public_key_pem())
    call_command("export", "verify", str(folder), "--key", str(key), stdout=io.StringIO())
    for name in ("subjects.csv", "adtte.xpt", "manifest.json", "manifest.sig"):
        content = (folder / name).read_bytes()
        flipped = content[:40] + bytes([content[40] ^ 1]) + content[41:]
        (folder / name).write_bytes(flipped)
        assert problems(folder), name
        with pytest.raises(CommandError):
            call_command("export", "verify", str(folder), "--key", str(key), stdout=io.StringIO())
        (folder / name).write_bytes(content)
    assert problems(folder) == []
    (folder / "manifest.sig").unlink()
    assert problems(folder)


@pytest.mark.requirement("E2")
def test_same_request_gives_the_same_bytes_after_new_entries(
    world: World, superuser: psycopg.Connection
) -> None:
    superuser.execute(
        "set session_replication_role = replica;"
        " update patients_follow_up set retracted = true; reset session_replication_role"
    )
    again_built = build(world, RESEARCH, formats=["csv", "adam"])
    assert hashes(again_built) == hashes(world.built[RESEARCH])


def test_two_projects_share_no_code_and_no_order(world: World) -> None:
    other = build(world, SAFE_HARBOR, formats=["csv"])
    first = [line["subject"] for line in lines(world.built[RESEARCH], "subjects.csv")]
    second = [line["subject"] for line in lines(other, "subjects.csv")]
    assert len(first) == len(second)
    assert not set(first) & set(second)


def test_formula_gets_an_apostrophe(tmp_path: Path) -> None:
    column = Column("word", "WORD", "Word", "text", "", ())
    number = Column("days", "DAYS", "Days", "integer", "", ())
    rows = tmp_path / "rows"
    rows.write_text('"=1+1",-5\n"plain",3\n"@SUM(A1)",\n"\uff1d1",-1\n')
    spooled = Spooled(Table("t", "T", "T", "t", (column, number)), rows, 4)
    write_table(spooled, tmp_path / "t.csv")
    written = (tmp_path / "t.csv").read_text()
    assert written == "word,days\n'=1+1,-5\nplain,3\n'@SUM(A1),\n'\uff1d1,-1\n"


# --- how it goes on -------------------------------------------------------------------------------


@pytest.mark.requirement("E3")
def test_withdrawn_consent_calls_back_and_leaves_the_next_export(
    world: World, superuser: psycopg.Connection
) -> None:
    job = world.built[RESEARCH]
    waiting = ask(world, RESEARCH, formats=["csv"])
    engine.build_waiting()
    with acting(system_scope()), transaction.atomic():
        superuser.execute(
            "select set_config('registry.actor', '1', false), set_config('registry.reason', 'x', false),"
            " set_config('registry.role', 'system', false)"
        )
        superuser.execute("update patients_patient set consent = 'withdrawn' where id = 5")
    assert again(job).state == "revoked"
    assert again(waiting).state == "queued"
    with acting(system_scope()), transaction.atomic():
        assert [r.reason for r in ExportRevocation.objects.all()] == ["consent_withdrawn"]
    assert find_file(again(job), "subjects.csv") is None
    engine.build_waiting()
    assert again(waiting).records == 159


@pytest.mark.requirement("A4")
def test_download_is_a_range_and_an_event(world: World, superuser: psycopg.Connection) -> None:
    job = again(world.built[RESEARCH])
    entry = find_file(job, "subjects.csv")
    assert entry is not None
    content = store.place(entry["sha256"]).read_bytes()
    etag = f'"{entry["sha256"]}"'
    cases = {
        Wanted(): (200, content),
        Wanted("bytes=0-99"): (206, content[:100]),
        Wanted("bytes=100-"): (206, content[100:]),
        Wanted("bytes=-7"): (206, content[-7:]),
        Wanted("bytes=0-99", if_range='"old"'): (200, content),
        Wanted("bytes=0-99", if_range=etag): (206, content[:100]),
        Wanted("lines=1-2"): (200, content),
        Wanted(f"bytes={len(content)}-"): (416, b""),
        Wanted("bytes=-0"): (416, b""),
        Wanted(if_none_match=etag): (304, b""),
    }
    sent = 0
    with acting(scope_of(world.asker)), transaction.atomic():
        for wanted, (status, body) in cases.items():
            response = send_file(job, entry, wanted)
            found = b"".join(response) if response.streaming else response.content  # type: ignore[attr-defined]
            assert found == body, wanted
            assert response.status_code == status
            assert response["ETag"] == etag
            sent += bool(body)
    events = superuser.execute(
        "select after from audit.event where operation = 'download' order by id"
    ).fetchall()
    assert len(events) == sent == 7
    assert events[1][0]["first"] == 0
    assert events[1][0]["last"] == 99


def test_codes_of_a_closed_project_are_destroyed(
    world: World, superuser: psycopg.Connection
) -> None:
    admin = scope_of(world.administrator)
    project = world.projects[RESEARCH]
    with pytest.raises(Exception, match="Close the project"):
        projects.destroy_codes(actor=admin, project_id=project.pk, reason="End")
    projects.close_project(actor=admin, project_id=project.pk, reason="End")
    assert projects.destroy_codes(actor=admin, project_id=project.pk, reason="End") == 160
    assert superuser.execute("select count(*) from pseudonym.subject").fetchone() == (0,)
    assert engine.expire() > 0
    assert not list((store.root() / "objects").glob("*/*"))


def test_failed_build_is_tried_again_and_given_up(
    world: World, superuser: psycopg.Connection
) -> None:
    job = ask(world, RESEARCH, formats=["csv"])
    superuser.execute("set session_replication_role = replica")
    superuser.execute("update analytics_data_cut set content_hash = ''")
    superuser.execute("delete from frozen.cut")
    superuser.execute("reset session_replication_role")
    for attempt in (1, 2, 3):
        engine.build_waiting()
        found = again(job)
        assert (found.attempts, found.error) == (attempt, "CutDiffers")
        superuser.execute("set session_replication_role = replica")
        superuser.execute("update analytics_export_job set lease_until = null")
        superuser.execute("reset session_replication_role")
    assert found.state == "failed"
    assert engine.build_waiting() == 0


def test_table_too_large_for_a_format_is_said_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(formats.MOST_ROWS, "sav", 100)
    large = ask(world, RESEARCH, formats=["csv", "sav"])
    small = ask(world, RESEARCH, formats=["csv", "parquet"])
    engine.build_waiting()
    assert (again(large).state, again(large).error, again(large).attempts) == (
        "failed",
        "TooManyRows",
        1,
    )
    assert again(small).state == "review"
    page = signed_in(world.asker).get(reverse("export_detail", args=[large.public_id]))
    assert "more rows than one of the formats takes" in page.content.decode()


def test_export_that_ends_every_worker_is_given_up(
    world: World, superuser: psycopg.Connection
) -> None:
    job = ask(world, RESEARCH, formats=["csv"])
    superuser.execute("set session_replication_role = replica")
    superuser.execute(
        "update analytics_export_job set state = 'running', attempts = 10 where id = %s", [job.pk]
    )
    superuser.execute("reset session_replication_role")
    engine.build_waiting()
    assert (again(job).state, again(job).error) == ("failed", "WorkerEnded")
    page = signed_in(world.asker).get(reverse("export_detail", args=[job.public_id]))
    assert "worker ended each time" in page.content.decode()


def _close_account(world: World) -> None:
    actor = scope_of(world.administrator)
    deactivate_user(actor=actor, user_id=world.asker.pk, reason="Left")


def _end_role(world: World) -> None:
    with acting(system_scope()), transaction.atomic():
        held = Membership.objects.get(user=world.asker)
    end_membership(actor=system_scope(), membership_id=held.pk, reason="Left")


def _leave_project(world: World) -> None:
    projects.remove_member(
        actor=scope_of(world.administrator),
        project_id=world.projects[RESEARCH].pk,
        user_id=world.asker.pk,
    )


def _end_agreement(world: World) -> None:
    with acting(system_scope()), transaction.atomic():
        set_reason("Ended")
        yesterday = timezone.now().date() - timedelta(days=1)
        Project.objects.filter(profile=RESEARCH).update(agreement_expires_on=yesterday)


@pytest.mark.parametrize(
    ("end", "error", "words"),
    [
        (_close_account, "RightEnded", "the right to ask for it had ended"),
        (_end_role, "RightEnded", "the right to ask for it had ended"),
        (_leave_project, "RightEnded", "the right to ask for it had ended"),
        (_end_agreement, "ProjectEnded", "agreement had expired"),
    ],
)
def test_right_ended_before_the_build_ends_the_export(
    world: World, end: Callable[[World], None], error: str, words: str
) -> None:
    asked = ask(world, RESEARCH, formats=["csv"])
    by_command = exports.request_export(
        actor=system_scope(),
        project_id=world.projects[RESEARCH].pk,
        cut_id=world.cut.pk,
        population="treated",
    )[0]
    end(world)
    engine.build_waiting()
    found = again(asked)
    assert (found.state, found.error, found.attempts) == ("failed", error, 1)
    assert (found.files, found.risk) == (None, None)
    built = "failed" if error == "ProjectEnded" else "review"
    assert again(by_command).state == built
    page = signed_in(world.approver).get(reverse("export_detail", args=[asked.public_id]))
    assert words in page.content.decode()


def test_export_of_an_ended_client_is_not_built(world: World) -> None:
    with acting(system_scope()), transaction.atomic():
        clients = [
            make_client(
                label=name, project=world.projects[RESEARCH], owner=world.asker, scopes=["exports"]
            )[0]
            for name in ("kept", "ended")
        ]
    jobs = [
        exports.request_export(
            actor=client_scope(client, uuid.uuid4()),
            project_id=world.projects[RESEARCH].pk,
            cut_id=world.cut.pk,
            population="treated",
            client=client.client_id,
        )[0]
        for client in clients
    ]
    with acting(system_scope()), transaction.atomic():
        end_client(client_id=clients[1].pk)
    engine.build_waiting()
    found = [(again(job).state, again(job).error) for job in jobs]
    assert found == [("review", ""), ("failed", "RightEnded")]


def test_ended_export_is_not_settled(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    job = ask(world, RESEARCH, formats=["csv"])
    settle = engine._settle

    def end_first(*arguments: Any) -> None:
        exports.end_export(actor=scope_of(world.asker), job_id=job.pk)
        settle(*arguments)

    monkeypatch.setattr(engine, "_settle", end_first)
    engine.build_waiting()
    assert again(job).state == "expired"
    assert again(job).files is None
