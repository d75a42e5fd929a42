"""Nothing that could name a person leaves in an export: canaries, shapes of dates, non-interference.

The last is the strongest: only secrets are changed, and not a byte of any file may change. Leaks are
planted into the filling of the frozen rows; each must turn one of the checks red.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from celery import current_app
from django.conf import settings
from django.db import connections, transaction

from analytics.actions.data_cuts import make_cut
from analytics.exporting import engine, freezing, spool
from analytics.exporting.download import Wanted, find_file, send_file
from analytics.models import ExportJob
from analytics.projects import RESEARCH, SAFE_HARBOR
from centers.access import acting, scope_of, system_scope
from tests.analytics.cohort_records import CANARY, cohort_records
from tests.analytics.exports_world import (
    CLINICAL,
    CUTOFF,
    World,
    build,
    build_world,
    fetched,
    hashes,
    note_events,
)
from tests.deep.export_scans import date_shapes, hits, is_binary, needles, texts
from tests.snapshot import start_from

PROFILES = (SAFE_HARBOR, RESEARCH)
MANIFESTS = ("manifest.json", "manifest.sig")
DATED = {
    "patients_patient": ("primary_diagnosis_date", "metastatic_diagnosis_date", "date_of_death"),
    "patients_cycle": ("start_date",),
    "patients_assessment": ("date",),
    "patients_follow_up": ("date",),
}


@pytest.fixture(scope="module", autouse=True)
def _store(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings.REGISTRY_EXPORT_DIR = tmp_path_factory.mktemp("exports")


def _richer(superuser: psycopg.Connection) -> None:
    """Free texts, prior and systemic therapies that the generated cohort lacks, each with a canary."""
    quiet(
        superuser,
        """
        update patients_patient set histology = '8720/3', race = 'white', weight_kg = 70 + id % 30,
            primary_diagnosis_date = (metastatic_diagnosis_date::text::date - 200)::text;
        update patients_cycle set toxicity_criteria = 'CANARYTOX' || id, doses_given = 12;
        insert into patients_prior_therapy (public_id, center_id, patient_id, retracted, missing,
            created_at, start_date, therapy_class, agent)
        select gen_random_uuid(), center_id, id, false, '{}', now(),
            (metastatic_diagnosis_date::text::date - 100)::text, 'surgery', 'CANARYAGENT' || id
        from patients_patient;
        update centers_center set name = 'CANARYNAME' || id, city = 'CANARYCITY' || id;
        """,
    )


def quiet(superuser: psycopg.Connection, statements: str) -> None:
    """Past triggers, keys and edit checks."""
    superuser.execute("set session_replication_role = replica")
    for statement in statements.split(";"):
        if statement.strip():
            superuser.execute(statement)
    superuser.execute("reset session_replication_role")


def _build(superuser: psycopg.Connection) -> World:
    world = build_world(superuser, change=lambda: _richer(superuser))
    for profile in PROFILES:
        world.built[profile] = build(world, profile)
    return world


@pytest.fixture
def world(database: None, superuser: psycopg.Connection) -> World:
    return start_from("exports of leaks", lambda: _build(superuser), superuser)


def secrets(superuser: psycopg.Connection) -> set[str]:
    """Every identifying value of the database."""
    found = {f"{CANARY}{number}" for number in range(len(cohort_records()))}
    queries = (
        "select registry_number from patients_patient union select public_id::text from patients_patient",
        "select record_id from ident.patient_identity",
        "select agent from patients_prior_therapy where agent is not null",
        "select toxicity_criteria from patients_cycle where toxicity_criteria is not null",
        "select unnest(array[name, city, code]) from centers_center",
        "select username from centers_user union select full_name from centers_user where id <> 1",
        *(f"select public_id::text from {table}" for table in CLINICAL),
    )
    for query in queries:
        found |= {value for (value,) in superuser.execute(query).fetchall() if value}
    return found


def days(superuser: psycopg.Connection) -> set[date]:
    """Every clinical date and birth date."""
    found: set[date] = set()
    columns = [(t, f"{c}_lo") for t, names in DATED.items() for c in names]
    for table, column in [*columns, ("ident.patient_identity", "birth_date_lo")]:
        query = f"select {column} from {table} where {column} is not null"
        found |= {value for (value,) in superuser.execute(query).fetchall()}
    return found


def test_no_canary_and_no_date_in_any_byte(
    world: World,
    superuser: psycopg.Connection,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wanted = needles(secrets(superuser), days(superuser))
    assert len(wanted) > 5000
    sent: list[Any] = []
    monkeypatch.setattr(current_app, "send_task", lambda *a, **k: sent.append((a, k)))
    caplog.set_level(logging.DEBUG)
    for profile in PROFILES:
        job = build(world, profile, population="eligible")
        folder = tmp_path / profile
        folder.mkdir()
        for name, text in texts(fetched(job, folder)):
            # Three characters stand in numbers of binary files by chance, and name cells of a sheet.
            certain = {one for one in wanted if len(one) > 5} if is_binary(name) else wanted
            assert hits(text, certain) == set(), (profile, name)
            assert date_shapes(text) == [], (profile, name)
        entry = find_file(job, "subjects.csv")
        assert entry is not None
        with acting(scope_of(world.asker)), transaction.atomic():
            headers = str(dict(send_file(job, entry, Wanted()).items()))
        assert hits(headers, wanted) == set()
    assert hits(caplog.text, wanted) == set()
    assert sent
    assert all(arguments == ("analytics.tasks.build_exports",) for arguments, _ in sent)


def again_after(
    world: World,
    superuser: psycopg.Connection,
    change: Callable[[], None],
    profile: str,
    **given: Any,
) -> dict[str, str]:
    """Hashes of the same export from rows of which only secrets are changed; codes stay."""
    change()
    quiet(superuser, "delete from audit.seal; delete from audit.event")
    note_events(superuser)
    cut = make_cut(actor=system_scope(), name=f"After {len(world.built)}", cutoff=CUTOFF)
    world.built[f"after {cut.pk}"] = world.built[profile]
    job = build(world, profile, cut_id=cut.pk, **given)
    return data_hashes(job)


def data_hashes(job: ExportJob) -> dict[str, str]:
    return {name: sha for name, sha in hashes(job).items() if name not in MANIFESTS}


def _shift(superuser: psycopg.Connection) -> None:
    """Each patient's dates some days later, within the year of the first dose."""
    quiet(
        superuser,
        """
        create table public.moved as select c.patient_id, 1 + c.patient_id % 5 as days
        from patients_cycle c group by c.patient_id
        having extract(year from min(start_date_point) + 1 + (c.patient_id % 5)::integer)
            = extract(year from min(start_date_point))
        """,
    )
    columns = [(table, name) for table, names in DATED.items() for name in names]
    columns += [("patients_prior_therapy", "start_date"), ("ident.patient_identity", "birth_date")]
    for table, name in columns:
        key = "id" if table == "patients_patient" else "patient_id"
        quiet(
            superuser,
            f"update {table} t set {name} = ({name}::text::date + m.days::integer)::text from public.moved m"
            f" where m.patient_id = t.{key} and length({name}::text) = 10",
        )
    quiet(superuser, "drop table public.moved")


