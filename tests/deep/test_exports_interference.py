"""Non-interference of exports: only secrets are changed, and not a byte of any file may change.

Leaks are planted into the filling of the frozen rows; with each, some change of secrets must show.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connections

from analytics.actions.data_cuts import make_cut
from analytics.exporting import spool
from analytics.models import ExportJob
from analytics.projects import RESEARCH
from centers.access import system_scope
from tests.analytics.exports_world import CLINICAL, CUTOFF, World, build, hashes, note_events
from tests.deep.export_world import DATED, PARTIAL, PROFILES, build_marked, plant, quiet
from tests.snapshot import start_from

MANIFESTS = ("manifest.json", "manifest.sig")


@pytest.fixture(scope="module", autouse=True)
def _store(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings.REGISTRY_EXPORT_DIR = tmp_path_factory.mktemp("exports")


@pytest.fixture
def world(database: None, superuser: psycopg.Connection) -> World:
    return start_from("exports of interference", lambda: build_marked(superuser), superuser)


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
    """Each patient's dates some days later, within the year of the first dose.

    Not those of records with a date known to the month or year: what is rounded of it would move.
    """
    quiet(
        superuser,
        f"""
        create table public.moved as select c.patient_id, 1 + c.patient_id % 5 as days
        from patients_cycle c where (c.patient_id - 1) % {PARTIAL} <> 0 group by c.patient_id
        having extract(year from min(start_date_point) + 1 + (c.patient_id % 5)::integer)
            = extract(year from min(start_date_point))
        """,
    )
    for table, names in DATED.items():
        key = "id" if table == "patients_patient" else "patient_id"
        moved = ", ".join(f"{n} = ({n}::text::date + m.days::integer)::text" for n in names)
        quiet(
            superuser,
            f"update {table} t set {moved} from public.moved m where m.patient_id = t.{key}",
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
        update patients_patient set histology = 'other' where histology like 'CANARY%';
        update patients_patient set consent_date = '2001';
        update ident.patient_identity set record_id = 'R' || patient_id, mrn_index = null,
            sealed = 'other';
        update patients_prior_therapy set agent = 'other', public_id = gen_random_uuid();
        update patients_systemic_therapy set agent = null;
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
    "centers and staff": lambda s: quiet(
        s,
        "update centers_center set code = 'Z' || (99 - id), name = 'Other', city = '',"
        " public_id = gen_random_uuid();"
        "update centers_user set username = 'u' || id, full_name = 'Other' where id <> 1",
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


# What is planted, and the change of secrets that must show it.
LEAKS = {
    "registry number": ("record.registry_number", "identifiers and free text"),
    "hash of the registry number": ("md5(record.registry_number)", "identifiers and free text"),
    "length of the record id": ("length(identity.record_id)::text", "identifiers and free text"),
    "initial of the record id": ("left(identity.record_id, 3)", "identifiers and free text"),
    "key": ("o.patient_id::text", "keys"),
    "parity of the key": ("(o.patient_id & 1)::text", "keys"),
    "day of the week": ("to_char(o.t0, 'ID')", "dates within the year"),
    "month": ("to_char(o.t0, 'MM')", "dates within the year"),
    "epoch day": ("(o.t0 - date '1970-01-01')::text", "dates within the year"),
    "birth day": ("to_char(identity.birth_date_point, 'DDD')", "dates within the year"),
    "time of entry": ("extract(epoch from record.created_at)::text", "times of entry"),
    "center": (
        "(select code from centers_center c where c.id = o.center_id)",
        "centers and staff",
    ),
}


@pytest.mark.parametrize("leak", [*LEAKS, "order of rows"])
def test_planted_leak_turns_red(
    world: World, superuser: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, leak: str
) -> None:
    """With the leak, some change of secrets changes the bytes."""
    if leak in LEAKS:
        planted, change = LEAKS[leak]
        plant(monkeypatch, planted)
    else:
        change, original = "order of rows", spool._sorted
        monkeypatch.setattr(
            spool,
            "_sorted",
            lambda column: original(column) + psycopg.sql.SQL(" is null"),
        )
    given = {"formats": ["csv"], "tables": ["subjects"]}
    cut = make_cut(actor=system_scope(), name="With the leak", cutoff=CUTOFF)
    before = data_hashes(build(world, RESEARCH, cut_id=cut.pk, **given))
    changed = partial(CHANGES[change], superuser)
    assert again_after(world, superuser, changed, RESEARCH, **given) != before


def _nothing() -> None:
    """The rows are changed already."""
