"""Worlds of exports for deep tests; in one, every identifying value bears a mark, and where to look for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import psycopg
import pytest
from celery import current_app
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.urls import reverse

from analytics.exporting import freezing, store
from analytics.models import ExportJob
from analytics.projects import RESEARCH, SAFE_HARBOR
from centers.access import acting, system_scope
from tests.analytics.cohort_records import CANARY, cohort_records, row, treated
from tests.analytics.exports_world import CLINICAL, World, build, build_world, hashes
from tests.api_tools import get, program, read
from tests.deep.export_scans import date_shapes, hits, needles, traces
from tests.oracle import Record

ROOT = Path(__file__).resolve().parents[2]
PROFILES = (SAFE_HARBOR, RESEARCH)
# Every identifying value holds it; each so many-th record has dates known to the month or year.
MARK, PARTIAL = "CANARY", 7
DATED = {
    "patients_patient": (
        "primary_diagnosis_date",
        "metastatic_diagnosis_date",
        "nephrectomy_date",
        "date_of_death",
    ),
    "patients_prior_therapy": ("start_date",),
    "patients_cycle": ("start_date",),
    "patients_assessment": ("date",),
    "patients_local_therapy": ("date",),
    "patients_systemic_therapy": ("start_date", "end_date"),
    "patients_follow_up": ("date",),
    "ident.patient_identity": ("birth_date",),
}


def richer_records() -> list[Record]:
    """The cohort; whoever progressed has therapies afterwards, some known to the month or year."""
    records = cohort_records()
    # From a leap day, over the day on which clocks go forward.
    records[100] = treated(
        100, "melanoma", date(2000, 2, 29), free=34, alive=500, progressed=True, dead=True
    )
    for number, record in enumerate(records):
        if record.date_of_death and record.date_of_death < "2016":
            end = date.fromisoformat(str(record.rows[-1].when))
            local, systemic = end + timedelta(days=20), end + timedelta(days=30)
            record.rows += [
                row("local_therapy", local, modality="other", indication="palliation"),
                row("systemic_therapy", systemic, therapy_class="targeted"),
            ]
            if number % PARTIAL == 0:
                record.rows[-2].when, record.rows[-1].when = f"{local:%Y-%m}", f"{systemic:%Y}"
    return records


def _richer(superuser: psycopg.Connection) -> None:
    """What the generated records lack: identifiers and free texts everywhere, each with the mark."""
    quiet(
        superuser,
        f"""
        update patients_patient set histology = case when id % 9 = 0 then 'CANARYHISTO' || id
            else '8720/3' end, race = 'white', weight_kg = 70 + id % 30,
            registry_number = 'CANARYREG' || id, consent_date = metastatic_diagnosis_date::text::date,
            nephrectomy_date = case when disease = 'renal_cell'
                then (metastatic_diagnosis_date::text::date + 5)::text end,
            primary_diagnosis_date = substr((metastatic_diagnosis_date::text::date - 200)::text, 1,
                case when (id - 1) % {PARTIAL} = 0 then 4 else 10 end);
        update ident.patient_identity set mrn_index = ('CANARYMRN' || patient_id)::bytea,
            sealed = ('CANARYSEALED' || patient_id)::bytea;
        update patients_cycle set toxicity_criteria = 'CANARYTOX' || id, doses_given = 12;
        update patients_systemic_therapy set agent = 'CANARYDRUG' || id,
            end_date = (start_date_point + 30)::text where length(start_date::text) = 10;
        insert into patients_prior_therapy (public_id, center_id, patient_id, retracted, missing,
            created_at, start_date, therapy_class, agent)
        select gen_random_uuid(), center_id, id, false, '{{}}', now(),
            (metastatic_diagnosis_date::text::date - 100)::text, 'surgery', 'CANARYAGENT' || id
        from patients_patient;
        update centers_center set name = 'CANARYNAME' || id, city = 'CANARYCITY' || id,
            code = 'CANARYC' || id
        """,
    )


def _name_people(superuser: psycopg.Connection) -> None:
    quiet(
        superuser,
        """
        update centers_user set username = 'CANARYUSER' || id, full_name = 'CANARYPERSON' || id,
            email = 'canary' || id || '@canary.example' where id <> 1
        """,
    )


def quiet(superuser: psycopg.Connection, statements: str) -> None:
    """Past triggers, keys and edit checks."""
    superuser.execute("set session_replication_role = replica")
    for statement in statements.split(";"):
        if statement.strip():
            superuser.execute(statement)
    superuser.execute("reset session_replication_role")


def build_marked(superuser: psycopg.Connection) -> World:
    world = build_world(superuser, richer_records(), change=lambda: _richer(superuser))
    _name_people(superuser)
    for profile in PROFILES:
        world.built[profile] = build(world, profile)
    return world


def secrets(superuser: psycopg.Connection) -> set[str]:
    """Every identifying value of the database."""
    found = {f"{CANARY}{number}" for number in range(len(cohort_records()))}
    queries = (
        "select registry_number from patients_patient union select public_id::text from patients_patient",
        "select record_id from ident.patient_identity",
        "select agent from patients_prior_therapy union select agent from patients_systemic_therapy",
        "select histology from patients_patient where histology like '%CANARY%'",
        "select toxicity_criteria from patients_cycle",
        "select unnest(array[name, city, code]) from centers_center",
        "select unnest(array[username, full_name, email]) from centers_user where id <> 1",
        *(f"select public_id::text from {table}" for table in CLINICAL),
    )
    for query in queries:
        found |= {value for (value,) in superuser.execute(query).fetchall() if value}
    assert all(MARK.lower() in one.lower() or len(one) == 36 for one in found)
    return found


def days(superuser: psycopg.Connection) -> set[date]:
    """Every clinical date and birth date."""
    found: set[date] = set()
    for table, column in [(t, f"{c}_lo") for t, names in DATED.items() for c in names]:
        query = f"select {column} from {table} where {column} is not null"
        found |= {value for (value,) in superuser.execute(query).fetchall()}
    return found


@dataclass(frozen=True)
class Needles:
    """Everything that must be in no byte."""

    words: set[str]

    def found_in(self, text: str) -> list[str]:
        """What of it is: marks anywhere, words and dates on the borders of words, shapes of dates."""
        return sorted(traces(text, MARK) | hits(text, self.words)) + date_shapes(text)

    @classmethod
    def of(cls, superuser: psycopg.Connection) -> Needles:
        """Those of the database."""
        return cls(needles(secrets(superuser), days(superuser)))


def answers(world: World, job: ExportJob) -> Iterator[tuple[str, bytes]]:
    """What the pages and the API say of an export, bodies and headers, refusals among them."""
    browser = Client()
    with acting(system_scope()), transaction.atomic():
        browser.force_login(world.asker)
    token = program(owner=world.asker, of=job.project).token()
    api = f"/api/v1/exports/{job.public_id}"
    paths = [
        *(f"{api}{path}" for path in ("", "/manifest", "/files/subjects.csv", "/files/none.csv")),
        f"/api/v1/outcomes?cohort=eligible&cut={job.cut.public_id}",
        "/api/v1/outcomes?cohort=unknown",
        "/api/v1/exports/00000000-0000-4000-8000-000000000000",
    ]
    for path in paths:
        answer = get(path, token)
        yield path, answer.body + str(answer.headers).encode()
    if job.state == "ready":
        found = read(browser.get(reverse("export_file", args=[job.public_id, "subjects.csv"])))
        yield "page", found.body + str(found.headers).encode()


def broker_content() -> str:
    """Every byte that waits in the broker."""
    with current_app.connection_for_read() as connection:
        client = connection.default_channel.client
        return str([item for key in client.keys("celery*") for item in client.lrange(key, 0, -1)])


def server_log(superuser: psycopg.Connection) -> str:
    """What the database has written into its log."""
    found = superuser.execute("show data_directory").fetchone()
    assert found is not None
    log = Path("log", "postgres.log")
    folder = next(folder for folder in Path(found[0]).parents if (folder / log).is_file())
    return (folder / log).read_text(errors="replace")


def plant(monkeypatch: pytest.MonkeyPatch, leak: str) -> None:
    """The leak stands in the column `cohort` of every cut that is frozen from now on."""
    fill = freezing.fill_statement
    monkeypatch.setattr(
        freezing,
        "fill_statement",
        lambda table: fill(table).replace("    record.cohort,", f"    {leak},"),
    )


def build_both(superuser: psycopg.Connection) -> World:
    """The generated cohort, with an export of every format in both profiles."""
    world = build_world(superuser, richer_records())
    for profile in (SAFE_HARBOR, RESEARCH):
        world.built[profile] = build(world, profile)
    return world


def environment(**more: str) -> dict[str, str]:
    """What a process of the registry on this database and store is started with."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "registry.settings",
        "REGISTRY_EXPORT_DIR": str(settings.REGISTRY_EXPORT_DIR),
        **more,
    }


def lines(job: ExportJob, name: str) -> list[str]:
    """Lines of a kept file."""
    return store.place(hashes(job)[name]).read_text().splitlines()