def _renumber(superuser: psycopg.Connection) -> None:
    """Keys in another order; the codes go with their records."""
    for table in CLINICAL[1:]:
        quiet(superuser, f"update {table} set id = 900001 - id, patient_id = 500001 - patient_id")
    quiet(
        superuser,
        """
        update patients_cycle set course_id = 900001 - course_id;
        update patients_patient set id = 500001 - id;
        update ident.patient_identity set patient_id = 500001 - patient_id;
        update pseudonym.subject set patient_id = 500001 - patient_id
        """,
    )


def _permute(superuser: psycopg.Connection) -> None:
    for table in CLINICAL:
        quiet(superuser, f"update {table} set missing = missing where id % 3 = 0")
        superuser.execute(f"vacuum full {table}")


CHANGES: dict[str, Callable[[psycopg.Connection], None]] = {
    "identifiers and free text": lambda s: quiet(
        s,
        """
        update patients_patient set registry_number = 'N' || id, public_id = gen_random_uuid();
        update ident.patient_identity set record_id = 'R' || patient_id, mrn_index = null;
        update patients_prior_therapy set agent = 'other', public_id = gen_random_uuid();
        update patients_cycle set toxicity_criteria = null
        """,
    ),
    "dates within the year": _shift,
    "order of rows": _permute,
    "keys": _renumber,
    "times of entry": lambda s: quiet(
        s,
        ";".join(
            f"update {t} set created_at = created_at + id * interval '1 hour'" for t in CLINICAL
        ),
    ),
    "centers": lambda s: quiet(
        s,
        "update centers_center set code = 'Z' || (99 - id), name = 'Other', city = '',"
        " public_id = gen_random_uuid()",
    ),
}


@pytest.mark.parametrize("name", [*CHANGES, "settings of the server"])
def test_bytes_do_not_depend_on_secrets(
    world: World, superuser: psycopg.Connection, name: str
) -> None:
    before = {profile: data_hashes(world.built[profile]) for profile in PROFILES}
    changes = {
        **CHANGES,
        "settings of the server": lambda s: None,
    }
    roles = ("registry_exporter",)
    if name == "settings of the server":
        for role in roles:
            superuser.execute(f"alter role {role} set datestyle = 'German'")
            superuser.execute(f"alter role {role} set timezone = 'Asia/Tokyo'")
            superuser.execute(f"alter role {role} set extra_float_digits = 0")
        for alias in ("exporter",):
            connections[alias].close()
    try:
        changed: Callable[[], None] = partial(changes[name], superuser)
        for profile in PROFILES:
            after = again_after(world, superuser, changed, profile)
            assert after == before[profile], (profile, name)
            changed = _nothing
    finally:
        for role in roles:
            superuser.execute(f"alter role {role} reset all")
        superuser.execute("alter role registry_exporter set default_transaction_read_only = on")


LEAKS = {
    "registry number": "record.registry_number",
    "hash of the registry number": "md5(record.registry_number)",
    "length of the record id": "length(identity.record_id)::text",
    "initial of the record id": "right(identity.record_id, 1)",
    "key": "o.patient_id::text",
    "day of the week": "to_char(o.t0, 'ID')",
    "month": "to_char(o.t0, 'MM')",
    "epoch day": "(o.t0 - date '1970-01-01')::text",
    "time of entry": "extract(epoch from record.created_at)::text",
    "center": "o.center_id::text || (select code from centers_center c where c.id = o.center_id)",
    "birth day": "to_char(identity.birth_date_point, 'DDD')",
    "parity of the key": "(o.patient_id & 1)::text",
}


@pytest.mark.parametrize("leak", [*LEAKS, "order of rows"])
def test_planted_leak_turns_red(
    world: World, superuser: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, leak: str
) -> None:
    """With the leak, some change of secrets changes the bytes."""
    fill = freezing.fill_statement
    if leak in LEAKS:
        monkeypatch.setattr(
            freezing,
            "fill_statement",
            lambda table: fill(table).replace("    record.cohort,", f"    {LEAKS[leak]},"),
        )
    else:
        original = spool._sorted
        monkeypatch.setattr(
            spool,
            "_sorted",
            lambda column: original(column) + psycopg.sql.SQL(" is null"),
        )
    given = {"formats": ["csv"], "tables": ["subjects"]}
    cut = make_cut(actor=system_scope(), name="With the leak", cutoff=CUTOFF)
    before = data_hashes(build(world, RESEARCH, cut_id=cut.pk, **given))
    red = []
    for name, change in CHANGES.items():
        after = again_after(world, superuser, partial(change, superuser), RESEARCH, **given)
        if after != before:
            red.append(name)
            break
    assert red, leak


def test_two_projects_cannot_be_joined_by_code_or_order(
    world: World, superuser: psycopg.Connection
) -> None:
    rows = superuser.execute(
        'select a.code, b.code, rank() over (order by a.code collate "C"), rank() over (order by b.code collate "C"),'
        " rank() over (order by a.patient_id) from pseudonym.subject a join pseudonym.subject b"
        " on a.patient_id = b.patient_id and a.project_id < b.project_id"
    ).fetchall()
    assert len(rows) == 160
    assert not {row[0] for row in rows} & {row[1] for row in rows}
    for one, two in ((2, 3), (2, 4), (3, 4)):
        n = len(rows)
        squared = sum((row[one] - row[two]) ** 2 for row in rows)
        spearman = 1 - 6 * squared / (n * (n * n - 1))
        assert abs(spearman) < 0.4  # five standard errors
    assert all(len(row[0]) == 16 for row in rows)


def test_intervals_are_those_of_the_registry(world: World, superuser: psycopg.Connection) -> None:
    job = world.built[RESEARCH]
    found = {}
    folder = engine.store.place(hashes(job)["time_to_event.csv"])
    for line in folder.read_text().splitlines()[1:]:
        cells = line.split(",")
        found[cells[0], cells[1]] = (int(cells[3]), int(cells[5]))
    rows = superuser.execute(
        "select s.code, o.variant, o.pfs_days, o.cnsr, o.os_days, 1 - o.os_event"
        " from pseudonym.subject s join analytics_outcome o using (patient_id)"
        " where s.project_id = %s",
        [job.project_id],
    ).fetchall()
    names = {"primary": "PFS", "fda": "PFSFDA", "ema": "PFSEMA", "worst_case": "PFSWC"}
    assert len(rows) == 4 * 160
    for code, variant, pfs, cnsr, survival, alive in rows:
        assert found[code, names[variant]] == (pfs, cnsr)
        assert found[code, "OS"] == (survival, alive)


def _nothing() -> None:
    """The rows are changed already."""
